/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates in the daemon: start, orders, end. */
#include <errno.h>
#include <event2/event.h>
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

static void make_greeting(struct starter *starter, const struct config_gate *config)
{
	char host[CONFIG_HOST];

	snprintf(host, sizeof(host), "%s", config->host);
	if (!host[0] && gethostname(host, sizeof(host) - 1))
		snprintf(host, sizeof(host), "localhost");
	host[sizeof(host) - 1] = '\0';
	/* A host name and a reply, both as long as can be. */
	if (greeting_make(starter->greeting, config->reply, host) < 0)
		greeting_make(starter->greeting, "421 4.3.2 Service not available", host);
}

void gates_children(struct gates *gates, struct children *children, const struct config *config,
		    const struct gates_sheds *sheds)
{
	gates->count = config->gate_count;
	if (!gates->count)
		return;
	gates->program_fd = starter_open_program();
	gates->attacher.gates = config->gates;
	gates->attacher.count = gates->count;
	attacher_child(&gates->attacher, &gates->attacher_child, sheds->attacher, config->user);
	children_add(children, &gates->attacher_child, false);
	gates_warn_child(&gates->prober, config, sheds->prober);
	children_add(children, &gates->prober, true);
	for (unsigned int i = 0; i < gates->count; i++) {
		gates->starters[i].program_fd = gates->program_fd;
		make_greeting(&gates->starters[i], &config->gates[i]);
		starter_child(&gates->responders[i], &gates->starters[i], sheds->responder,
			      config->user);
		children_add(children, &gates->responders[i], true);
	}
}

/* Whatever listener is left keeps the namespace, so the responder's goes as well. */
void gates_let_go(struct gates *gates, unsigned int i)
{
	struct gates_gate *gate = &gates->gates[i];

	if (gate->comes)
		gate_detach(&gate->gate);
	else
		gate_close(&gate->gate);
	if (gate->prepared)
		child_end(&gates->responders[i]);
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

static int prepare(struct gates *gates, unsigned int i, const struct config *config)
{
	struct gates_gate *gate = &gates->gates[i];
	int error = gate_prepare(&gate->gate, &config->gates[i]);

	gate->prepared = !error;
	gate->comes = config->gates[i].netns[0] && gate->gate.pulse_fd >= 0;
	if (gates->program_fd < 0) {
		gate->comes = false;
		error = gates->program_fd;
	}
	if (!error)
		error = starter_start(&gates->responders[i], gate->gate.place.listener_fd,
				      gate->gate.pulse_fd);
	return error;
}

void gates_prepare(struct gates *gates, const struct config *config)
{
	for (unsigned int i = 0; i < gates->count; i++) {
		int error = prepare(gates, i, config);

		if (error)
			switch_off(gates, i, config, error);
	}
	gates_warn_of_twins(gates, config);
}

static void attach(struct gates *gates, unsigned int i, const struct config *config)
{
	struct gates_gate *gate = &gates->gates[i];
	int error = -ENOSYS, maps[KERNEL_MAPS];

	gates_warn_at_start(gates, i, config);
	if (gates->kernel) {
		divert_ports(kernel_orders(gates->kernel), i, config, gate->gate.place.backlog);
		kernel_maps(gates->kernel, maps);
		error = gate_attach(&gate->gate, maps, i);
	}
	gate->attached = !error;
	gates->attached |= !error;
	if (error)
		switch_off(gates, i, config, error);
}

void gates_attach(struct gates *gates, struct event_base *base, struct watch *watch,
		  const struct config *config)
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
	gates_places_start(gates);
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
	else if (!gates->attacher.wanted)
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
	if (gates->count && gates->program_fd >= 0)
		close(gates->program_fd);
}
