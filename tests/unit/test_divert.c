/* SPDX-License-Identifier: GPL-2.0-only */
/* From the admission to the gates' orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "publish/divert.h"

#define NOW (1000 * NS_PER_S)

struct fixture {
	struct config config;
	struct judge judge;
	struct admission admission;
	struct orders orders;
	struct ledger ledger;
};

static struct fixture *now;

static int setup(void **state)
{
	struct config *config;

	now = calloc(1, sizeof(*now));
	if (!now)
		return -1;
	*state = now;
	config = &now->config;
	config->ramp_ns = 60 * NS_PER_S;
	config->admission[LEVEL_MEDIUM][CLASS_INBOUND].kind = VERDICT_DEFER;
	config->admission[LEVEL_HIGH][CLASS_INBOUND].kind = VERDICT_DEFER;
	config->admission[LEVEL_HIGH][CLASS_SUBMISSION].kind = VERDICT_DEFER;
	config->gate_count = 2;
	config->gates[0] = (struct config_gate){
		.lease_ns = 15 * NS_PER_S,
		.port_count = 2,
		.ports = { { 25, CLASS_INBOUND }, { 587, CLASS_SUBMISSION } },
	};
	config->gates[1] = (struct config_gate){
		.lease_ns = 30 * NS_PER_S,
		.port_count = 1,
		.ports = { { 465, CLASS_SUBMISSION } },
	};
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void publish(void)
{
	divert_publish(&now->orders, &now->config, &now->judge, &now->admission, NOW);
}

static void assert_levels(unsigned int inbound, unsigned int submission)
{
	divert_ports(&now->orders, 0, &now->config, 4096);
	assert_int_equal(now->orders.gates[0].ports[0].level, inbound);
	assert_int_equal(now->orders.gates[0].ports[1].level, submission);
}

static void ports_divert_from_the_level_that_defers(void **state)
{
	struct config *config = &now->config;

	(void)state;
	assert_levels(LEVEL_MEDIUM, LEVEL_HIGH);
	assert_int_equal(now->orders.gates[0].port_count, 2);
	assert_int_equal(now->orders.gates[0].ports[0].port, 25);
	assert_int_equal(now->orders.gates[0].ports[1].port, 587);
	assert_int_equal(now->orders.gates[0].backlog, 4096);
	assert_true(now->orders.gates[0].ports[0].ramps);
	assert_false(now->orders.gates[0].ports[1].ramps);
	/* Mail clients do not try again: submission is not diverted before high. */
	config->admission[LEVEL_MEDIUM][CLASS_SUBMISSION].kind = VERDICT_DEFER;
	assert_levels(LEVEL_MEDIUM, LEVEL_HIGH);
	/* A pause is for who speaks SMTP. */
	config->admission[LEVEL_MEDIUM][CLASS_INBOUND].kind = VERDICT_DELAY;
	assert_levels(LEVEL_HIGH, LEVEL_HIGH);
	config->admission[LEVEL_HIGH][CLASS_INBOUND].kind = VERDICT_DELAY;
	config->admission[LEVEL_HIGH][CLASS_SUBMISSION].kind = VERDICT_ACCEPT;
	assert_levels(0, 0);
}

static void set_ports(unsigned int count, const uint16_t *ports)
{
	struct config_gate *gate = &now->config.gates[0];

	gate->port_count = count;
	for (unsigned int i = 0; i < count; i++)
		gate->ports[i] = (struct config_gate_port){ ports[i], CLASS_INBOUND };
	divert_ports(&now->orders, 0, &now->config, 4096);
}

static unsigned int place_of(uint16_t port)
{
	return divert_place(&now->orders.gates[0], port);
}

/* Counters go by place: a port's are its own, whatever comes and goes. */
static void a_port_keeps_its_place(void **state)
{
	const struct orders_gate *order = &now->orders.gates[0];

	(void)state;
	set_ports(2, (const uint16_t[]){ 25, 2525 });
	assert_int_equal(place_of(25), 0);
	assert_int_equal(place_of(2525), 1);
	assert_int_equal(place_of(587), LEDGER_GATE_PORTS);
	set_ports(2, (const uint16_t[]){ 587, 2525 });
	assert_int_equal(place_of(2525), 1);
	assert_int_equal(place_of(587), 2);
	assert_int_equal(order->port_count, 3);
	assert_int_equal(order->ports[1].level, LEVEL_MEDIUM);
	/* One that is gone is gated no more: no packet has such a port. */
	assert_int_equal(place_of(25), 0);
	assert_true(order->ports[0].port > UINT16_MAX);
	assert_int_equal(order->ports[0].level, 0);
	set_ports(1, (const uint16_t[]){ 25 });
	assert_int_equal(order->ports[0].port, 25);
	assert_int_equal(order->ports[0].level, LEVEL_MEDIUM);
	assert_true(order->ports[1].port > UINT16_MAX);
}

static void when_all_places_are_taken_those_of_ports_gone_are_free(void **state)
{
	const struct orders_gate *order = &now->orders.gates[0];
	uint16_t ports[LEDGER_GATE_PORTS];

	(void)state;
	for (unsigned int i = 0; i < LEDGER_GATE_PORTS; i++)
		ports[i] = (uint16_t)(1000 + i);
	set_ports(LEDGER_GATE_PORTS, ports);
	ports[0] = 25; /* its place, and the next free one, come free only now */
	ports[7] = 26;
	set_ports(LEDGER_GATE_PORTS, ports);
	assert_int_equal(order->port_count, LEDGER_GATE_PORTS);
	for (unsigned int i = 0; i < LEDGER_GATE_PORTS; i++) {
		assert_int_equal(place_of(ports[i]), i);
		assert_int_equal(order->ports[i].level, LEVEL_MEDIUM);
	}
	assert_int_equal(place_of(1000), LEDGER_GATE_PORTS);
}

static void each_gate_has_its_lease(void **state)
{
	(void)state;
	now->judge.level = LEVEL_MEDIUM;
	publish();
	assert_int_equal(now->orders.gate_level, LEVEL_MEDIUM);
	assert_int_equal(now->orders.gates[0].until_ns, NOW + 15 * NS_PER_S);
	assert_int_equal(now->orders.gates[1].until_ns, NOW + 30 * NS_PER_S);
	assert_int_equal(now->orders.gates[2].until_ns, 0);
	assert_int_equal(now->orders.armed_until_ns, NOW + 60 * NS_PER_S);
	divert_open(&now->orders);
	assert_int_equal(now->orders.gates[0].until_ns, 0);
	assert_int_equal(now->orders.gates[1].until_ns, 0);
	assert_int_equal(now->orders.armed_until_ns, 0);
}

static void observing_and_forcing_open_disarm(void **state)
{
	(void)state;
	now->judge.level = LEVEL_HIGH;
	publish();
	now->config.mode = MODE_OBSERVE;
	publish();
	assert_int_equal(now->orders.gates[0].until_ns, 0);
	assert_int_equal(now->orders.armed_until_ns, 0);
	now->config.mode = MODE_ENFORCE;
	publish();
	assert_true(now->orders.armed_until_ns);
	now->admission.forced_open = true;
	publish();
	assert_int_equal(now->orders.gates[0].until_ns, 0);
	assert_int_equal(now->orders.gate_level, LEVEL_NORMAL);
	assert_int_equal(now->orders.armed_until_ns, 0);
}

static void the_ramp_is_the_policys(void **state)
{
	struct ramp *ramp = &now->admission.ramps[CLASS_INBOUND];

	(void)state;
	publish();
	assert_int_equal(now->orders.ramp_since_ns, 0);
	*ramp = (struct ramp){ .since_ns = NOW - 5, .salt = 7 };
	publish();
	assert_int_equal(now->orders.ramp_since_ns, NOW - 5);
	assert_int_equal(now->orders.ramp_until_ns, NOW - 5 + 60 * NS_PER_S);
	assert_int_equal(now->orders.ramp_salt, 7);
	ramp->closed = true;
	publish();
	assert_int_equal(now->orders.ramp_since_ns, 0);
	ramp->closed = false;
	now->config.ramp_ns = 0;
	publish();
	assert_int_equal(now->orders.ramp_since_ns, 0);
}

static void assert_network(unsigned int i, const char *address, const char *mask)
{
	const struct orders_networks *networks =
		&now->orders.networks[now->orders.network_generation & 1];
	struct in6_addr want;

	assert_int_equal(inet_pton(AF_INET6, address, &want), 1);
	assert_memory_equal(networks->entries[i].address, &want, 16);
	assert_int_equal(inet_pton(AF_INET6, mask, &want), 1);
	assert_memory_equal(networks->entries[i].mask, &want, 16);
}

static void networks_are_replaced_whole(void **state)
{
	struct config *config = &now->config;
	const struct orders_networks *first;

	(void)state;
	config->internal_count = 3;
	inet_pton(AF_INET6, "::ffff:10.0.0.0", &config->internal[0].address);
	config->internal[0].prefix = 104;
	inet_pton(AF_INET6, "2001:db8:1230::", &config->internal[1].address);
	config->internal[1].prefix = 44;
	config->internal[2].prefix = 0;
	divert_networks(&now->orders, config);
	first = &now->orders.networks[now->orders.network_generation & 1];
	assert_int_equal(first->count, 3);
	assert_network(0, "::ffff:10.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:ff00::");
	assert_network(1, "2001:db8:1230::", "ffff:ffff:fff0::");
	assert_network(2, "::", "::");
	/* The list that a program may be reading stays as it is. */
	config->internal_count = 1;
	config->internal[0].prefix = 128;
	divert_networks(&now->orders, config);
	assert_ptr_not_equal(first, &now->orders.networks[now->orders.network_generation & 1]);
	assert_int_equal(first->count, 3);
	assert_network(0, "::ffff:10.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void a_brake_counts_while_armed_and_not_answered(void **state)
{
	(void)state;
	struct ledger_mark *mark = &now->ledger.marks[3];

	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
	now->orders.armed_until_ns = NOW + 1;
	now->orders.look_marks[3] = mark->braked_mark = 70;
	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
	mark->brake_until_ns = NOW + 1;
	assert_true(divert_is_braked(&now->ledger, &now->orders, NOW));
	now->orders.armed_until_ns = NOW;
	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
	now->orders.armed_until_ns = NOW + 1;
	now->orders.look_marks[3] = 80;
	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
	now->orders.look_marks[3] = 0; /* a reload: it is nobody's */
	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
}

static void a_look_answers_for_its_own_place_alone(void **state)
{
	unsigned int place;

	(void)state;
	now->orders.armed_until_ns = NOW + 1;
	for (place = 0; place < LEDGER_PLACES; place += LEDGER_MEMORY / 2) {
		now->orders.look_marks[place] = now->ledger.marks[place].braked_mark = 70 + place;
		now->ledger.marks[place].brake_until_ns = NOW + 1;
	}
	for (place = 0; place < LEDGER_PLACES; place += LEDGER_MEMORY / 2) {
		assert_true(divert_is_braked(&now->ledger, &now->orders, NOW));
		assert_true(divert_is_braked_at(&now->ledger, &now->orders, place, NOW));
		now->orders.look_marks[place] += 1000;
		assert_false(divert_is_braked_at(&now->ledger, &now->orders, place, NOW));
	}
	assert_false(divert_is_braked(&now->ledger, &now->orders, NOW));
}

/* However two CPUs' stores and clocks come: never the time of another mark, never a long one. */
static void a_mark_and_its_time_are_one_word(void **state)
{
	const uint64_t unit = 1ULL << FIRED_UNIT, at = 77 * unit + 5;
	uint64_t fired = FIRED(1000ULL, at);

	(void)state;
	assert_true(FIRED_IS(fired, 1000ULL));
	assert_false(FIRED_IS(fired, 1001ULL));
	assert_false(FIRED_IS(fired, 1000ULL + (1ULL << 39)));
	assert_int_equal(FIRED_AGE(fired, at), 0);
	assert_int_equal(FIRED_AGE(fired, at + 12 * unit), 12);
	/* A unit is not over when its number is another one. */
	assert_true(LEDGER_UNANSWERED * unit >= 100000000ULL);
	assert_true((LEDGER_UNANSWERED + 1) * unit <= 110000000ULL);
	/* The other CPU's clock is a little ahead. */
	assert_true(FIRED_AGE(fired, at - 10) > FIRED_AGE_MOST);
	assert_true(FIRED_AGE(fired, at - 2 * unit) > FIRED_AGE_MOST);
	/* The largest that counters come to, and a clock that went round. */
	fired = FIRED(~0ULL, (0x1000000ULL << FIRED_UNIT) - 1);
	assert_true(FIRED_IS(fired, ~0ULL));
	assert_int_equal(FIRED_AGE(fired, 0x1000000ULL << FIRED_UNIT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_divert_from_the_level_that_defers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_port_keeps_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(
			when_all_places_are_taken_those_of_ports_gone_are_free, setup, teardown),
		cmocka_unit_test_setup_teardown(each_gate_has_its_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(observing_and_forcing_open_disarm, setup, teardown),
		cmocka_unit_test_setup_teardown(the_ramp_is_the_policys, setup, teardown),
		cmocka_unit_test_setup_teardown(networks_are_replaced_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_brake_counts_while_armed_and_not_answered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_look_answers_for_its_own_place_alone, setup,
						teardown),
		cmocka_unit_test(a_mark_and_its_time_are_one_word),
	};

	return cmocka_run_group_tests_name("divert", tests, NULL, NULL);
}
