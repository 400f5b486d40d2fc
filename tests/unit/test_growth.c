/* SPDX-License-Identifier: GPL-2.0-only */
/* How much room a dirtied page takes: by type, by trial, by what was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/units.h"
#include "watch/growth.h"

#define PAGE   4096
#define WINDOW (GROWTH_WINDOW / PAGE) /* in pages */

static struct growth growth;
static uint64_t pages;
static int64_t room;

static int set_up(void **state)
{
	(void)state;
	growth_reset(&growth);
	pages = 1000;
	room = 10 * GIB;
	growth_look(&growth, pages, room, PAGE);
	return 0;
}

/* DIRTIED pages, that took TAKEN. */
static unsigned int goes_on(uint64_t dirtied, int64_t taken)
{
	pages += dirtied;
	room -= taken;
	growth_look(&growth, pages, room, PAGE);
	return growth_pages(&growth, 1, PAGE);
}

static void type_is_the_least(void **state)
{
	(void)state;
	assert_int_equal(growth_pages(&growth, 1, PAGE), 1);
	assert_int_equal(growth_pages(&growth, 2, PAGE), 2);
	growth_trial(&growth, PAGE);
	assert_int_equal(growth_pages(&growth, 2, PAGE), 2);
}

static void a_trial_tells_of_clusters(void **state)
{
	(void)state;
	growth_trial(&growth, 65536);
	assert_int_equal(growth_pages(&growth, 1, PAGE), 16);
	growth_trial(&growth, 0); /* none was made */
	assert_int_equal(growth_pages(&growth, 1, PAGE), 16);
	growth_trial(&growth, 512); /* blocks smaller than a page */
	assert_int_equal(growth_pages(&growth, 1, PAGE), 1);
	growth_trial(&growth, 1024 * 1024);
	assert_int_equal(growth_pages(&growth, 1, 65536), 16);
	growth_trial(&growth, INT64_MAX - PAGE);
	assert_int_equal(growth_pages(&growth, 1, PAGE), 16384);
}

static void two_windows_make_it_true(void **state)
{
	(void)state;
	assert_int_equal(goes_on(WINDOW, 4 * WINDOW * PAGE), 1);
	assert_int_equal(goes_on(WINDOW, 3 * WINDOW * PAGE), 3);
	assert_int_equal(goes_on(WINDOW, 6 * WINDOW * PAGE), 3);
	assert_int_equal(goes_on(WINDOW, 6 * WINDOW * PAGE), 6);
}

static void once_is_not_enough(void **state)
{
	(void)state;
	assert_int_equal(goes_on(WINDOW, GIB), 1);
	assert_int_equal(goes_on(WINDOW, WINDOW * PAGE), 1);
}

static void a_window_has_its_pages(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 15; i++) /* 960 of 1024 */
		assert_int_equal(goes_on(64, MIB), 1);
	goes_on(64, MIB); /* 16 MiB for 4 */
	assert_int_equal(growth.last, 4);
	goes_on(WINDOW, 16 * MIB);
	assert_int_equal(growth_pages(&growth, 1, PAGE), 4);
}

static void it_is_forgotten_by_and_by(void **state)
{
	unsigned int i, now, before = 64;

	(void)state;
	goes_on(WINDOW, 64 * WINDOW * PAGE);
	assert_int_equal(goes_on(WINDOW, 64 * WINDOW * PAGE), 64);
	for (i = 0; i < 30; i++) {
		/* overwriting in place takes nothing, deleting gives back */
		now = goes_on(WINDOW, i % 2 ? 0 : -GIB);
		assert_true(now < before || before == 1);
		before = now;
	}
	assert_int_equal(before, 1);
}

static void it_has_a_bound(void **state)
{
	(void)state;
	goes_on(WINDOW, 4 * GIB);
	assert_int_equal(goes_on(WINDOW, 4 * GIB), GROWTH_SEEN);
}

/* The counter began anew: the kernel programs were loaded again. */
static void a_counter_that_went_back_begins_a_window(void **state)
{
	(void)state;
	goes_on(WINDOW, 9 * WINDOW * PAGE);
	pages = 10;
	assert_int_equal(goes_on(0, GIB), 1);
	assert_int_equal(growth.pages, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(type_is_the_least, set_up),
		cmocka_unit_test_setup(a_trial_tells_of_clusters, set_up),
		cmocka_unit_test_setup(two_windows_make_it_true, set_up),
		cmocka_unit_test_setup(once_is_not_enough, set_up),
		cmocka_unit_test_setup(a_window_has_its_pages, set_up),
		cmocka_unit_test_setup(it_is_forgotten_by_and_by, set_up),
		cmocka_unit_test_setup(it_has_a_bound, set_up),
		cmocka_unit_test_setup(a_counter_that_went_back_begins_a_window, set_up),
	};

	return cmocka_run_group_tests_name("growth", tests, NULL, NULL);
}
