/* SPDX-License-Identifier: GPL-2.0-only */
/* The arithmetic of marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/units.h"
#include "ledger.h"
#include "watch/mark.h"

static void batches_shrink_with_cpus(void **state)
{
	(void)state;
	assert_int_equal(mark_batch_pages(1, 1, 4096), 32);
	assert_int_equal(mark_batch_pages(32, 1, 4096), 32);
	assert_int_equal(mark_batch_pages(64, 1, 4096), 16);
	assert_int_equal(mark_batch_pages(1024, 1, 4096), 1);
	assert_int_equal(mark_batch_pages(4096, 1, 4096), 1);
	assert_int_equal(mark_batch_pages(0, 1, 4096), LEDGER_BATCH_PAGES);
}

/* What is held back is 4 MiB of room, whatever a page takes. */
static void batches_shrink_with_growth(void **state)
{
	(void)state;
	assert_int_equal(mark_batch_pages(2, 16, 4096), 32);
	assert_int_equal(mark_batch_pages(2, 256, 4096), 2);
	assert_int_equal(mark_batch_pages(64, 16, 4096), 1);
	assert_int_equal(mark_batch_pages(2, 16384, 4096), 1);
}

/* Of 64 KiB, as arm64 and POWER have them. */
static void batches_shrink_with_the_size_of_a_page(void **state)
{
	(void)state;
	assert_int_equal(mark_batch_pages(1, 1, 65536), 32);
	assert_int_equal(mark_batch_pages(4, 1, 65536), 16);
	assert_int_equal(mark_batch_pages(64, 1, 65536), 1);
	assert_int_equal(mark_batch_pages(4, 16, 65536), 1);
}

static void half_the_way(void **state)
{
	(void)state;
	/* 100 MiB to go is 25600 pages: look after 12800. */
	assert_int_equal(mark_step_pages(100 * MIB, INT64_MAX, 1, 4096, 64), 12800);
	/* XFS takes up to two pages for one. */
	assert_int_equal(mark_step_pages(100 * MIB, INT64_MAX, 2, 4096, 64), 6400);
	/* A 64 KiB page machine. */
	assert_int_equal(mark_step_pages(100 * MIB, INT64_MAX, 1, 65536, 64), 800);
	/* Inodes run out first: each new file dirties a page. */
	assert_int_equal(mark_step_pages(100 * MIB, 1000, 1, 4096, 64), 500);
}

static void never_less_than_twice_what_is_held_back(void **state)
{
	unsigned int held;

	(void)state;
	assert_int_equal(mark_step_pages(0, INT64_MAX, 1, 4096, 64), 128);
	assert_int_equal(mark_step_pages(-5, -5, 2, 4096, 64), 128);
	assert_int_equal(mark_step_pages(MIB, 0, 1, 4096, 64), 128);
	for (held = 1; held <= 4096; held *= 2)
		assert_int_equal(mark_step_pages(0, 0, 1, 4096, held), 2ULL * held);
}

static void no_limit_does_not_overflow(void **state)
{
	(void)state;
	assert_true(mark_step_pages(INT64_MAX, INT64_MAX, 1, 4096, 64) ==
		    (uint64_t)INT64_MAX / 4096 / 2);
}

static void brakes_at_high_less_what_is_held_back(void **state)
{
	(void)state;
	assert_int_equal(mark_brake_pages(100 * MIB, INT64_MAX, 1, 4096, 64), 25600 - 64);
	assert_int_equal(mark_brake_pages(100 * MIB, INT64_MAX, 2, 4096, 64), 12800 - 64);
	assert_int_equal(mark_brake_pages(100 * MIB, 1000, 1, 4096, 64), 1000 - 64);
	assert_int_equal(mark_brake_pages(INT64_MAX, 1000, 1, 4096, 64), 1000 - 64);
	/* At high already: at once, which still takes a look that is not answered. */
	assert_int_equal(mark_brake_pages(0, INT64_MAX, 1, 4096, 64), 1);
	assert_int_equal(mark_brake_pages(-5, INT64_MAX, 1, 4096, 64), 1);
	/* No high: never. */
	assert_int_equal(mark_brake_pages(INT64_MAX, INT64_MAX, 1, 4096, 64), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_shrink_with_cpus),
		cmocka_unit_test(batches_shrink_with_growth),
		cmocka_unit_test(batches_shrink_with_the_size_of_a_page),
		cmocka_unit_test(half_the_way),
		cmocka_unit_test(never_less_than_twice_what_is_held_back),
		cmocka_unit_test(brakes_at_high_less_what_is_held_back),
		cmocka_unit_test(no_limit_does_not_overflow),
	};

	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
