/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings. */
#include "config_reading.h"

#include "policy/class.h"

static void test_default_is_this_machine(void **state)
{
	(void)state;
	config_default(&config);
	assert_int_equal(class_of(&config, false, "127.0.0.1"), CLASS_INTERNAL);
	assert_int_equal(class_of(&config, false, "127.255.0.9"), CLASS_INTERNAL);
	assert_int_equal(class_of(&config, false, "::1"), CLASS_INTERNAL);
	assert_int_equal(class_of(&config, false, "::ffff:127.0.0.1"), CLASS_INTERNAL);
	assert_int_equal(class_of(&config, false, "128.0.0.1"), CLASS_INBOUND);
	assert_int_equal(class_of(&config, false, "::2"), CLASS_INBOUND);
	assert_int_equal(class_of(&config, false, "2001:db8::1"), CLASS_INBOUND);
}

/* Nobody may pass for a host of ours by an address that is none. */
static void test_no_address_is_a_stranger(void **state)
{
	static const char *const none[] = { "unknown",	 "",	  "127.0.0.1 ",
					    "localhost", "127.1", "127.0.0.1/8" };

	(void)state;
	config_default(&config);
	for (size_t i = 0; i < LENGTH(none); i++)
		assert_int_equal(class_of(&config, false, none[i]), CLASS_INBOUND);
	assert_int_equal(class_of(&config, false, NULL), CLASS_INBOUND);
}

static void test_login_counts_first(void **state)
{
	(void)state;
	config_default(&config);
	assert_int_equal(class_of(&config, true, "127.0.0.1"), CLASS_SUBMISSION);
	assert_int_equal(class_of(&config, true, "192.0.2.1"), CLASS_SUBMISSION);
	assert_int_equal(class_of(&config, true, NULL), CLASS_SUBMISSION);
}

static void test_prefixes(void **state)
{
	(void)state;
	take("classes { internal = {'192.0.2.128/25', '198.51.100.7', '2001:db8:0:8000::/49', "
	     "'10.0.0.0/9'} }");
	assert_true(class_is_internal(&config, "192.0.2.128"));
	assert_true(class_is_internal(&config, "192.0.2.255"));
	assert_false(class_is_internal(&config, "192.0.2.127"));
	assert_false(class_is_internal(&config, "192.0.3.128"));
	assert_true(class_is_internal(&config, "198.51.100.7"));
	assert_false(class_is_internal(&config, "198.51.100.6"));
	assert_true(class_is_internal(&config, "2001:db8:0:ffff::1"));
	assert_false(class_is_internal(&config, "2001:db8:0:7fff::1"));
	assert_true(class_is_internal(&config, "10.127.255.255"));
	assert_false(class_is_internal(&config, "10.128.0.0"));
	assert_false(class_is_internal(&config, "127.0.0.1"));
}

static void test_everyone_and_nobody(void **state)
{
	(void)state;
	take("classes { internal = {'0.0.0.0/0'} }");
	assert_true(class_is_internal(&config, "203.0.113.1"));
	assert_false(class_is_internal(&config, "2001:db8::1"));
	take("classes { internal = {'::/0'} }");
	assert_true(class_is_internal(&config, "203.0.113.1"));
	assert_true(class_is_internal(&config, "2001:db8::1"));
	take("classes { internal = {} }");
	assert_false(class_is_internal(&config, "127.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_is_this_machine),
		cmocka_unit_test(test_no_address_is_a_stranger),
		cmocka_unit_test(test_login_counts_first),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_everyone_and_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
