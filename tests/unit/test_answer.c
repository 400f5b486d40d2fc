/* SPDX-License-Identifier: GPL-2.0-only */
/* The status as the commands read it: numbers back into our units, and nothing taken on trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/answer.h"

static void test_no_status(void **state)
{
	static const char *const lines[] = { "",   "error out of memory", "[]",	    "null",
					     "42", "{\"level\":",	  "\"{}\"", "{\"a\":\xff" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_null(answer_parse(lines[i]));
}

/* JSON text of a resource, the key to read, and what it is in our unit. */
static void test_values(void **state)
{
	static const struct {
		const char *json;
		bool there;
		int64_t value;
	} cases[] = {
		{ "{\"unit\":\"bytes\",\"value\":9007199254740993}", true, 9007199254740993 },
		{ "{\"unit\":\"count\",\"value\":20000}", true, 20000 },
		{ "{\"unit\":\"s\",\"value\":90}", true, 90 * NS_PER_S },
		{ "{\"unit\":\"s\",\"value\":0.25}", true, 250 * NS_PER_MS },
		{ "{\"unit\":\"%\",\"value\":10.1}", true, 101000 },
		{ "{\"unit\":\"%\",\"value\":33.3333}", true, 333333 },
		{ "{\"unit\":\"%\",\"value\":-0.0005}", true, -5 },
		{ "{\"unit\":\"furlongs\",\"value\":7}", true, 7 },
		{ "{\"value\":7}", true, 7 },
		{ "{\"unit\":\"bytes\",\"value\":null}", false, 0 },
		{ "{\"unit\":\"bytes\",\"value\":\"7\"}", false, 0 },
		{ "{\"unit\":\"bytes\",\"value\":[7]}", false, 0 },
		{ "{\"unit\":\"bytes\"}", false, 0 },
		{ "{\"unit\":\"s\",\"value\":1e300}", false, 0 },
		{ "{\"unit\":\"s\",\"value\":NaN}", false, 0 },
		{ "{\"unit\":\"s\",\"value\":-Infinity}", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *resource = answer_parse(cases[i].json);
		int64_t value = 0;

		assert_non_null(resource);
		assert_int_equal(answer_value(resource, answer_unit(resource), "value", &value),
				 cases[i].there);
		assert_int_equal(value, cases[i].value);
		json_object_put(resource);
	}
}

static void test_text_is_clean(void **state)
{
	struct json_object *status = answer_parse(
		"{\"level\":\"\\u001b[31mhigh\",\"mode\":7,\"reasons\":[\"a\\nb\",8]}");
	struct json_object *reasons = answer_member(status, "reasons", json_type_array);
	enum level level;
	char text[32];

	(void)state;
	assert_string_equal(answer_text(text, sizeof(text), status, "level", "-"), "?[31mhigh");
	assert_string_equal(answer_text(text, 4, status, "level", "-"), "?[3");
	assert_string_equal(answer_text(text, sizeof(text), status, "mode", "-"), "-");
	assert_string_equal(answer_text(text, sizeof(text), NULL, "mode", "-"), "-");
	assert_string_equal(answer_item(text, sizeof(text), reasons, 0), "a?b");
	assert_string_equal(answer_item(text, sizeof(text), reasons, 1), "");
	assert_string_equal(answer_item(text, sizeof(text), reasons, 2), "");
	assert_string_equal(answer_item(text, sizeof(text), NULL, 0), "");
	assert_false(answer_level(status, &level));
	json_object_put(status);
}

static void test_admissions(void **state)
{
	struct json_object *status =
		answer_parse("{\"admission\":{\"inbound\":\"defer 452 4.3.1 Insufficient\","
			     "\"submission\":\"delay 10\"}}");
	char text[128];

	(void)state;
	assert_string_equal(answer_admissions(text, sizeof(text), status),
			    "inbound defer, submission delay 10, internal ?");
	answer_admissions(text, 10, status);
	assert_string_equal(text, "inbound d");
	json_object_put(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_status),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_text_is_clean),
		cmocka_unit_test(test_admissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
