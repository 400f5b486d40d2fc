/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom the gates divert, and the other things that are read as text: greeting and listeners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "publish/gate_place.h"
#include "publish/gate_proxy.h"
#include "publish/senders.h"
#include "responder/greeting.h"

static void the_most_first(void **state)
{
	struct ledger_sender before[LEDGER_SENDERS] = { 0 }, now[LEDGER_SENDERS] = { 0 };
	char text[SENDERS_TEXT];

	(void)state;
	assert_string_equal(senders_format(text, now, before), "");
	now[3] = (struct ledger_sender){ LEDGER_IPV4 | 0xc0000200, 12, 1 };
	now[5] = (struct ledger_sender){ 0x20010db8ffff0000, 90, 1 };
	now[63] = (struct ledger_sender){ LEDGER_IPV4 | 0xc6336400, 3, 1 };
	now[0] = (struct ledger_sender){ 0x20010db800000000, 2, 1 };
	assert_string_equal(senders_format(text, now, before),
			    "2001:db8:ffff::/48 (90), 192.0.2.0/24 (12), 198.51.100.0/24 (3)");
	/* What was told is not told again; an entry that changed hands counts anew. */
	memcpy(before, now, sizeof(before));
	now[3].connections = 13;
	now[5] = (struct ledger_sender){ 0x20010db8eeee0000, 5, 2 };
	assert_string_equal(senders_format(text, now, before),
			    "2001:db8:eeee::/48 (5), 192.0.2.0/24 (1)");
	/* As long as it can be. */
	for (unsigned int i = 0; i < 3; i++)
		now[i] = (struct ledger_sender){ 0x2222aaaabbbb0000 + ((uint64_t)i << 16),
						 UINT64_MAX, 3 };
	memset(before, 0, sizeof(before));
	senders_format(text, now, before);
	assert_int_equal(strlen(text),
			 3 * strlen("2222:aaaa:bbbb::/48 (18446744073709551615)") + 4);
}

static void assert_greeting(const char *reply, const char *host, const char *want)
{
	char buf[GREETING_BYTES];

	assert_int_equal(greeting_make(buf, reply, host), strlen(want));
	assert_string_equal(buf, want);
}

static void the_host_has_its_place(void **state)
{
	char buf[GREETING_BYTES], long_host[400];

	(void)state;
	assert_greeting("421 4.3.2 HOST away", "mx.example", "421 4.3.2 mx.example away");
	assert_greeting("421 4.3.2 HOST", "a", "421 4.3.2 a");
	assert_greeting("421 4.3.2 GHOST HOSTS HOST HOST", "a", "421 4.3.2 GHOST HOSTS a HOST");
	assert_greeting("421 4.3.2 nobody", "a", "421 4.3.2 nobody");
	assert_greeting("421 4.3.2 %s HOST", "%n", "421 4.3.2 %s %n");
	memset(long_host, 'x', sizeof(long_host));
	long_host[399] = '\0';
	assert_int_equal(greeting_make(buf,
				       "421 4.3.2 HOST of the great old city of the north, "
				       "which is closed for today and for the rest of the "
				       "week, as has been said",
				       long_host),
			 -ENAMETOOLONG);
}

static void listeners_are_told_from_others(void **state)
{
	(void)state;
	assert_int_equal(
		gate_place_listening(
			"   0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 "
			"00000000     0        0 12345 1 0000000000000000 100 0 0 10 0\n"),
		25);
	assert_int_equal(gate_place_listening("  11: 00000000000000000000000000000000:024B "
					      "00000000000000000000000000000000:0000 0A 0:0\n"),
			 587);
	assert_int_equal(gate_place_listening("   1: 0100007F:0019 0100007F:C350 01 0:0\n"), 0);
	assert_int_equal(gate_place_listening("  sl  local_address rem_address   st\n"), 0);
	assert_int_equal(gate_place_listening(""), 0);
}

static bool is_for(const char *words, size_t size, uint16_t port)
{
	return gate_proxy_is_for(words, size - 1, port);
}

#define IS_FOR(words, port) is_for(words, sizeof(words), port)

static void a_proxy_is_known_by_its_port(void **state)
{
	(void)state;
	assert_true(IS_FOR("/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\0::\0-host-port\0"
			   "25\0-container-ip\0"
			   "172.17.0.2\0-container-port\0"
			   "2525\0",
			   25));
	assert_false(IS_FOR("docker-proxy\0-host-port\0"
			    "2525\0-container-port\0"
			    "25\0",
			    25));
	assert_false(IS_FOR("docker-proxy\0-host-port", 25));
	assert_false(IS_FOR("docker-proxy\0-host-port\0", 25));
	assert_false(IS_FOR("docker-proxy", 25));
	assert_false(IS_FOR("", 25));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_first),
		cmocka_unit_test(the_host_has_its_place),
		cmocka_unit_test(listeners_are_told_from_others),
		cmocka_unit_test(a_proxy_is_known_by_its_port),
	};

	return cmocka_run_group_tests_name("senders", tests, NULL, NULL);
}
