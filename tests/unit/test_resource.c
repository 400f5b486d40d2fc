/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of resources, and thresholds in a resource's own unit. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/resource.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define OFF	      INT64_C(-1)
#define MINUTE	      (60 * NS_PER_S)

/* clang-format off */
static const struct {
	const char *name, *section, *key;
	enum unit unit;
	bool less_is_worse, has_size;
	int64_t size; /* for which these are the defaults: */
	int64_t medium, high, sustain_ns, dwell_ns;
} rows[RESOURCE_IDS] = {
	[RESOURCE_FREE_SPACE] = { "free-space", "filesystem", "free-space", UNIT_BYTES,
		true, true, 1000 * GIB, 10 * GIB, 2 * GIB, 0, MINUTE },
	[RESOURCE_FREE_INODES] = { "free-inodes", "filesystem", "free-inodes", UNIT_COUNT,
		true, true, 1000000, 100000, 50000, 0, MINUTE },
	[RESOURCE_TIME_TO_FULL] = { "time-to-full", "filesystem", "time-to-full", UNIT_TIME,
		true, false, 0, 2 * MINUTE, MINUTE / 2, 10 * NS_PER_S, MINUTE },
	[RESOURCE_SYNC_LATENCY] = { "sync-latency", "filesystem", "sync-latency", UNIT_TIME,
		false, false, 0, OFF, OFF, 0, MINUTE },
	[RESOURCE_FILESYSTEM_ERROR] = { "filesystem-error", "filesystem", "error", UNIT_TIME,
		true, false, 0, OFF, MINUTE, 0, 0 },
	[RESOURCE_MEMORY_AVAILABLE] = { "memory-available", "memory", "available", UNIT_BYTES,
		true, true, 1 * GIB, GIB / 10, GIB / 20, 0, MINUTE },
	[RESOURCE_MEMORY_STALL] = { "memory-stall", "memory", "stall", UNIT_SHARE,
		false, false, 0, 100000, 400000, 10 * NS_PER_S, MINUTE },
	[RESOURCE_OOM_KILL] = { "oom-kill", "memory", "oom-kill", UNIT_COUNT,
		false, false, 0, OFF, OFF, 0, 0 },
	[RESOURCE_IO_STALL] = { "io-stall", "io", "stall", UNIT_SHARE,
		false, false, 0, OFF, OFF, 10 * NS_PER_S, MINUTE },
	[RESOURCE_QUEUE_LENGTH] = { "queue-length", "queue", "length", UNIT_COUNT,
		false, false, 0, OFF, OFF, 0, MINUTE },
};
/* clang-format on */

static void test_rows(void **state)
{
	(void)state;
	for (int id = 0; id < RESOURCE_IDS; id++) {
		const struct resource_type *type = resource_type(id);
		const struct threshold *enter = type->defaults.enter;

		assert_string_equal(type->name, rows[id].name);
		assert_string_equal(type->section, rows[id].section);
		assert_string_equal(type->key, rows[id].key);
		assert_int_equal(type->unit, rows[id].unit);
		assert_int_equal(type->less_is_worse, rows[id].less_is_worse);
		assert_int_equal(type->has_size, rows[id].has_size);
		assert_true(strlen(type->meaning) > 0);
		assert_int_equal(threshold_resolve(&enter[LEVEL_MEDIUM], type, rows[id].size),
				 rows[id].medium);
		assert_int_equal(threshold_resolve(&enter[LEVEL_HIGH], type, rows[id].size),
				 rows[id].high);
		assert_int_equal(type->defaults.sustain_ns, rows[id].sustain_ns);
		assert_int_equal(type->defaults.dwell_ns, rows[id].dwell_ns);
		/* Left to the policy; the minute after an error is one, and not 72 s. */
		assert_int_equal(type->defaults.leave[LEVEL_MEDIUM].count, 0);
		assert_int_equal(type->defaults.leave[LEVEL_HIGH].count,
				 id == RESOURCE_FILESYSTEM_ERROR);
	}
}

static void test_names_differ(void **state)
{
	(void)state;
	for (int a = 0; a < RESOURCE_IDS; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(resource_type(a)->name, resource_type(b)->name);
}

static void test_resolve(void **state)
{
	static const struct {
		const char *what;
		enum resource_id id;
		struct threshold threshold;
		int64_t size, want;
	} cases[] = {
		{ "off", RESOURCE_FREE_SPACE, { 0 }, GIB, OFF },
		{ "share", RESOURCE_FREE_SPACE, { 1, { { QUANTITY_SHARE, 100000 } } }, 1000, 100 },
		{ "size",
		  RESOURCE_FREE_SPACE,
		  { 1, { { QUANTITY_SIZE, 2 * GIB } } },
		  GIB,
		  2 * GIB },
		{ "share is smaller",
		  RESOURCE_FREE_SPACE,
		  { 2, { { QUANTITY_SHARE, 100000 }, { QUANTITY_SIZE, 10 * GIB } } },
		  GIB * 10,
		  GIB },
		{ "size is smaller",
		  RESOURCE_FREE_SPACE,
		  { 2, { { QUANTITY_SHARE, 100000 }, { QUANTITY_SIZE, 10 * GIB } } },
		  GIB * 1000,
		  10 * GIB },
		{ "the last of four",
		  RESOURCE_FREE_INODES,
		  { 4,
		    { { QUANTITY_COUNT, 9 },
		      { QUANTITY_COUNT, 8 },
		      { QUANTITY_SHARE, PPM },
		      { QUANTITY_COUNT, 6 } } },
		  7,
		  6 },
		{ "nought is not off",
		  RESOURCE_FREE_SPACE,
		  { 2, { { QUANTITY_SIZE, 0 }, { QUANTITY_SIZE, 5 } } },
		  GIB,
		  0 },
		{ "more than 64 bits on the way",
		  RESOURCE_FREE_SPACE,
		  { 1, { { QUANTITY_SHARE, PPM } } },
		  INT64_MAX,
		  INT64_MAX },
		{ "a share by itself",
		  RESOURCE_MEMORY_STALL,
		  { 1, { { QUANTITY_SHARE, 400000 } } },
		  12345,
		  400000 },
		{ "a count", RESOURCE_OOM_KILL, { 1, { { QUANTITY_COUNT, 3 } } }, 0, 3 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t got = threshold_resolve(&cases[i].threshold, resource_type(cases[i].id),
						cases[i].size);

		if (got != cases[i].want)
			fail_msg("%s: %" PRId64, cases[i].what, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_names_differ),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests_name("resource", tests, NULL, NULL);
}
