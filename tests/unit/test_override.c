/* SPDX-License-Identifier: GPL-2.0-only */
/* The override's file: what is believed of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "daemon/override.h"

#define WALL_S 1800000000
#define NOW_NS (1000 * NS_PER_S)
#define R100 \
	"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"

static int parse(struct override *override, const char *text)
{
	struct json_object *object = json_tokener_parse(text);
	int ret = override_parse(override, object, WALL_S, NOW_NS);

	json_object_put(object);
	return ret;
}

static void test_ours(void **state)
{
	struct override override;

	(void)state;
	assert_int_equal(parse(&override, "{\"level\":\"high\",\"until\":1800000060,"
					  "\"reason\":\"disk\",\"by\":\"root\"}"),
			 0);
	assert_true(override.active);
	assert_int_equal(override.level, LEVEL_HIGH);
	assert_int_equal(override.until_ns, NOW_NS + 60 * NS_PER_S);
	assert_string_equal(override.reason, "disk");
	assert_string_equal(override.by, "root");
}

/* What nobody could have asked for. */
static void test_others(void **state)
{
	static const struct {
		const char *rest;
		int ret;
	} cases[] = {
		{ "1800000000,\"reason\":\"\",\"by\":\"root\"}", -ENOENT },
		{ "-9223372036854775808,\"reason\":\"\",\"by\":\"root\"}", -ENOENT },
		{ "9223372036854775807,\"reason\":\"\",\"by\":\"root\"}", -EINVAL },
		{ "1800604801,\"reason\":\"\",\"by\":\"root\"}", -EINVAL },
		{ "1800000060,\"reason\":\"\\u001b[2J\",\"by\":\"root\"}", -EINVAL },
		{ "1800000060,\"reason\":\"a\\u0000b\",\"by\":\"root\"}", -EINVAL },
		{ "1800000060,\"reason\":\"" R100 R100 "\",\"by\":\"root\"}", -EINVAL },
		{ "1800000060,\"reason\":\"\",\"by\":\"a\\nb\"}", -EINVAL },
		{ "1800000060,\"reason\":\"\"}", -EINVAL },
	};
	struct override override;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "{\"level\":\"medium\",\"until\":%s", cases[i].rest);
		assert_int_equal(parse(&override, text), cases[i].ret);
		assert_false(override.active);
	}
	assert_int_equal(parse(&override, "[]"), -EINVAL);
	assert_int_equal(parse(&override, ""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests_name("override", tests, NULL, NULL);
}
