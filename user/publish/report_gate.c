/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates as JSON: all of them in one, as monitoring wants them, and each by itself. */
#include <json-c/json.h>
#include <string.h>

#include "publish/divert.h"
#include "publish/report.h"

/* From the best to the worst. */
static const char *const states[] = { "off", "open", "closed", "braked" };

static int rank(const char *state)
{
	int i = (int)(sizeof(states) / sizeof(states[0])) - 1;

	while (i && strcmp(states[i], state) != 0)
		i--;
	return i;
}

/* Without memory VALUE is NULL, and so is what comes of all of it. */
static void add(struct json_object **object, const char *key, struct json_object *value)
{
	if (*object && value && !json_object_object_add(*object, key, value))
		return;
	json_object_put(value);
	json_object_put(*object);
	*object = NULL;
}

static void append(struct json_object **array, struct json_object *value)
{
	if (*array && value && !json_object_array_add(*array, value))
		return;
	json_object_put(value);
	json_object_put(*array);
	*array = NULL;
}

static void add_null(struct json_object **object, const char *key)
{
	if (*object && !json_object_object_add(*object, key, NULL))
		return;
	json_object_put(*object);
	*object = NULL;
}

static void add_text(struct json_object **object, const char *key, const char *text)
{
	if (*text)
		add(object, key, report_string(text));
	else
		add_null(object, key);
}

static uint64_t count_of(const struct report_gate *gate, unsigned int place,
			 enum gate_verdict verdict)
{
	if (!gate->ledger || place >= LEDGER_GATE_PORTS)
		return 0;
	return __atomic_load_n(&gate->ledger->counts[place][verdict], __ATOMIC_RELAXED);
}

/* Connections that were refused without a word. */
static const struct {
	const char *name;
	enum gate_verdict verdict;
} drops[] = {
	{ "no_pulse", GATE_NO_PULSE },
	{ "full", GATE_FULL },
	{ "unassigned", GATE_UNASSIGNED },
};

static uint64_t dropped_of(const struct report_gate *gate, unsigned int place)
{
	uint64_t dropped = 0;

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		dropped += count_of(gate, place, drops[i].verdict);
	return dropped;
}

static struct json_object *port_new(const struct report_gate *gate,
				    const struct config_gate_port *port)
{
	unsigned int place =
		gate->orders ? divert_place(gate->orders, port->number) : LEDGER_GATE_PORTS;
	struct json_object *object = json_object_new_object();

	add(&object, "port", json_object_new_int(port->number));
	add(&object, "class", json_object_new_string(class_name(port->class)));
	add(&object, "diverted", json_object_new_uint64(count_of(gate, place, GATE_DIVERTED)));
	for (size_t j = 0; j < sizeof(drops) / sizeof(drops[0]); j++)
		add(&object, drops[j].name,
		    json_object_new_uint64(count_of(gate, place, drops[j].verdict)));
	add(&object, "internal", json_object_new_uint64(count_of(gate, place, GATE_INTERNAL)));
	add(&object, "passed", json_object_new_uint64(count_of(gate, place, GATE_PASSED)));
	return object;
}

/* In seconds, rounded down: nobody needs it finer. */
static struct json_object *lease_new(int64_t lease_ns)
{
	return json_object_new_int64(lease_ns / NS_PER_S);
}

static struct json_object *gate_new(const struct report_gate *gate)
{
	struct json_object *object = json_object_new_object();
	struct json_object *ports = json_object_new_array();

	for (unsigned int i = 0; i < gate->config->port_count; i++)
		append(&ports, port_new(gate, &gate->config->ports[i]));
	add_text(&object, "netns", gate->config->netns);
	add(&object, "state", json_object_new_string(gate->state));
	add_text(&object, "reason", gate->reason);
	add(&object, "lease_s", lease_new(gate->lease_ns));
	add(&object, "answered", json_object_new_uint64(gate->pulse ? gate->pulse->accepted : 0));
	add(&object, "cut", json_object_new_uint64(gate->pulse ? gate->pulse->cut : 0));
	add(&object, "ports", ports);
	return object;
}

static bool has_port(const struct report_gates *gates, unsigned int before, uint16_t number)
{
	for (unsigned int i = 0; i < before; i++)
		for (unsigned int j = 0; j < gates->gates[i].config->port_count; j++)
			if (gates->gates[i].config->ports[j].number == number)
				return true;
	return false;
}

/* Each port once, whatever gates have it. */
static struct json_object *ports_new(const struct report_gates *gates)
{
	struct json_object *ports = json_object_new_array();

	for (unsigned int i = 0; i < gates->count; i++)
		for (unsigned int j = 0; j < gates->gates[i].config->port_count; j++) {
			uint16_t number = gates->gates[i].config->ports[j].number;

			if (!has_port(gates, i, number))
				append(&ports, json_object_new_int(number));
		}
	return ports;
}

/* The worst gate speaks for all. */
static void add_worst(struct json_object **object, const struct report_gates *gates)
{
	const struct report_gate *worst = NULL;
	uint64_t diverted = 0, dropped = 0;

	for (unsigned int i = 0; i < gates->count; i++) {
		const struct report_gate *gate = &gates->gates[i];

		if (!worst || rank(gate->state) > rank(worst->state))
			worst = gate;
		/* Of all places: what a port that is gone has counted was counted. */
		for (unsigned int j = 0; j < LEDGER_GATE_PORTS; j++) {
			diverted += count_of(gate, j, GATE_DIVERTED);
			dropped += dropped_of(gate, j);
		}
	}
	add(object, "state", json_object_new_string(worst ? worst->state : states[0]));
	add(object, "ports", ports_new(gates));
	add(object, "diverted", json_object_new_uint64(diverted));
	add(object, "dropped", json_object_new_uint64(dropped));
	add(object, "lease_s", lease_new(worst ? worst->lease_ns : 0));
	add_text(object, "reason", worst ? worst->reason : "");
}

struct json_object *report_gate(const struct report_gates *gates)
{
	static const struct report_gates none;
	struct json_object *object = json_object_new_object();
	struct json_object *each = json_object_new_array();

	if (!gates)
		gates = &none;
	add_worst(&object, gates);
	add(&object, "brakes", json_object_new_uint64(gates->brakes));
	add(&object, "responder_starts", json_object_new_uint64(gates->responder_starts));
	for (unsigned int i = 0; i < gates->count; i++)
		append(&each, gate_new(&gates->gates[i]));
	add(&object, "gates", each);
	return object;
}
