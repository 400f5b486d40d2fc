/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A container that is started anew has another network namespace at the same path: the gate has to
 * go there. Only the attacher may do that, and see paths that are closed to the daemon's user.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/gates_places.h"
#include "daemon/gates_report.h"
#include "daemon/gates_warn.h"
#include "publish/divert.h"

static void count_attached(struct gates *gates)
{
	gates->attached = false;
	for (unsigned int i = 0; i < gates->count; i++)
		gates->attached |= gates->gates[i].attached;
	if (gates->attached)
		return;
	divert_open(kernel_orders(gates->kernel)); /* disarms the brake */
}

static void close_lost(struct gates *gates, unsigned int i, const struct config *config,
		       int64_t now)
{
	struct gates_gate *gate = &gates->gates[i];

	log_warning("gate: the network namespace at %s is not there any more: no gate is in it "
		    "until there is one again",
		    config->gates[i].netns);
	gates_sum_up(gates, i, config, now);
	gates_let_go(gates, i);
	gate->lost = true;
}

/* Gate I is in another namespace now: its ports, its counters and its pulse go on. */
static void adopt(struct gates *gates, const struct attacher_reply *reply)
{
	unsigned int i = reply->slot;
	const struct config *config = gates->config;
	struct gates_gate *gate = &gates->gates[i];
	int error;

	if (gate->attached)
		log_warning("gate: the network namespace at %s is another one now: the gate is in "
			    "that again; it was open there for 5 s at most",
			    config->gates[i].netns);
	else
		log_notice("gate: a network namespace is at %s: the gate is in it",
			   config->gates[i].netns);
	gates_sum_up(gates, i, config, monotonic_ns());
	gate_adopt(&gate->gate, &reply->place, reply->link_fd);
	divert_ports(kernel_orders(gates->kernel), i, config, reply->place.backlog);
	error = starter_start(&gates->responders[i], reply->place.listener_fd, gate->gate.pulse_fd);
	if (error)
		log_warning("gate: no responder in %s: %s", config->gates[i].netns,
			    strerror(-error));
	gate->prepared = gate->attached = gates->attached = true;
	gate->lost = false;
}

/* What cannot be seen is left as it is. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EINVAL;
}

static void take_reply(struct gates *gates, const struct attacher_reply *reply)
{
	struct gates_gate *gate = &gates->gates[reply->slot];

	gate->asked = false;
	if (!reply->error)
		adopt(gates, reply);
	else if (gate->attached && is_gone(reply->error))
		close_lost(gates, reply->slot, gates->config, monotonic_ns());
	if (!gate->attached)
		gate->error = reply->error;
	count_attached(gates);
}

static void on_attacher(evutil_socket_t fd, short events, void *argument)
{
	struct gates *gates = argument;
	struct attacher_reply reply;
	int error;

	(void)fd;
	(void)events;
	while (!(error = attacher_hear(&gates->attacher, &reply)))
		take_reply(gates, &reply);
	if (error != -EAGAIN)
		event_del(gates->attacher_event); /* its keeper is gone, and so are we */
}

/* What the one before was asked nobody answers any more. */
static void on_another(void *context)
{
	struct gates *gates = context;

	for (unsigned int i = 0; i < gates->count; i++)
		gates->gates[i].asked = false;
}

void gates_places_start(struct gates *gates)
{
	int maps[KERNEL_MAPS], pulses[CONFIG_GATES];
	bool any = false;
	int error;

	for (unsigned int i = 0; i < gates->count; i++) {
		any |= gates->gates[i].comes;
		pulses[i] = gates->gates[i].gate.pulse_fd;
	}
	if (!any || !gates->kernel)
		return;
	kernel_maps(gates->kernel, maps);
	error = attacher_start(&gates->attacher, maps, pulses);
	if (error) {
		log_warning("no attacher: %s; a gate whose network namespace is another one stays "
			    "off until a restart",
			    strerror(-error));
		return;
	}
	gates->attacher_child.changed = on_another;
	gates->attacher_child.context = gates;
	gates->attacher_event = event_new(gates->base, gates->attacher_child.fd,
					  EV_READ | EV_PERSIST, on_attacher, gates);
	if (gates->attacher_event)
		event_add(gates->attacher_event, NULL);
}

static void ask_attacher(struct gates *gates)
{
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];

		if (!gate->comes || gate->asked)
			continue;
		gate->asked = true;
		attacher_ask(&gates->attacher, i, &gate->gate.place);
	}
}

void gates_places_check(struct gates *gates, const struct config *config, int64_t now)
{
	if (now - gates->looked_ns < WATCH_SAFETY_NS - NS_PER_S)
		return;
	gates->looked_ns = now;
	if (gates->attacher.wanted)
		ask_attacher(gates);
	if (gates->warn_ns && now >= gates->warn_ns) {
		gates->warn_ns = 0;
		gates_warn_late(gates, config);
	}
}

void gates_places_stop(struct gates *gates)
{
	if (gates->attacher_event)
		event_free(gates->attacher_event);
	gates->attacher_event = NULL;
}
