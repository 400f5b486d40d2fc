/* SPDX-License-Identifier: GPL-2.0-only */
/* How the level of one resource rises and steps down: every transition, as a specification. */
#include "walk.h"

/* Free-space like: medium below 100, left at 120; high below 50, left at 60. */
static const struct pressure_rule space = {
	.less_is_worse = true,
	.enter = { OFF, 100, 50 },
	.leave = { OFF, 120, 60 },
	.dwell_ns = 60 * S,
};

/* Memory-stall like: medium above 10, left at 8; high above 40, left at 32. */
static const struct pressure_rule stall = {
	.enter = { OFF, 10, 40 },
	.leave = { OFF, 8, 32 },
	.sustain_ns = 10 * S,
	.dwell_ns = 60 * S,
};

static void step_by_step_up_and_down(void **state)
{
	static const struct sample samples[] = {
		{ 0, 500, N },	{ 1, 99, M },	{ 2, 49, H },	 { 61, 70, H },	  { 62, 70, M },
		{ 63, 119, M }, { 121, 99, M }, { 180, 120, M }, { 181, 120, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

static void straight_to_high_and_straight_back(void **state)
{
	static const struct sample samples[] = {
		{ 0, 500, N }, { 1, 10, H }, { 2, 500, H }, { 60, 500, H }, { 61, 500, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

/* On a threshold: not past enter, but leave is reached. */
static void on_the_thresholds(void **state)
{
	static const struct sample less[] = {
		{ 0, 100, N }, { 1, 99, M },	{ 2, 50, M },	 { 3, 49, H },	  { 63, 59, H },
		{ 64, 60, M }, { 124, 119, M }, { 125, 120, N }, { 126, 100, N },
	};
	static const struct sample more[] = {
		{ 0, 10, N },	{ 20, 10, N },	{ 21, 11, N }, { 31, 11, M },
		{ 32, 40, M },	{ 50, 40, M },	{ 51, 41, M }, { 61, 41, H },
		{ 121, 33, H }, { 122, 32, M }, { 182, 9, M }, { 183, 8, N },
	};

	(void)state;
	walk(&space, less, COUNT(less));
	walk(&stall, more, COUNT(more));
}

/* 0 is "any" where more is worse, and no filesystem has less than 0 left. */
static void thresholds_of_nought(void **state)
{
	static const struct pressure_rule kills = { .enter = { OFF, OFF, 0 },
						    .leave = { OFF, OFF, 0 } };
	static const struct pressure_rule none = { .less_is_worse = true,
						   .enter = { OFF, 0, 0 },
						   .leave = { OFF, 0, 0 } };
	static const struct sample any[] = { { 0, 0, N }, { 1, 1, H }, { 2, 0, N } };
	static const struct sample empty[] = { { 0, 0, N }, { 1, 5, N }, { 2, 0, N } };

	(void)state;
	walk(&kills, any, COUNT(any));
	walk(&none, empty, COUNT(empty));
}

static void without_dwell_or_band_it_follows_the_value(void **state)
{
	static const struct pressure_rule rule = { .less_is_worse = true,
						   .enter = { OFF, 100, 50 },
						   .leave = { OFF, 100, 50 } };
	static const struct sample samples[] = {
		{ 0, 99, M },  { 1, 100, N }, { 2, 49, H },  { 3, 50, M },
		{ 4, 100, N }, { 5, 49, H },  { 5, 100, N },
	};

	(void)state;
	walk(&rule, samples, COUNT(samples));
}

static void the_dwell_counts_from_the_last_call(void **state)
{
	static const struct sample samples[] = {
		{ 0, 99, M },	{ 50, 200, M },	 { 59, 99, M },
		{ 60, 200, M }, { 118, 200, M }, { 119, 200, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

/* Nor does a value short of high's enter, while at high: it is medium's. */
static void the_band_neither_rearms_the_dwell_nor_leaves(void **state)
{
	static const struct sample medium[] = {
		{ 0, 99, M }, { 59, 110, M }, { 60, 110, M }, { 600, 119, M }, { 601, 120, N },
	};
	static const struct sample high[] = {
		{ 0, 49, H },
		{ 59, 55, H },
		{ 600, 59, H },
		{ 601, 60, M },
	};

	(void)state;
	walk(&space, medium, COUNT(medium));
	walk(&space, high, COUNT(high));
}

/* Worse than the present level re-arms as well, though sustain keeps it from rising. */
static void a_call_above_the_level_rearms_the_dwell(void **state)
{
	static const struct sample samples[] = {
		{ 0, 11, N }, { 10, 11, M }, { 60, 99, M },
		{ 61, 0, M }, { 119, 0, M }, { 120, 0, N },
	};

	(void)state;
	walk(&stall, samples, COUNT(samples));
}

/* The senders have waited once: in medium's band only medium's leave is waited for. */
static void medium_on_the_way_down_does_not_dwell_again(void **state)
{
	static const struct sample samples[] = {
		{ 0, 10, H },
		{ 59, 110, H },
		{ 60, 110, M },
		{ 61, 120, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

/* Having been worse must not open it sooner than medium alone would. */
static void medium_called_while_at_high_dwells_after_it(void **state)
{
	static const struct sample samples[] = {
		{ 0, 10, H },	{ 50, 80, H },	 { 59, 500, H },
		{ 60, 500, M }, { 109, 500, M }, { 110, 500, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

static void medium_on_the_way_down_dwells_when_it_is_called(void **state)
{
	static const struct sample samples[] = {
		{ 0, 10, H }, { 60, 80, M }, { 61, 500, M }, { 119, 500, M }, { 120, 500, N },
	};

	(void)state;
	walk(&space, samples, COUNT(samples));
}

/* Medium needs no sustain on the way down: more than its trouble has been sustained. */
static void down_to_medium_without_sustain(void **state)
{
	static const struct sample samples[] = {
		{ 0, 50, N },  { 10, 50, H }, { 69, 0, H },
		{ 70, 20, M }, { 71, 0, M },  { 130, 0, N },
	};

	(void)state;
	walk(&stall, samples, COUNT(samples));
}

static void sustain_wants_it_past_without_a_break(void **state)
{
	static const struct sample samples[] = {
		{ 0, 11, N },  { 9, 11, N },  { 10, 10, N }, { 11, 11, N },
		{ 20, 11, N }, { 21, 11, M }, { 22, 50, M }, { 31, 50, M },
		{ 32, 40, M }, { 33, 50, M }, { 42, 50, M }, { 43, 50, H },
	};

	(void)state;
	walk(&stall, samples, COUNT(samples));
}

static void sustain_counts_for_each_level_on_its_own(void **state)
{
	static const struct sample together[] = { { 0, 50, N }, { 9, 50, N }, { 10, 50, H } };
	static const struct sample apart[] = {
		{ 0, 11, N }, { 5, 50, N }, { 10, 50, M }, { 14, 50, M }, { 15, 50, H },
	};
	static const struct sample spike[] = {
		{ 0, 11, N },
		{ 9, 99, N },
		{ 10, 11, M },
		{ 20, 11, M },
	};

	(void)state;
	walk(&stall, together, COUNT(together));
	walk(&stall, apart, COUNT(apart));
	walk(&stall, spike, COUNT(spike));
}

static void levels_that_are_off_are_never_taken(void **state)
{
	static const struct pressure_rule no_medium = { .less_is_worse = true,
							.enter = { OFF, OFF, 50 },
							.leave = { OFF, OFF, 60 },
							.dwell_ns = 60 * S };
	static const struct pressure_rule no_high = { .less_is_worse = true,
						      .enter = { OFF, 100, OFF },
						      .leave = { OFF, 120, OFF },
						      .dwell_ns = 60 * S };
	static const struct pressure_rule neither = { .less_is_worse = true,
						      .enter = { OFF, OFF, OFF },
						      .leave = { OFF, OFF, OFF } };
	static const struct sample only_high[] = {
		{ 0, 99, N },
		{ 1, 49, H },
		{ 60, 59, H },
		{ 61, 60, N },
	};
	static const struct sample only_medium[] = {
		{ 0, 99, M },
		{ 1, 0, M },
		{ 60, 500, M },
		{ 61, 500, N },
	};
	static const struct sample nothing[] = { { 0, 99, N }, { 1, 0, N }, { 2, -5, N } };

	(void)state;
	walk(&no_medium, only_high, COUNT(only_high));
	walk(&no_high, only_medium, COUNT(only_medium));
	walk(&neither, nothing, COUNT(nothing));
}

/* A reload may turn a level off while the resource is at it: no dwell of its own holds it then. */
static void a_level_turned_off_is_left_at_once(void **state)
{
	static const struct {
		int64_t enter[LEVELS];
		struct sample before, after;
	} cases[] = {
		{ { OFF, 100, OFF }, { 0, 10, H }, { 1, 10, M } },
		{ { OFF, 100, OFF }, { 0, 10, H }, { 1, 110, M } },
		{ { OFF, 100, OFF }, { 0, 10, H }, { 1, 120, M } },
		{ { OFF, OFF, OFF }, { 0, 10, H }, { 1, 10, N } },
		{ { OFF, OFF, 50 }, { 0, 99, M }, { 1, 99, N } },
		{ { OFF, OFF, 50 }, { 0, 99, M }, { 1, 49, H } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pressure_rule rule = space;
		struct pressure pressure = { 0 };

		walk_on(&pressure, &space, &cases[i].before, 1);
		memcpy(rule.enter, cases[i].enter, sizeof(rule.enter));
		if (rule.enter[pressure.level] == OFF)
			assert_int_equal(pressure_deadline(&pressure, &rule, 10), 0);
		walk_on(&pressure, &rule, &cases[i].after, 1);
	}
}

/* High may be set to begin before medium ends; it must hold medium then, sustained or not. */
static void a_level_is_not_left_while_a_higher_one_is_called(void **state)
{
	static const struct pressure_rule rule = { .less_is_worse = true,
						   .enter = { OFF, 100, 200 },
						   .leave = { OFF, 120, 240 },
						   .sustain_ns = 100 * S,
						   .dwell_ns = 10 * S };
	static const struct sample samples[] = {
		{ 0, 300, N },	{ 10, 99, N },	 { 60, 200, N }, { 70, 99, N },	 { 140, 99, N },
		{ 170, 99, H }, { 180, 240, N }, { 190, 99, N }, { 289, 99, N }, { 290, 99, H },
	};
	struct pressure pressure = { .level = M, .called_ns = { 0, BEGIN, BEGIN } };

	(void)state;
	walk(&rule, samples, COUNT(samples));
	assert_int_equal(take(&pressure, &rule, 150, BEGIN + 20 * S), M);
	assert_true(pressure_deadline(&pressure, &rule, 150) == BEGIN + 120 * S);
	assert_int_equal(take(&pressure, &rule, 300, BEGIN + 29 * S), M); /* a call of its own */
	assert_int_equal(take(&pressure, &rule, 300, BEGIN + 30 * S), N);
}

static void silence_counts_as_time(void **state)
{
	static const struct sample samples[] = { { 0, 99, M }, { 86400, 500, N } };

	(void)state;
	walk(&space, samples, COUNT(samples));
}

/* How often it closes (takes a level from normal) while VALUE_AT gives a value each second. */
static unsigned int closures(const struct pressure_rule *rule, int64_t seconds,
			     int64_t (*value_at)(int64_t second, uint64_t *seed))
{
	struct pressure pressure = { 0 };
	uint64_t seed = 0x5eed;
	unsigned int count = 0;

	for (int64_t second = 0; second < seconds; second++) {
		enum level before = pressure.level;
		int64_t closed_ns = pressure.since_ns, now = BEGIN + second * S;

		take(&pressure, rule, value_at(second, &seed), now);
		count += before == N && pressure.level != N;
		if (before == M && pressure.level == N)
			assert_true(now - closed_ns >= rule->dwell_ns);
	}
	return count;
}

static int64_t hovering_at_enter(int64_t second, uint64_t *seed)
{
	(void)second;
	return 100 + random_in(seed, -15, 15);
}

static int64_t hovering_at_leave(int64_t second, uint64_t *seed)
{
	return second ? 120 + random_in(seed, -15, 15) : 99;
}

/* Now and then as free as can be, but never for the dwell. */
static int64_t hovering_wildly(int64_t second, uint64_t *seed)
{
	return second % 50 ? 100 + random_in(seed, -90, 400) : 99;
}

static int64_t sawtooth_across_enter(int64_t second, uint64_t *seed)
{
	(void)seed;
	return 110 - second % 20;
}

static int64_t sawtooth_across_the_band(int64_t second, uint64_t *seed)
{
	(void)seed;
	return 130 - 2 * (second % 20);
}

/* 100 s above the band for each 20 s below: a closure each time is right. */
static int64_t slow_sawtooth(int64_t second, uint64_t *seed)
{
	(void)seed;
	return second % 120 < 20 ? 90 : 130;
}

static void hovering_for_half_an_hour_closes_once(void **state)
{
	(void)state;
	assert_int_equal(closures(&space, 1800, hovering_at_enter), 1);
	assert_int_equal(closures(&space, 1800, hovering_at_leave), 1);
	assert_int_equal(closures(&space, 1800, hovering_wildly), 1);
}

static void sawtooth(void **state)
{
	(void)state;
	assert_int_equal(closures(&space, 1800, sawtooth_across_enter), 1);
	assert_int_equal(closures(&space, 1800, sawtooth_across_the_band), 1);
	assert_int_equal(closures(&space, 1800, slow_sawtooth), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_by_step_up_and_down),
		cmocka_unit_test(straight_to_high_and_straight_back),
		cmocka_unit_test(on_the_thresholds),
		cmocka_unit_test(thresholds_of_nought),
		cmocka_unit_test(without_dwell_or_band_it_follows_the_value),
		cmocka_unit_test(the_dwell_counts_from_the_last_call),
		cmocka_unit_test(the_band_neither_rearms_the_dwell_nor_leaves),
		cmocka_unit_test(a_call_above_the_level_rearms_the_dwell),
		cmocka_unit_test(medium_on_the_way_down_does_not_dwell_again),
		cmocka_unit_test(medium_called_while_at_high_dwells_after_it),
		cmocka_unit_test(medium_on_the_way_down_dwells_when_it_is_called),
		cmocka_unit_test(down_to_medium_without_sustain),
		cmocka_unit_test(sustain_wants_it_past_without_a_break),
		cmocka_unit_test(sustain_counts_for_each_level_on_its_own),
		cmocka_unit_test(levels_that_are_off_are_never_taken),
		cmocka_unit_test(a_level_turned_off_is_left_at_once),
		cmocka_unit_test(a_level_is_not_left_while_a_higher_one_is_called),
		cmocka_unit_test(silence_counts_as_time),
		cmocka_unit_test(hovering_for_half_an_hour_closes_once),
		cmocka_unit_test(sawtooth),
	};

	return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
