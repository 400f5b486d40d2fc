/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings. */
#include "config_reading.h"

#include "common/address.h"
#include "common/class.h"

/* It takes this for a class of C++: */
/* clang-format off */
static enum class of(bool authenticated, const char *address)
{
	return class_of(config.internal, config.internal_count, authenticated, address);
}
/* clang-format on */

static bool is_internal(const char *address)
{
	return of(false, address) == CLASS_INTERNAL;
}

static void test_default_is_this_machine(void **state)
{
	(void)state;
	config_default(&config);
	assert_int_equal(of(false, "127.0.0.1"), CLASS_INTERNAL);
	assert_int_equal(of(false, "127.255.0.9"), CLASS_INTERNAL);
	assert_int_equal(of(false, "::1"), CLASS_INTERNAL);
	assert_int_equal(of(false, "::ffff:127.0.0.1"), CLASS_INTERNAL);
	assert_int_equal(of(false, "128.0.0.1"), CLASS_INBOUND);
	assert_int_equal(of(false, "::2"), CLASS_INBOUND);
	assert_int_equal(of(false, "2001:db8::1"), CLASS_INBOUND);
}

/* Nobody may pass for a host of ours by an address that is none. */
static void test_no_address_is_a_stranger(void **state)
{
	static const char *const none[] = { "unknown",	 "",	  "127.0.0.1 ",
					    "localhost", "127.1", "127.0.0.1/8" };

	(void)state;
	config_default(&config);
	for (size_t i = 0; i < LENGTH(none); i++)
		assert_int_equal(of(false, none[i]), CLASS_INBOUND);
	assert_int_equal(of(false, NULL), CLASS_INBOUND);
	/* Nor with everyone internal who has one. */
	take("classes { internal = {'::/0'} }");
	assert_int_equal(of(false, NULL), CLASS_INBOUND);
	assert_int_equal(of(false, "unknown"), CLASS_INBOUND);
}

/* A pipe or a unix socket is no stranger's, wherever the loopback networks belong to. */
static void test_local_program(void **state)
{
	(void)state;
	config_default(&config);
	assert_int_equal(of(false, ADDRESS_LOCAL), CLASS_INTERNAL);
	assert_int_equal(of(true, ADDRESS_LOCAL), CLASS_SUBMISSION);
	take("classes { internal = {'::1/128'} }");
	assert_int_equal(of(false, ADDRESS_LOCAL), CLASS_INTERNAL);
	take("classes { internal = {'10.0.0.0/8'} }");
	assert_int_equal(of(false, ADDRESS_LOCAL), CLASS_SUBMISSION);
	take("classes { internal = {} }");
	assert_int_equal(of(false, ADDRESS_LOCAL), CLASS_SUBMISSION);
}

/* As servers write them. */
static void test_addresses(void **state)
{
	static const struct {
		const char *text, *address;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "[192.0.2.1]", "192.0.2.1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "IPv6:2001:db8::1", "2001:db8::1" },
		{ "ipv6:::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "[IPv6:2001:db8::1]", "2001:db8::1" },
		{ "fe80::1%eth0", "fe80::1" },
		{ "[IPv6:fe80::1%eth0]", "fe80::1" },
		{ "fe80:1111:2222:3333:4444:5555:6666:7777%a-name-of-a-device-as-long-as-it-gets",
		  "fe80:1111:2222:3333:4444:5555:6666:7777" },
		{ "local", "local" },
		{ "unknown", "" },
		{ "[UNAVAILABLE]", "" },
		{ "", "" },
		{ "[", "" },
		{ "[]", "" },
		{ "]", "" },
		{ "%", "" },
		{ "%eth0", "" },
		{ "IPv6:", "" },
		{ "IPv6:192.0.2.1.", "" },
		{ "[192.0.2.1", "" },
		{ "192.0.2.1:25", "" },
		{ "192.0.2.1 ", "" },
		{ "LOCAL", "" },
		{ "localhost", "" },
		{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", "" },
	};
	char address[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		bool known = address_take(address, cases[i].text, strlen(cases[i].text));

		assert_string_equal(address, cases[i].address);
		assert_int_equal(known, *address != '\0');
		assert_true(!known || address_is(address));
	}
	assert_false(address_take(address, "127.0.0.1\0x", 11));
	assert_string_equal(address, "");
}

static void test_login_counts_first(void **state)
{
	(void)state;
	config_default(&config);
	assert_int_equal(of(true, "127.0.0.1"), CLASS_SUBMISSION);
	assert_int_equal(of(true, "192.0.2.1"), CLASS_SUBMISSION);
	assert_int_equal(of(true, NULL), CLASS_SUBMISSION);
}

static void test_prefixes(void **state)
{
	(void)state;
	take("classes { internal = {'192.0.2.128/25', '198.51.100.7', '2001:db8:0:8000::/49', "
	     "'10.0.0.0/9'} }");
	assert_true(is_internal("192.0.2.128"));
	assert_true(is_internal("192.0.2.255"));
	assert_false(is_internal("192.0.2.127"));
	assert_false(is_internal("192.0.3.128"));
	assert_true(is_internal("198.51.100.7"));
	assert_false(is_internal("198.51.100.6"));
	assert_true(is_internal("2001:db8:0:ffff::1"));
	assert_false(is_internal("2001:db8:0:7fff::1"));
	assert_true(is_internal("10.127.255.255"));
	assert_false(is_internal("10.128.0.0"));
	assert_false(is_internal("127.0.0.1"));
}

static void test_everyone_and_nobody(void **state)
{
	(void)state;
	take("classes { internal = {'0.0.0.0/0'} }");
	assert_true(is_internal("203.0.113.1"));
	assert_false(is_internal("2001:db8::1"));
	take("classes { internal = {'::/0'} }");
	assert_true(is_internal("203.0.113.1"));
	assert_true(is_internal("2001:db8::1"));
	take("classes { internal = {} }");
	assert_false(is_internal("127.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_is_this_machine),
		cmocka_unit_test(test_no_address_is_a_stranger),
		cmocka_unit_test(test_local_program),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_login_counts_first),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_everyone_and_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
