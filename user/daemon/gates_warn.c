/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates that may be where no client comes by. */
#include <stdio.h>

#include "common/log.h"
#include "daemon/gates_warn.h"
#include "publish/gate_proxy.h"

const char *gates_name(const struct config_gate *config)
{
	return config->netns[0] ? config->netns : "the daemon's own network namespace";
}

static void warn_of_silence(const struct gate_place *place, const struct config_gate *config)
{
	char ports[CONFIG_GATE_PORTS * sizeof("65535, ")] = "";
	size_t length = 0;

	for (unsigned int i = 0; i < config->port_count; i++)
		if (place->unheard[i])
			length += (size_t)snprintf(ports + length, sizeof(ports) - length, "%s%u",
						   length ? ", " : "", config->ports[i].number);
	if (length)
		log_warning("gate: nobody listens on port %s in %s yet; a server in a container "
			    "wants netns, as forwarded ports never come here",
			    ports, gates_name(config));
}

void gates_warn_of_twins(const struct gates *gates, const struct config *config)
{
	for (unsigned int i = 0; i < gates->count; i++)
		for (unsigned int j = 0; j < i; j++) {
			const struct gate_place *a = &gates->gates[j].gate.place;
			const struct gate_place *b = &gates->gates[i].gate.place;

			if (gates->gates[i].prepared && gates->gates[j].prepared &&
			    a->device == b->device && a->inode == b->inode)
				log_warning("gate: %s and %s are one network namespace, which "
					    "wants one gate with all ports",
					    gates_name(&config->gates[j]),
					    gates_name(&config->gates[i]));
		}
}

void gates_warn_at_start(const struct gates *gates, unsigned int i, const struct config *config)
{
	const struct gate_place *place = &gates->gates[i].gate.place;

	if (place->strangers)
		log_warning("gate: %u other sk_lookup program%s in %s, which can overrule it "
			    "(bpftool net list)",
			    place->strangers, place->strangers == 1 ? " is" : "s are",
			    gates_name(&config->gates[i]));
	if (config->gates[i].netns[0])
		warn_of_silence(place, &config->gates[i]);
}

static void warn_of_memory(const struct pulse *pulse, const struct config_gate *config)
{
	if (pulse->beat_ns && !pulse->locked)
		log_info("gate: the memory of the responder in %s is not locked",
			 gates_name(config));
}

void gates_warn_late(struct gates *gates, const struct config *config)
{
	child_start(&gates->prober, NULL, 0);
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gate_place *place = &gates->gates[i].gate.place;
		const struct config_gate *gate = &config->gates[i];

		if (!gates->gates[i].attached)
			continue;
		warn_of_memory(gates->gates[i].gate.pulse, gate);
		if (gate->netns[0])
			continue;
		gate_place_hear(place, gate);
		warn_of_silence(place, gate);
	}
}

/*
 * In a process of its own: what another was called with is in its memory, and who asks for that
 * waits for whatever holds it.
 */
static void look_for_proxies(const struct child *child)
{
	const struct config *config = child->data;

	for (unsigned int i = 0; i < config->gate_count; i++) {
		const struct config_gate *gate = &config->gates[i];
		uint16_t port = gate->netns[0] ? 0 : gate_proxy_find(gate);

		if (port)
			log_warning("gate: port %u of this host is forwarded by docker-proxy: the "
				    "server is in a container and wants netns, as forwarded ports "
				    "never come here",
				    port);
	}
}

void gates_warn_child(struct child *child, const struct config *config,
		      int (*shed)(const char *user))
{
	*child = (struct child){
		.name = "prober",
		.process = "spoolgate-probe",
		.loss = "nobody looks for docker-proxy",
		.shed = shed,
		.user = config->user,
		.run = look_for_proxies,
		.data = (void *)config,
		.once = true,
	};
}
