/* SPDX-License-Identifier: GPL-2.0-only */
/* The fill rate: right on a fill however its samples come, quiet on everything that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/forecast.h"
#include "random.h"

#define S	  NS_PER_S
#define MS	  NS_PER_MS
#define BEGIN	  (1000 * S)
#define FLOOR	  (2 * GIB)
#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

/* Free bytes as a function of the time since BEGIN, in seconds. */
typedef double (*shape_of)(double s);

static double steady(double s)
{
	return 20e9 - 50e6 * s;
}

/* Nothing for 42 s, then a fill. */
static double onset(double s)
{
	return s < 42 ? 20e9 : 20e9 - 50e6 * (s - 42);
}

/* XFS takes space ahead, in steps of 64 MiB. */
static double steps(double s)
{
	return 20e9 - (double)(int64_t)(50e6 * s / 67e6) * 67e6;
}

static double still(double s)
{
	(void)s;
	return 20e9;
}

static double teeth(double s, double period, double rate)
{
	double phase = s / period - (double)(int64_t)(s / period);

	return 20e9 - rate * period * (phase < 0.5 ? 2 * phase : 2 - 2 * phase) / 2;
}

static double churn_2(double s)
{
	return teeth(s, 2.3, 400e6);
}

static double churn_10(double s)
{
	return teeth(s, 11, 400e6);
}

static double churn_40(double s)
{
	return teeth(s, 40, 200e6);
}

/* Written for 20 s, then deleted at one stroke. */
static double saw(double s)
{
	return 20e9 - 200e6 * (s - 20 * (double)(int64_t)(s / 20));
}

static double emptying(double s)
{
	return 5e9 + 50e6 * s;
}

static int64_t idle_gap(uint64_t *seed)
{
	(void)seed;
	return 5 * S;
}

static int64_t second_gap(uint64_t *seed)
{
	(void)seed;
	return S;
}

static int64_t busy_gap(uint64_t *seed)
{
	(void)seed;
	return 10 * MS;
}

static int64_t any_gap(uint64_t *seed)
{
	return random_in(seed, 10 * MS, 5 * S);
}

static int64_t (*const gaps[])(uint64_t *seed) = { idle_gap, second_gap, busy_gap, any_gap };

struct run {
	struct forecast forecast;
	shape_of shape;
	uint64_t seed;
	int64_t (*gap)(uint64_t *seed);
	int64_t at_ns, available;
};

static int64_t step(struct run *run)
{
	run->at_ns += run->gap(&run->seed);
	run->available = (int64_t)run->shape((double)run->at_ns / 1e9);
	forecast_add(&run->forecast, run->available, BEGIN + run->at_ns);
	return forecast_ns(&run->forecast, run->available, FLOOR);
}

static void expect_fill(shape_of shape, double from_s, double percent)
{
	for (size_t i = 0; i < COUNT(gaps); i++) {
		struct run run = { .shape = shape, .seed = 7, .gap = gaps[i] };

		while (run.at_ns < 120 * S) {
			int64_t ns = step(&run);
			double want = ((double)run.available - (double)FLOOR) / 50e6 * 1e9;

			/* The sample before the fill began is up to 5 s old. */
			if ((double)run.at_ns / 1e9 < from_s)
				continue;
			if ((double)ns < want * (1 - percent / 100) ||
			    (double)ns > want * (1 + percent / 100))
				fail_msg("gaps %zu at %.1f s: %.1f s, not %.1f s", i,
					 (double)run.at_ns / 1e9, (double)ns / 1e9, want / 1e9);
		}
	}
}

static void a_steady_fill_is_told_after_10_s(void **state)
{
	(void)state;
	expect_fill(steady, 15, 1);
	expect_fill(steps, 30, 20);
}

/* The case of DESIGN: idle before, 10 s later right within 20 %, looks each second by then. */
static void a_fill_that_begins_is_told_after_10_s(void **state)
{
	struct run run = { .shape = onset, .seed = 1, .gap = idle_gap };

	(void)state;
	while (run.at_ns < 45 * S)
		step(&run);
	assert_true(forecast_ns(&run.forecast, run.available, FLOOR) > 200 * 10 * S / 20);
	assert_true(forecast_soon(&run.forecast, run.available, FLOOR));
	run.gap = second_gap;
	while (run.at_ns < 120 * S) {
		int64_t ns = step(&run);
		double want = ((double)run.available - (double)FLOOR) / 50e6 * 1e9;

		if (run.at_ns >= 53 * S)
			assert_true((double)ns > want * 0.8 && (double)ns < want * 1.2);
	}
	expect_fill(onset, 42 + 16, 20);
}

static void what_does_not_fill_has_no_forecast(void **state)
{
	static const shape_of shapes[] = { still, emptying };

	(void)state;
	for (size_t i = 0; i < COUNT(shapes) * COUNT(gaps); i++) {
		struct run run = { .shape = shapes[i / COUNT(gaps)],
				   .seed = 3,
				   .gap = gaps[i % COUNT(gaps)] };

		while (run.at_ns < 120 * S)
			assert_true(step(&run) == VALUE_NEVER);
		assert_false(forecast_soon(&run.forecast, run.available, FLOOR));
	}
}

/* Once a period is over nothing may be judged: no forecast lasts as long as the sustain time. */
static void churn_is_quiet(void **state)
{
	static const shape_of shapes[] = { churn_2, churn_10, churn_40, saw };

	(void)state;
	for (size_t i = 0; i < COUNT(shapes) * COUNT(gaps); i++) {
		struct run run = { .shape = shapes[i / COUNT(gaps)],
				   .seed = 5,
				   .gap = gaps[i % COUNT(gaps)] };
		int64_t since_ns = 0;

		while (run.at_ns < 600 * S) {
			int64_t ns = step(&run);

			if (ns > 120 * S)
				since_ns = run.at_ns;
			else if (run.at_ns > 45 * S && run.at_ns - since_ns >= 10 * S)
				fail_msg("shape %zu, gaps %zu: %.1f s at %.1f s", i / COUNT(gaps),
					 i % COUNT(gaps), (double)ns / 1e9,
					 (double)run.at_ns / 1e9);
		}
	}
}

/* A fill that ends is no fill any more, within the span. */
static void the_end_of_a_fill_is_seen(void **state)
{
	struct forecast forecast = { 0 };

	(void)state;
	for (int64_t s = 0; s <= 60; s++)
		forecast_add(&forecast, 10 * GIB - (s < 30 ? s : 30) * 100 * MIB, BEGIN + s * S);
	assert_true(forecast_ns(&forecast, 7 * GIB, FLOOR) == VALUE_NEVER);
}

static void edges(void **state)
{
	struct forecast forecast = { 0 };

	(void)state;
	assert_true(forecast_ns(&forecast, 10 * GIB, FLOOR) == VALUE_NEVER);
	assert_false(forecast_soon(&forecast, 10 * GIB, FLOOR));
	for (int64_t s = 0; s <= 20; s++)
		forecast_add(&forecast, INT64_MAX - s, BEGIN + s * S);
	for (int64_t s = 21; s <= 40; s++)
		forecast_add(&forecast, 3 * GIB - s, BEGIN + s * S);
	/* One byte a second: longer than a clock can tell is never, and past the floor is now. */
	assert_true(forecast_ns(&forecast, INT64_MAX, 0) == VALUE_NEVER);
	assert_true(forecast_ns(&forecast, FLOOR + 100, FLOOR) > 99 * S);
	assert_true(forecast_ns(&forecast, FLOOR, FLOOR) == 0);
	assert_true(forecast_ns(&forecast, FLOOR - 1, FLOOR) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_fill_is_told_after_10_s),
		cmocka_unit_test(a_fill_that_begins_is_told_after_10_s),
		cmocka_unit_test(what_does_not_fill_has_no_forecast),
		cmocka_unit_test(churn_is_quiet),
		cmocka_unit_test(the_end_of_a_fill_is_seen),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
