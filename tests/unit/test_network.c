/* SPDX-License-Identifier: GPL-2.0-only */
/* Networks of clients, and who is in them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/network.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *meant;
		int ret;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", 0 },
		{ "192.0.2.1", "192.0.2.1/32", 0 },
		{ "0.0.0.0/0", "0.0.0.0/0", 0 },
		{ "2001:db8::/32", "2001:db8::/32", 0 },
		{ "::1", "::1/128", 0 },
		{ "::/0", "::/0", 0 },
		{ "192.0.2.1/24", "192.0.2.0/24", -EDOM },
		{ "2001:db8::1/32", "2001:db8::/32", -EDOM },
		{ "", NULL, -EINVAL },
		{ "192.0.2", NULL, -EINVAL },
		{ "192.0.2.0/", NULL, -EINVAL },
		{ "192.0.2.0/33", NULL, -EINVAL },
		{ "192.0.2.0/-1", NULL, -EINVAL },
		{ "192.0.2.0/24 ", NULL, -EINVAL },
		{ "2001:db8::/129", NULL, -EINVAL },
		{ "mail.example.org", NULL, -EINVAL },
		{ "1111111111222222222233333333334444444444555555555566666666667777/8", NULL,
		  -EINVAL },
	};
	struct config_network network;
	char text[NETWORK_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(network_parse(cases[i].text, &network), cases[i].ret);
		if (cases[i].meant)
			assert_string_equal(network_format(text, sizeof(text), &network),
					    cases[i].meant);
	}
}

static bool is_in(const char *network, const char *address)
{
	struct config_network parsed;

	assert_int_equal(network_parse(network, &parsed), 0);
	return network_has(&parsed, 1, address);
}

static void test_has(void **state)
{
	(void)state;
	assert_true(is_in("192.0.2.0/24", "192.0.2.255"));
	assert_false(is_in("192.0.2.0/24", "192.0.3.0"));
	assert_true(is_in("192.0.2.128/25", "192.0.2.128"));
	assert_false(is_in("192.0.2.128/25", "192.0.2.127"));
	assert_true(is_in("192.0.2.1", "192.0.2.1"));
	assert_false(is_in("192.0.2.1", "192.0.2.0"));
	assert_true(is_in("192.0.2.0/24", "::ffff:192.0.2.7"));
	assert_true(is_in("0.0.0.0/0", "203.0.113.9"));
	assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
	assert_true(is_in("::/0", "192.0.2.1"));
	assert_true(is_in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(is_in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(is_in("fe80::/10", "fe80::1%eth0"));
	assert_false(is_in("::/0", NULL));
	assert_false(is_in("::/0", ""));
	assert_false(is_in("::/0", "local"));
	assert_false(is_in("::/0", "192.0.2.1:25"));
	assert_false(
		is_in("::/0", "::1111111111222222222233333333334444444444555555555566666666667"));
}

static void test_loopback(void **state)
{
	(void)state;
	assert_true(network_has(network_loopback, NETWORK_LOOPBACKS, "127.0.0.1"));
	assert_true(network_has(network_loopback, NETWORK_LOOPBACKS, "127.255.0.9"));
	assert_true(network_has(network_loopback, NETWORK_LOOPBACKS, "::1"));
	assert_false(network_has(network_loopback, NETWORK_LOOPBACKS, "::2"));
	assert_false(network_has(network_loopback, NETWORK_LOOPBACKS, "128.0.0.1"));
	assert_false(network_has(network_loopback, 0, "127.0.0.1"));
}

static void test_is_all(void **state)
{
	struct config_network network;

	(void)state;
	network_parse("0.0.0.0/0", &network);
	assert_true(network_is_all(&network));
	network_parse("::/0", &network);
	assert_true(network_is_all(&network));
	network_parse("128.0.0.0/1", &network);
	assert_false(network_is_all(&network));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_is_all),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
