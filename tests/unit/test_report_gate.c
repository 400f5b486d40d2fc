/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates in the status: all of them in one, and each by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>
#include <string.h>
#include <cmocka.h>

#include "publish/report.h"

static struct config_gate configs[2];
static struct ledger_gate ledgers[2];
static struct orders_gate orders[2];
static struct report_gates gates;

static int setup(void **state)
{
	(void)state;
	memset(configs, 0, sizeof(configs));
	memset(ledgers, 0, sizeof(ledgers));
	memset(orders, 0, sizeof(orders));
	memset(&gates, 0, sizeof(gates));
	configs[0].port_count = 2;
	configs[0].ports[0] = (struct config_gate_port){ 25, CLASS_INBOUND };
	configs[0].ports[1] = (struct config_gate_port){ 587, CLASS_SUBMISSION };
	configs[1].port_count = 1;
	configs[1].ports[0] = (struct config_gate_port){ 25, CLASS_INBOUND };
	strcpy(configs[1].netns, "/run/netns/a\xff");
	for (unsigned int i = 0; i < 2; i++) {
		gates.gates[i].config = &configs[i];
		gates.gates[i].state = "open";
		gates.gates[i].ledger = &ledgers[i];
		gates.gates[i].orders = &orders[i];
		for (unsigned int j = 0; j < configs[i].port_count; j++)
			orders[i].ports[j].port = configs[i].ports[j].number;
	}
	gates.count = 2;
	return 0;
}

static void assert_gate(const char *pointer, const char *want)
{
	struct json_object *object = report_gate(&gates), *found;

	assert_non_null(object);
	assert_int_equal(json_pointer_get(object, pointer, &found), 0);
	assert_string_equal(json_object_to_json_string_ext(
				    found, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			    want);
	json_object_put(object);
}

static void counters_are_summed_up_and_ports_named_once(void **state)
{
	(void)state;
	ledgers[0].counts[0][GATE_DIVERTED] = 5;
	ledgers[0].counts[1][GATE_DIVERTED] = 2;
	ledgers[0].counts[1][GATE_FULL] = 3;
	ledgers[1].counts[0][GATE_NO_PULSE] = 10;
	ledgers[1].counts[0][GATE_UNASSIGNED] = 20;
	ledgers[1].counts[0][GATE_INTERNAL] = 99;
	gates.brakes = 4;
	assert_gate("/ports", "[25,587]");
	assert_gate("/diverted", "7");
	assert_gate("/dropped", "33");
	assert_gate("/brakes", "4");
	assert_gate("/gates/1/ports/0",
		    "{\"port\":25,\"class\":\"inbound\",\"diverted\":0,\"no_pulse\":10,\"full\":0,"
		    "\"unassigned\":20,\"internal\":99,\"passed\":0}");
	assert_gate("/gates/0/netns", "null");
	assert_gate("/gates/1/netns", "\"/run/netns/a\xef\xbf\xbd\"");
}

/* Ports of the configuration are in another order than their places, and not all are in it. */
static void counters_go_by_place_and_what_was_counted_stays(void **state)
{
	(void)state;
	orders[0].ports[0].port = 2525 | LEDGER_PORT_GONE;
	orders[0].ports[1].port = 587;
	orders[0].ports[2].port = 25;
	for (unsigned int i = 0; i < 3; i++) {
		ledgers[0].counts[i][GATE_DIVERTED] = 10 + i;
		ledgers[0].counts[i][GATE_FULL] = 20 + i;
	}
	assert_gate("/gates/0/ports/0/port", "25");
	assert_gate("/gates/0/ports/0/diverted", "12");
	assert_gate("/gates/0/ports/1/diverted", "11");
	assert_gate("/gates/0/ports/1/full", "21");
	assert_gate("/diverted", "33");
	assert_gate("/dropped", "63");
	/* A gate that was never attached has no places. */
	memset(orders, 0, sizeof(orders));
	assert_gate("/gates/0/ports/0/diverted", "0");
}

static void the_worst_speaks_for_all(void **state)
{
	(void)state;
	gates.gates[0].state = "off";
	strcpy(gates.gates[0].reason, "No such file or directory");
	assert_gate("/state", "\"open\"");
	assert_gate("/reason", "null");
	gates.gates[1].state = "closed";
	gates.gates[1].lease_ns = 14 * NS_PER_S + 999;
	strcpy(gates.gates[1].reason, "level high");
	assert_gate("/state", "\"closed\"");
	assert_gate("/reason", "\"level high\"");
	assert_gate("/lease_s", "14");
	gates.gates[0].state = "braked";
	assert_gate("/state", "\"braked\"");
	gates.gates[0].state = gates.gates[1].state = "off";
	assert_gate("/state", "\"off\"");
	assert_gate("/reason", "\"No such file or directory\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counters_are_summed_up_and_ports_named_once, setup),
		cmocka_unit_test_setup(counters_go_by_place_and_what_was_counted_stays, setup),
		cmocka_unit_test_setup(the_worst_speaks_for_all, setup),
	};

	return cmocka_run_group_tests_name("report_gate", tests, NULL, NULL);
}
