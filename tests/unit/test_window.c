/* SPDX-License-Identifier: GPL-2.0-only */
/* The share of the last ten seconds, from totals read at irregular times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/units.h"
#include "watch/window.h"

#define S NS_PER_S

static void first_sample_is_nothing(void **state)
{
	struct window window = { 0 };

	(void)state;
	assert_int_equal(window_add(&window, 123 * S, 1000 * S), 0);
}

static void a_short_stall_is_a_share_of_the_whole_window(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_add(&window, 0, 1000 * S);
	/* One second of nothing but stall, one second after the start: 10 % of ten. */
	assert_int_equal(window_add(&window, 1 * S, 1001 * S), PPM / 10);
}

static void steady_share(void **state)
{
	struct window window = { 0 };
	int64_t t, share = 0;

	(void)state;
	for (t = 0; t <= 30; t++) /* a quarter of each second */
		share = window_add(&window, t * S / 4, (1000 + t) * S);
	assert_int_equal(share, PPM / 4);
	/* It stops: gone after ten seconds, and not before. */
	for (; t <= 35; t++)
		share = window_add(&window, 30 * S / 4, (1000 + t) * S);
	assert_int_equal(share, PPM / 8);
	for (; t <= 40; t++)
		share = window_add(&window, 30 * S / 4, (1000 + t) * S);
	assert_int_equal(share, 0);
}

static void sparse_samples_are_a_share_of_the_time_between(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_add(&window, 0, 1000 * S);
	assert_int_equal(window_add(&window, 4 * S, 1020 * S), PPM / 5);
}

static void a_burst_of_samples_does_not_shorten_the_window(void **state)
{
	struct window window = { 0 };
	int64_t t, share = 0;

	(void)state;
	/* 200 samples in 20 s; 30 % stalled in the first 10 s, nothing after. */
	for (t = 0; t <= 100; t++)
		share = window_add(&window, t * S * 3 / 100, 1000 * S + t * S / 10);
	assert_in_range(share, PPM * 27 / 100, PPM * 31 / 100);
	for (; t <= 150; t++)
		share = window_add(&window, 3 * S, 1000 * S + t * S / 10);
	assert_in_range(share, PPM * 13 / 100, PPM * 18 / 100);
	for (; t <= 210; t++)
		share = window_add(&window, 3 * S, 1000 * S + t * S / 10);
	assert_int_equal(share, 0);
}

static void a_counter_that_starts_anew_starts_the_window_anew(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_add(&window, 50 * S, 1000 * S);
	assert_int_equal(window_add(&window, 1 * S, 1005 * S), 0);
	assert_int_equal(window_add(&window, 2 * S, 1010 * S), PPM / 10);
}

static void never_more_than_all(void **state)
{
	struct window window = { 0 };

	(void)state;
	window_add(&window, 0, 1000 * S);
	assert_int_equal(window_add(&window, 100 * S, 1010 * S), PPM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_sample_is_nothing),
		cmocka_unit_test(a_short_stall_is_a_share_of_the_whole_window),
		cmocka_unit_test(steady_share),
		cmocka_unit_test(sparse_samples_are_a_share_of_the_time_between),
		cmocka_unit_test(a_burst_of_samples_does_not_shorten_the_window),
		cmocka_unit_test(a_counter_that_starts_anew_starts_the_window_anew),
		cmocka_unit_test(never_more_than_all),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
