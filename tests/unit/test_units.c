/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities as they are written and read: units.c, and the words and clocks beside it. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/units.h"
#include "common/words.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void test_quantity_parse(void **state)
{
	static const struct {
		const char *text;
		struct quantity want;
	} cases[] = {
		{ "10%", { QUANTITY_SHARE, 100000 } },
		{ "0.5%", { QUANTITY_SHARE, 5000 } },
		{ "100%", { QUANTITY_SHARE, PPM } },
		{ "100.0%", { QUANTITY_SHARE, PPM } },
		{ "0%", { QUANTITY_SHARE, 0 } },
		{ "33.3333333333333333333333333%", { QUANTITY_SHARE, 333333 } },
		{ "2G", { QUANTITY_SIZE, 2 * GIB } },
		{ "2GiB", { QUANTITY_SIZE, 2 * GIB } },
		{ "1.5G", { QUANTITY_SIZE, 3 * GIB / 2 } },
		{ "512MiB", { QUANTITY_SIZE, 512 * MIB } },
		{ "64K", { QUANTITY_SIZE, 64 * KIB } },
		{ "3T", { QUANTITY_SIZE, 3 * KIB * GIB } },
		{ "1P", { QUANTITY_SIZE, MIB * GIB } },
		{ "8191P", { QUANTITY_SIZE, 8191 * MIB * GIB } },
		{ "100B", { QUANTITY_SIZE, 100 } },
		{ "0.5B", { QUANTITY_SIZE, 0 } },
		{ "9223372036854775807B", { QUANTITY_SIZE, INT64_MAX } },
		{ "90s", { QUANTITY_TIME, 90 * NS_PER_S } },
		{ "10min", { QUANTITY_TIME, 600 * NS_PER_S } },
		{ "10m", { QUANTITY_TIME, 600 * NS_PER_S } },
		{ "1.5m", { QUANTITY_TIME, 90 * NS_PER_S } },
		{ "10sec", { QUANTITY_TIME, 10 * NS_PER_S } },
		{ "10M", { QUANTITY_SIZE, 10 * MIB } },
		{ "500ms", { QUANTITY_TIME, 500 * NS_PER_MS } },
		{ "0.5s", { QUANTITY_TIME, 500 * NS_PER_MS } },
		{ "2h", { QUANTITY_TIME, 7200 * NS_PER_S } },
		{ "1d", { QUANTITY_TIME, 86400 * NS_PER_S } },
		{ "20000", { QUANTITY_COUNT, 20000 } },
		{ "007", { QUANTITY_COUNT, 7 } },
		{ "0", { QUANTITY_COUNT, 0 } },
		{ "9223372036854775807", { QUANTITY_COUNT, INT64_MAX } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct quantity got = { 99, -1 };

		if (quantity_parse(cases[i].text, &got) || got.kind != cases[i].want.kind ||
		    got.number != cases[i].want.number)
			fail_msg("'%s': kind %d, number %" PRId64, cases[i].text, (int)got.kind,
				 got.number);
	}
}

static void test_quantity_refused(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "", -EINVAL },
		{ " ", -EINVAL },
		{ "%", -EINVAL },
		{ "G", -EINVAL },
		{ "off", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ "-5%", -EINVAL },
		{ "1 G", -EINVAL },
		{ " 1G", -EINVAL },
		{ "1G ", -EINVAL },
		{ "1g", -EINVAL },
		{ "1GB", -EINVAL },
		{ "1Gi", -EINVAL },
		{ "1E", -EINVAL },
		{ "1e3", -EINVAL },
		{ "0x10", -EINVAL },
		{ "1,5G", -EINVAL },
		{ "1.G", -EINVAL },
		{ ".5G", -EINVAL },
		{ ".", -EINVAL },
		{ "1.5.5G", -EINVAL },
		{ "1.5", -EINVAL },
		{ "10M ", -EINVAL },
		{ "10mn", -EINVAL },
		{ "m", -EINVAL },
		{ "10%%", -EINVAL },
		{ "10 %", -EINVAL },
		{ "inf", -EINVAL },
		{ "nan%", -EINVAL },
		{ "99999999999999999999x", -EINVAL },
		{ "101%", -ERANGE },
		{ "100.0001%", -ERANGE },
		{ "8192P", -ERANGE },
		{ "9223372036854775808", -ERANGE },
		{ "9223372036854775807K", -ERANGE },
		{ "99999999999999999999", -ERANGE },
		{ "106752d", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct quantity got = { QUANTITY_COUNT, 42 };
		int error = quantity_parse(cases[i].text, &got);

		if (error != cases[i].want)
			fail_msg("'%s': %d instead of %d", cases[i].text, error, cases[i].want);
		assert_int_equal(got.number, 42);
	}
}

static void test_duration_parse(void **state)
{
	static const struct {
		const char *text;
		int error;
		int64_t ns;
	} cases[] = {
		{ "60s", 0, 60 * NS_PER_S },
		{ "1.5s", 0, 3 * NS_PER_S / 2 },
		{ "2min", 0, 120 * NS_PER_S },
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "60", -EINVAL, 42 },
		{ "0%", -EINVAL, 42 },
		{ "1G", -EINVAL, 42 },
		{ "", -EINVAL, 42 },
		{ "200000d", -ERANGE, 42 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t ns = 42;
		int error = duration_parse(cases[i].text, &ns);

		if (error != cases[i].error || ns != cases[i].ns)
			fail_msg("'%s': %d, %" PRId64, cases[i].text, error, ns);
	}
}

static void test_value_format(void **state)
{
	static const struct {
		enum unit unit;
		int64_t value;
		const char *want;
	} cases[] = {
		{ UNIT_BYTES, 0, "0 B" },
		{ UNIT_BYTES, 1023, "1023 B" },
		{ UNIT_BYTES, 1024, "1.0 KiB" },
		{ UNIT_BYTES, 2 * GIB - 1, "1.9 GiB" },
		{ UNIT_BYTES, 2 * GIB, "2.0 GiB" },
		{ UNIT_BYTES, 10 * GIB - 1, "9.9 GiB" },
		{ UNIT_BYTES, 10 * GIB, "10 GiB" },
		{ UNIT_BYTES, 812 * MIB, "812 MiB" },
		{ UNIT_BYTES, GIB - 1, "1023 MiB" },
		{ UNIT_BYTES, INT64_MAX, "7.9 EiB" },
		{ UNIT_BYTES, -5 * MIB, "-5.0 MiB" },
		{ UNIT_BYTES, INT64_MIN, "-8.0 EiB" },
		{ UNIT_COUNT, 20000, "20000" },
		{ UNIT_COUNT, -1, "-1" },
		{ UNIT_COUNT, INT64_MIN, "-9223372036854775808" },
		{ UNIT_TIME, 0, "0 ms" },
		{ UNIT_TIME, 300000, "0.3 ms" },
		{ UNIT_TIME, NS_PER_MS, "1 ms" },
		{ UNIT_TIME, 250 * NS_PER_MS, "250 ms" },
		{ UNIT_TIME, NS_PER_S - 1, "999 ms" },
		{ UNIT_TIME, NS_PER_S, "1 s" },
		{ UNIT_TIME, 1500 * NS_PER_MS, "1.5 s" },
		{ UNIT_TIME, 90 * NS_PER_S, "90 s" },
		{ UNIT_TIME, 120 * NS_PER_S, "2 min" },
		{ UNIT_TIME, 150 * NS_PER_S, "2 min 30 s" },
		{ UNIT_TIME, 3600 * NS_PER_S, "1 h" },
		{ UNIT_TIME, 5400 * NS_PER_S, "1 h 30 min" },
		{ UNIT_TIME, 50 * 3600 * NS_PER_S, "2 d 2 h" },
		{ UNIT_TIME, -90 * NS_PER_S, "-90 s" },
		{ UNIT_SHARE, 125000, "12.5 %" },
		{ UNIT_SHARE, 100000, "10 %" },
		{ UNIT_SHARE, 0, "0 %" },
		{ UNIT_SHARE, 500, "0.05 %" },
		{ UNIT_SHARE, 123456, "12.3 %" },
		{ UNIT_SHARE, PPM, "100 %" },
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ptr_equal(value_format(buf, sizeof(buf), cases[i].unit, cases[i].value),
				 buf);
		assert_string_equal(buf, cases[i].want);
	}
}

static void test_value_format_cut(void **state)
{
	char buf[8] = "xxxxxxx";

	(void)state;
	value_format(buf, 4, UNIT_BYTES, 812 * MIB);
	assert_string_equal(buf, "812");
	assert_int_equal(buf[4], 'x');
}

static void test_quantity_format(void **state)
{
	static const struct {
		struct quantity quantity;
		const char *want;
	} cases[] = {
		{ { QUANTITY_SHARE, 100000 }, "10%" },
		{ { QUANTITY_SHARE, 5000 }, "0.5%" },
		{ { QUANTITY_SHARE, 1 }, "0.0001%" },
		{ { QUANTITY_SHARE, 333333 }, "33.3333%" },
		{ { QUANTITY_SHARE, 0 }, "0%" },
		{ { QUANTITY_SIZE, 2 * GIB }, "2G" },
		{ { QUANTITY_SIZE, 3 * GIB / 2 }, "1536M" },
		{ { QUANTITY_SIZE, 100 }, "100B" },
		{ { QUANTITY_SIZE, 0 }, "0B" },
		{ { QUANTITY_SIZE, INT64_MAX }, "9223372036854775807B" },
		{ { QUANTITY_TIME, 90 * NS_PER_S }, "90s" },
		{ { QUANTITY_TIME, 600 * NS_PER_S }, "10min" },
		{ { QUANTITY_TIME, 500 * NS_PER_MS }, "500ms" },
		{ { QUANTITY_TIME, 1 }, "0.000001ms" },
		{ { QUANTITY_TIME, 1500000 }, "1.5ms" },
		{ { QUANTITY_TIME, 0 }, "0s" },
		{ { QUANTITY_COUNT, 20000 }, "20000" },
		{ { QUANTITY_COUNT, 0 }, "0" },
	};
	struct quantity again;
	char buf[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_ptr_equal(quantity_format(buf, sizeof(buf), &cases[i].quantity), buf);
		assert_string_equal(buf, cases[i].want);
		assert_int_equal(quantity_parse(buf, &again), 0);
		assert_int_equal(again.kind, cases[i].quantity.kind);
		assert_int_equal(again.number, cases[i].quantity.number);
	}
}

static void test_words(void **state)
{
	(void)state;
	for (int i = 0; i < LEVELS; i++) {
		enum level level = LEVELS;

		assert_int_equal(level_parse(level_name(i), &level), 0);
		assert_int_equal(level, i);
	}
	for (int i = 0; i < CLASSES; i++) {
		enum class class = CLASSES;

		assert_int_equal(class_parse(class_name(i), &class), 0);
		assert_int_equal(class, i);
	}
	assert_string_equal(level_name(LEVEL_HIGH), "high");
	assert_string_equal(class_name(CLASS_SUBMISSION), "submission");
	assert_non_null(level_name((enum level)99));
}

static void test_words_refused(void **state)
{
	static const char *const texts[] = { "", "High", "high ", "hig", "unknown", "strangers" };

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		enum level level = LEVEL_MEDIUM;
		enum class class = CLASS_INTERNAL;

		assert_int_equal(level_parse(texts[i], &level), -EINVAL);
		assert_int_equal(class_parse(texts[i], &class), -EINVAL);
		assert_int_equal(level, LEVEL_MEDIUM);
		assert_int_equal(class, CLASS_INTERNAL);
	}
}

static void test_rfc3339(void **state)
{
	int64_t now = monotonic_ns();
	char earlier[32], later[32], tiny[4];

	(void)state;
	assert_true(monotonic_ns() >= now);
	rfc3339_format(earlier, sizeof(earlier), now - 3600 * NS_PER_S);
	rfc3339_format(later, sizeof(later), now);
	assert_int_equal(strlen(later), strlen("2026-11-23T20:15:04Z"));
	assert_int_equal(later[10], 'T');
	assert_int_equal(later[19], 'Z');
	assert_true(strcmp(earlier, later) < 0);
	assert_string_equal(rfc3339_format(tiny, sizeof(tiny), now), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantity_parse),
		cmocka_unit_test(test_quantity_refused),
		cmocka_unit_test(test_duration_parse),
		cmocka_unit_test(test_value_format),
		cmocka_unit_test(test_value_format_cut),
		cmocka_unit_test(test_quantity_format),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_refused),
		cmocka_unit_test(test_rfc3339),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
