/* SPDX-License-Identifier: GPL-2.0-only */
/* UTF-8 as it must be, and foreign bytes made safe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void test_utf8_length(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ "a", 1 },
		{ "\x7f", 1 },
		{ "\x80", 0 },		   /* a continuation first */
		{ "\xc0\x80", 0 },	   /* overlong NUL */
		{ "\xc1\xbf", 0 },	   /* overlong DEL */
		{ "\xc2\x80", 2 },	   /* U+0080 */
		{ "\xdf\xbf", 2 },	   /* U+07FF */
		{ "\xc3", 0 },		   /* torn */
		{ "\xc3(", 0 },		   /* not continued */
		{ "\xe0\x9f\xbf", 0 },	   /* overlong U+07FF */
		{ "\xe0\xa0\x80", 3 },	   /* U+0800 */
		{ "\xed\x9f\xbf", 3 },	   /* U+D7FF */
		{ "\xed\xa0\x80", 0 },	   /* a surrogate */
		{ "\xed\xbf\xbf", 0 },	   /* the last surrogate */
		{ "\xee\x80\x80", 3 },	   /* U+E000 */
		{ "\xe2\x82", 0 },	   /* torn */
		{ "\xf0\x8f\xbf\xbf", 0 }, /* overlong U+FFFF */
		{ "\xf0\x90\x80\x80", 4 }, /* U+10000 */
		{ "\xf4\x8f\xbf\xbf", 4 }, /* U+10FFFF */
		{ "\xf4\x90\x80\x80", 0 }, /* beyond */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xff", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(utf8_length(cases[i].bytes, strlen(cases[i].bytes)),
				 cases[i].length);
	assert_int_equal(utf8_length("\xe2\x82\xac", 2), 0);
}

static void test_is_clean(void **state)
{
	(void)state;
	assert_true(text_is_clean("", 0));
	assert_true(text_is_clean("new disks, M\xc3\xbcnchen", 18));
	assert_false(text_is_clean("a\nb", 3));
	assert_false(text_is_clean("a\0b", 3));
	assert_false(text_is_clean("\x7f", 1));
	assert_false(text_is_clean("\xc2\x9b", 2)); /* CSI, as escape [ */
	assert_true(text_is_clean("\xc2\xa0", 2));
	assert_false(text_is_clean("\xff", 1));
}

static void test_clean(void **state)
{
	char text[8];

	(void)state;
	assert_string_equal(text_clean(text, sizeof(text), "a\tb\0c\xff", 6), "a?b?c?");
	assert_string_equal(text_clean(text, sizeof(text), "\xc2\x9b", 2), "?");
	assert_string_equal(text_clean(text, sizeof(text), "1234567890", 10), "1234567");
	assert_string_equal(text_clean(text, sizeof(text), "123456\xc3\xa4", 8), "123456");
	assert_string_equal(text_clean(text, sizeof(text), "12345\xc3\xa4", 7), "12345\xc3\xa4");
	assert_string_equal(text_clean(text, 1, "abc", 3), "");
	strcpy(text, "kept");
	assert_string_equal(text_clean(text, 0, "abc", 3), "kept");
}

static void test_tmp(void **state)
{
	(void)state;
	assert_true(path_is_in_tmp("/tmp/x"));
	assert_true(path_is_in_tmp("/var/tmp/a/b"));
	assert_false(path_is_in_tmp("/tmpx"));
	assert_false(path_is_in_tmp("/run/tmp/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_length),
		cmocka_unit_test(test_is_clean),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_tmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
