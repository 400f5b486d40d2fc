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
static void let_go(struct gates *gates, struct gates_gate *gate)
{
	gate_close(&gate->gate);
	if (gate->prepared && gates->responders.pid > 0)
		responders_release(&gates->responders, gate->post);
	gate->prepared = gate->attached = false;
}

static void switch_off(struct gates *gates, struct gates_gate *gate,
		       const struct config_gate *config, int error)
{
	log_warning("gate: off in %s: %s", gates_name(config), strerror(-error));
	let_go(gates, gate);
	gate->error = error;
}

void gates_prepare(struct gates *gates, const struct config *config)
{
	struct keeper_post posts[CONFIG_GATES];
	unsigned int count = 0;
	int error;

	gates->count = config->gate_count;
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		error = gate_prepare(&gate->gate, &config->gates[i]);
		gate->prepared = !error;
		gate->post = count;
		if (error)
			switch_off(gates, gate, &config->gates[i], error);
		else
			make_post(&posts[count++], &gate->gate, &config->gates[i]);
	}
	gates_warn_of_twins(gates, config);
	error = count ? start_responders(gates, posts, count, config->user) : 0;
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		if (gate->prepared && !error)
			error = gate_hand_over(&gate->gate);
		if (gate->prepared && error)
			switch_off(gates, gate, &config->gates[i], error);
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
static void dismiss_keeper(struct gates *gates)
{
	if (gates->lifeline_event)
		event_free(gates->lifeline_event);
	gates->lifeline_event = NULL;
	responders_stop(&gates->responders);
}

void gates_attach(struct gates *gates, struct event_base *base, struct watch *watch,
		  const struct config *config)
{
	int error;

	gates->base = base;
	gates->config = config;
	gates->kernel = watch_kernel(watch);
	if (gates->kernel)
		divert_networks(kernel_orders(gates->kernel), config);
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		if (!gate->prepared)
			continue;
		gates_warn_at_start(gates, i, config);
		error = -ENOSYS;
		if (gates->kernel) {
			divert_ports(kernel_orders(gates->kernel), i, config,
				     gate->gate.place.backlog);
			error = gate_attach(&gate->gate, gates->kernel, i);
		}
		gate->attached = !error;
		gates->attached |= !error;
		if (error)
			switch_off(gates, gate, &config->gates[i], error);
	}
	gates->warn_ns = monotonic_ns() + LATE_NS;
	if (gates->attached)
		listen_to_keeper(gates);
	else
		dismiss_keeper(gates);
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

static void close_lost(struct gates *gates, unsigned int i, const struct config *config,
		       int64_t now)
{
	struct gates_gate *gate = &gates->gates[i];

	log_warning("gate: the network namespace at %s is another one now, or none: no gate is in "
		    "it until a restart",
		    config->gates[i].netns);
	gates_sum_up(gates, i, config, now);
	let_go(gates, gate);
	gate->lost = true;
}

/* The path is in /run, or wherever the administrator says: never one that is watched. */
static void check_places(struct gates *gates, const struct config *config, int64_t now)
{
	if (now - gates->looked_ns < WATCH_SAFETY_NS - NS_PER_S)
		return;
	gates->looked_ns = now;
	gates->attached = false;
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		if (gate->attached && !gate_place_is_there(&gate->gate.place, &config->gates[i]))
			close_lost(gates, i, config, now);
		gates->attached |= gate->attached;
	}
	if (!gates->attached) {
		divert_open(kernel_orders(gates->kernel)); /* disarms the brake */
		dismiss_keeper(gates);
		return;
	}
	if (gates->warn_ns && now >= gates->warn_ns) {
		gates->warn_ns = 0;
		gates_warn_late(gates, config);
	}
}

void gates_publish(struct gates *gates, const struct config *config, const struct judge *judge,
		   const struct admission *admission, int64_t now)
{
	if (!gates->attached)
		return; /* nor is the brake armed */
	divert_publish(kernel_orders(gates->kernel), config, judge, admission, now);
	check_places(gates, config, now);
	gates_announce(gates, config, judge, now);
}

void gates_close(struct gates *gates)
{
	if (gates->kernel)
		divert_open(kernel_orders(gates->kernel));
	for (unsigned int i = 0; i < gates->count; i++) {
		gates_sum_up(gates, i, gates->config, monotonic_ns());
		if (gates->gates[i].prepared)
			gate_close(&gates->gates[i].gate);
	}
	dismiss_keeper(gates);
}
