/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates in the daemon: start, orders, end. */
#include <errno.h>
#include <event2/event.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/gates.h"
#include "daemon/gates_places.h"
#include "daemon/gates_report.h"
#include "daemon/gates_warn.h"
#include "publish/divert.h"

#define LATE_NS (30 * NS_PER_S) /* after the start: what comes with us at boot is there by then */

static void make_post(struct keeper_post *post, const struct gate *gate,
		      const struct config_gate *config)
{
	char host[CONFIG_HOST];

	snprintf(host, sizeof(host), "%s", config->host);
	if (!host[0] && gethostname(host, sizeof(host) - 1))
		snprintf(host, sizeof(host), "localhost");
	host[sizeof(host) - 1] = '\0';
	post->listener_fd = gate->place.listener_fd;
	post->pulse_fd = gate->pulse_fd;
	post->pulse = gate->pulse;
	/* A host name and a reply, both as long as can be. */
	if (greeting_make(post->greeting, config->reply, host) < 0)
		greeting_make(post->greeting, "421 4.3.2 Service not available", host);
}

static int start_responders(struct gates *gates, const struct keeper_post *posts,
			    unsigned int count, const char *user)
{
	const struct passwd *entry = *user ? getpwnam(user) : NULL;

	return responders_start(&gates->responders, posts, count, entry ? entry->pw_uid : 0,
				entry ? entry->pw_gid : 0);
}

/* Whatever listener is left keeps the namespace, so the responder's and its keeper's go as well. */
void gates_let_go(struct gates *gates, unsigned int i)
{
	struct gates_gate *gate = &gates->gates[i];

	if (gate->comes)
		gate_detach(&gate->gate);
	else
		gate_close(&gate->gate);
	if (gate->prepared && gates->responders.pid > 0)
		responders_release(&gates->responders, i);
	gate->prepared = gate->attached = false;
	gate->gate.place.device = 0;
	gate->gate.place.inode = 0;
}

static void switch_off(struct gates *gates, unsigned int i, const struct config *config, int error)
{
	struct gates_gate *gate = &gates->gates[i];

	gate->comes &= error == -ENOENT || error == -EINVAL; /* not mounted yet */
	log_warning("gate: off in %s: %s%s", gates_name(&config->gates[i]), strerror(-error),
		    gate->comes ? "; on once it is there" : "");
	gates_let_go(gates, i);
	gate->error = error;
}

/* All have their place with the keeper, with a responder or not: by the gate's number. */
void gates_prepare(struct gates *gates, const struct config *config)
{
	struct keeper_post posts[CONFIG_GATES];
	bool any = false;
	int error;

	gates->count = config->gate_count;
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		error = gate_prepare(&gate->gate, &config->gates[i]);
		gate->prepared = !error;
		gate->comes = config->gates[i].netns[0] && gate->gate.pulse_fd >= 0;
		if (error)
			switch_off(gates, i, config, error);
		make_post(&posts[i], &gate->gate, &config->gates[i]);
		any |= gate->prepared || gate->comes;
	}
	gates_warn_of_twins(gates, config);
	error = any ? start_responders(gates, posts, gates->count, config->user) : 0;
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		if (!error && gate->gate.pulse_fd >= 0)
			error = gate_hand_over(&gate->gate);
		if (gate->prepared && error)
			switch_off(gates, i, config, error);
		gate->comes &= !error;
	}
}

static void on_lifeline(evutil_socket_t fd, short events, void *argument)
{
	struct gates *gates = argument;
	unsigned char status;
	int restarted = responders_restarted(&gates->responders, &status);

	(void)fd;
	(void)events;
	if (restarted < 0) {
		log_error("the responders' keeper is gone: ending, to be started anew");
		gates->failed = true;
		event_del(gates->lifeline_event);
		event_base_loopbreak(gates->base);
		return;
	}
	if (restarted)
		log_warning("a responder ended and was started again (%s %d)",
			    status < 128 ? "status" : "signal", status % 128);
	gates->responder_starts += (uint64_t)restarted;
}

static void listen_to_keeper(struct gates *gates)
{
	gates->lifeline_event = event_new(gates->base, gates->responders.lifeline,
					  EV_READ | EV_PERSIST, on_lifeline, gates);
	if (gates->lifeline_event)
		event_add(gates->lifeline_event, NULL);
}

/* Without a gate the keeper has nothing to keep, and its death must not be the daemon's end. */
void gates_dismiss_keeper(struct gates *gates)
{
	if (gates->lifeline_event)
		event_free(gates->lifeline_event);
	gates->lifeline_event = NULL;
	responders_stop(&gates->responders);
}

static void attach(struct gates *gates, unsigned int i, const struct config *config)
{
	struct gates_gate *gate = &gates->gates[i];
	int error = -ENOSYS;

	gates_warn_at_start(gates, i, config);
	if (gates->kernel) {
		divert_ports(kernel_orders(gates->kernel), i, config, gate->gate.place.backlog);
		error = gate_attach(&gate->gate, gates->kernel, i);
	}
	gate->attached = !error;
	gates->attached |= !error;
	if (error)
		switch_off(gates, i, config, error);
}

void gates_attach(struct gates *gates, struct event_base *base, struct watch *watch,
		  const struct config *config, int (*shed)(const char *user))
{
	gates->base = base;
	gates->config = config;
	gates->kernel = watch_kernel(watch);
	if (gates->kernel)
		divert_networks(kernel_orders(gates->kernel), config);
	for (unsigned int i = 0; i < gates->count; i++)
		if (gates->gates[i].prepared)
			attach(gates, i, config);
	gates->warn_ns = monotonic_ns() + LATE_NS;
	gates_places_start(gates, config, shed);
	if (gates->attached || gates->attacher.pid)
		listen_to_keeper(gates);
	else
		gates_dismiss_keeper(gates);
}

static bool same_place(const struct config_gate *a, const struct config_gate *b)
{
	return !strcmp(a->netns, b->netns) && !strcmp(a->reply, b->reply) &&
	       !strcmp(a->host, b->host);
}

/* The gates that there are cannot move: each keeps its place, and takes the ports and lease. */
static void keep_places(struct gates *gates, const struct config *before, struct config *config)
{
	bool changed = config->gate_count != before->gate_count;

	for (unsigned int i = 0; i < gates->count; i++) {
		struct config_gate *gate = &config->gates[i];

		if (i >= config->gate_count || strcmp(gate->netns, before->gates[i].netns) != 0) {
			*gate = before->gates[i];
			changed = true;
		} else if (!same_place(gate, &before->gates[i])) {
			strcpy(gate->reply, before->gates[i].reply);
			strcpy(gate->host, before->gates[i].host);
			changed = true;
		}
	}
	config->gate_count = gates->count;
	if (changed)
		log_warning("reload: of a gate only ports, submission-ports and lease are taken "
			    "over; others, its netns, host and reply at a restart only");
}

void gates_reload(struct gates *gates, const struct config *before, struct config *config)
{
	keep_places(gates, before, config);
	gates->config = config;
	if (!gates->kernel)
		return;
	divert_networks(kernel_orders(gates->kernel), config);
	for (unsigned int i = 0; i < gates->count; i++)
		if (gates->gates[i].attached)
			divert_ports(kernel_orders(gates->kernel), i, config,
				     gates->gates[i].gate.place.backlog);
}

void gates_publish(struct gates *gates, const struct config *config, const struct judge *judge,
		   const struct admission *admission, int64_t now)
{
	if (gates->attached) /* if not, the brake is not armed either */
		divert_publish(kernel_orders(gates->kernel), config, judge, admission, now);
	else if (!gates->attacher.pid)
		return;
	gates_places_check(gates, config, now);
	if (gates->attached)
		gates_announce(gates, config, judge, now);
}

void gates_close(struct gates *gates)
{
	if (gates->kernel)
		divert_open(kernel_orders(gates->kernel));
	for (unsigned int i = 0; i < gates->count; i++) {
		gates_sum_up(gates, i, gates->config, monotonic_ns());
		if (gates->gates[i].prepared || gates->gates[i].comes)
			gate_close(&gates->gates[i].gate);
	}
	gates_places_stop(gates);
	gates_dismiss_keeper(gates);
}
