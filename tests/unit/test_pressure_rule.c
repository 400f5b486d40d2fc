/* SPDX-License-Identifier: GPL-2.0-only */
/* From thresholds to the rule of one resource; its deadline and its distance. */
#include "walk.h"

#define PERCENT (PPM / 100)

#define SHARE(percent)                            \
	{                                         \
		QUANTITY_SHARE, (percent)*PERCENT \
	}
#define SIZE(bytes)                  \
	{                            \
		QUANTITY_SIZE, bytes \
	}
#define NUMBER(count)                 \
	{                             \
		QUANTITY_COUNT, count \
	}

static const struct resource_type space = { .less_is_worse = true, .has_size = true };
static const struct resource_type used = { .less_is_worse = false };

struct rule_case {
	const char *what;
	const struct resource_type *type;
	int64_t size;
	struct threshold enter, leave;
	int64_t enter_is, leave_is;
};

static void check(const struct rule_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct rule_case *it = &cases[i];
		struct thresholds thresholds = {
			.enter = { [M] = it->enter },
			.leave = { [M] = it->leave },
			.sustain_ns = 3,
			.dwell_ns = 4,
		};
		struct pressure_rule rule;

		pressure_rule_make(&rule, &thresholds, it->type, it->size, 0);
		if (rule.enter[M] != it->enter_is || rule.leave[M] != it->leave_is)
			fail_msg("%s: enter %lld, leave %lld", it->what, (long long)rule.enter[M],
				 (long long)rule.leave[M]);
		assert_int_equal(rule.less_is_worse, it->type->less_is_worse);
		assert_int_equal(rule.sustain_ns, 3);
		assert_int_equal(rule.dwell_ns, 4);
		assert_int_equal(rule.enter[H], OFF);
		assert_int_equal(rule.leave[H], OFF);
		assert_int_equal(rule.enter[N], OFF);
	}
}

static void leave_by_default(void **state)
{
	static const struct rule_case cases[] = {
		{ "20 % above", &space, 0, { 1, { SIZE(1000) } }, { 0 }, 1000, 1200 },
		{ "20 % below", &used, 0, { 1, { NUMBER(1000) } }, { 0 }, 1000, 800 },
		{ "a small count has a band too", &space, 0, { 1, { NUMBER(1) } }, { 0 }, 1, 2 },
		{ "and where more is worse", &used, 0, { 1, { NUMBER(1) } }, { 0 }, 1, 0 },
		{ "any", &used, 0, { 1, { NUMBER(0) } }, { 0 }, 0, 0 },
		{ "off has no leave", &space, 1000, { 0 }, { 1, { SIZE(5) } }, OFF, OFF },
	};

	(void)state;
	check(cases, COUNT(cases));
}

static void leave_as_given(void **state)
{
	static const struct rule_case cases[] = {
		{ "above", &space, 0, { 1, { SIZE(100) } }, { 1, { SIZE(101) } }, 100, 101 },
		{ "below", &used, 0, { 1, { NUMBER(100) } }, { 1, { NUMBER(99) } }, 100, 99 },
		{ "the same", &space, 0, { 1, { SIZE(100) } }, { 1, { SIZE(100) } }, 100, 100 },
		{ "of many",
		  &space,
		  1000,
		  { 1, { SHARE(10) } },
		  { 2, { SHARE(50), SIZE(300) } },
		  100,
		  300 },
		{ "wrong side", &space, 0, { 1, { SIZE(100) } }, { 1, { SIZE(99) } }, 100, 100 },
		{ "wrong side", &used, 0, { 1, { NUMBER(9) } }, { 1, { NUMBER(10) } }, 9, 9 },
	};

	(void)state;
	check(cases, COUNT(cases));
}

/* A level whose leave no object of this size can reach would never be left. */
static void leave_stays_within_the_size(void **state)
{
	static const struct rule_case cases[] = {
		{ "by default", &space, 1000, { 1, { SIZE(900) } }, { 0 }, 900, 950 },
		{ "as given", &space, 1000, { 1, { SIZE(100) } }, { 1, { SIZE(5000) } }, 100, 550 },
		{ "just fits", &space, 1080, { 1, { SIZE(900) } }, { 0 }, 900, 1080 },
		{ "no room", &space, 1000, { 1, { SIZE(1000) } }, { 0 }, 1000, 1000 },
		{ "all", &space, 1000, { 1, { SHARE(100) } }, { 0 }, 1000, 1000 },
		{ "never relaxed", &space, 1000, { 1, { SIZE(3000) } }, { 0 }, 3000, 3000 },
		{ "size unknown", &space, 0, { 1, { SIZE(900) } }, { 0 }, 900, 1080 },
		{ "has no size",
		  &used,
		  10,
		  { 1, { NUMBER(900) } },
		  { 1, { NUMBER(700) } },
		  900,
		  700 },
	};

	(void)state;
	check(cases, COUNT(cases));
}

/* ext4 keeps 5 % for root: empty, 950 of 1000 are available. */
static void leave_stays_within_what_can_be_free(void **state)
{
	static const struct {
		struct threshold enter, leave;
		int64_t capacity, enter_is, leave_is;
	} cases[] = {
		{ { 1, { SHARE(80) } }, { 0 }, 950, 800, 875 },
		{ { 1, { SHARE(80) } }, { 1, { SHARE(97) } }, 950, 800, 875 },
		{ { 1, { SHARE(80) } }, { 1, { SHARE(90) } }, 950, 800, 900 },
		{ { 1, { SHARE(80) } }, { 1, { SHARE(95) } }, 950, 800, 950 },
		{ { 1, { SHARE(10) } }, { 0 }, 950, 100, 120 },
		{ { 1, { SHARE(80) } }, { 0 }, 0, 800, 960 },
		{ { 1, { SHARE(80) } }, { 0 }, 5000, 800, 960 },
		/* Never to be left, as it was asked for. */
		{ { 1, { SHARE(97) } }, { 0 }, 950, 970, 970 },
	};
	struct pressure_rule rule;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct thresholds thresholds = { .enter = { [M] = cases[i].enter },
						 .leave = { [M] = cases[i].leave } };

		pressure_rule_make(&rule, &thresholds, &space, 1000, cases[i].capacity);
		assert_int_equal(rule.enter[M], cases[i].enter_is);
		assert_int_equal(rule.leave[M], cases[i].leave_is);
	}
}

static void several_values_are_the_smallest(void **state)
{
	static const struct rule_case cases[] = {
		{ "small",
		  &space,
		  50 * GIB,
		  { 2, { SHARE(10), SIZE(10 * GIB) } },
		  { 0 },
		  5 * GIB,
		  6 * GIB },
		{ "on the edge",
		  &space,
		  100 * GIB,
		  { 2, { SHARE(10), SIZE(10 * GIB) } },
		  { 0 },
		  10 * GIB,
		  12 * GIB },
		{ "large",
		  &space,
		  4096 * GIB,
		  { 2, { SHARE(10), SIZE(10 * GIB) } },
		  { 0 },
		  10 * GIB,
		  12 * GIB },
		{ "where more is worse",
		  &used,
		  0,
		  { 3, { NUMBER(7), NUMBER(5), NUMBER(9) } },
		  { 0 },
		  5,
		  4 },
	};

	(void)state;
	check(cases, COUNT(cases));
}

/* Shares follow the size, as when a filesystem is grown under us. */
static void a_share_follows_the_size(void **state)
{
	static const struct rule_case cases[] = {
		{ "before", &space, 1000, { 1, { SHARE(10) } }, { 1, { SHARE(15) } }, 100, 150 },
		{ "after", &space, 3000, { 1, { SHARE(10) } }, { 1, { SHARE(15) } }, 300, 450 },
		{ "size unknown", &space, 0, { 1, { SHARE(10) } }, { 0 }, 0, 0 },
		{ "a share in itself",
		  &used,
		  0,
		  { 1, { SHARE(10) } },
		  { 0 },
		  10 * PERCENT,
		  8 * PERCENT },
	};

	(void)state;
	check(cases, COUNT(cases));
}

static void the_largest_numbers_do_not_overflow(void **state)
{
	static const struct rule_case cases[] = {
		{ "saturates", &space, 0, { 1, { SIZE(INT64_MAX) } }, { 0 }, INT64_MAX, INT64_MAX },
		{ "saturates",
		  &space,
		  0,
		  { 1, { SIZE(INT64_MAX / 6 * 5 + 9) } },
		  { 0 },
		  INT64_MAX / 6 * 5 + 9,
		  INT64_MAX },
		{ "halfway",
		  &space,
		  INT64_MAX,
		  { 1, { SIZE(INT64_MAX - 2) } },
		  { 0 },
		  INT64_MAX - 2,
		  INT64_MAX },
		{ "beyond", &space, 1, { 1, { SIZE(INT64_MAX) } }, { 0 }, INT64_MAX, INT64_MAX },
		{ "below",
		  &used,
		  0,
		  { 1, { NUMBER(INT64_MAX) } },
		  { 0 },
		  INT64_MAX,
		  INT64_MAX - INT64_MAX / 5 - 1 },
		{ "all", &space, INT64_MAX, { 1, { SHARE(100) } }, { 0 }, INT64_MAX, INT64_MAX },
	};

	(void)state;
	check(cases, COUNT(cases));
}

static void the_largest_values_and_times_do_not_overflow(void **state)
{
	static const int64_t values[] = { INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX };
	static const struct pressure_rule rules[] = {
		{ true, { OFF, INT64_MAX, 1 }, { OFF, INT64_MAX, 2 }, INT64_MAX, INT64_MAX },
		{ false, { OFF, 0, INT64_MAX }, { OFF, 0, INT64_MAX }, INT64_MAX, INT64_MAX },
		{ true, { OFF, 100, 50 }, { OFF, 120, 60 }, 0, INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rules); i++)
		for (size_t j = 0; j < COUNT(values); j++) {
			struct pressure pressure = { 0 };

			take(&pressure, &rules[i], values[j], INT64_MAX / 2);
			take(&pressure, &rules[i], values[COUNT(values) - 1 - j], INT64_MAX - 1);
			assert_true(pressure_distance(&pressure, &rules[i], values[j]) >= 0);
		}
}

/* Medium below 100, left at 120; high below 50, left at 60. */
static const struct pressure_rule soft = {
	.less_is_worse = true,
	.enter = { OFF, 100, 50 },
	.leave = { OFF, 120, 60 },
	.sustain_ns = 10 * S,
	.dwell_ns = 60 * S,
};

static void the_deadline_is_when_sustain_or_dwell_runs_out(void **state)
{
	static const struct {
		const char *what;
		struct sample first, last;
		int64_t deadline_s; /* after BEGIN; -1: never */
	} cases[] = {
		{ "at rest", { 0, 500, N }, { 5, 500, N }, -1 },
		{ "medium sustains", { 0, 99, N }, { 5, 99, N }, 10 },
		{ "both do: the same time", { 0, 10, N }, { 5, 10, N }, 10 },
		{ "high later than medium", { 0, 99, N }, { 5, 10, N }, 10 },
		{ "sustain broken", { 0, 99, N }, { 5, 100, N }, -1 },
		{ "high sustains", { 10, 99, M }, { 15, 49, M }, 25 },
		{ "called", { 10, 99, M }, { 15, 99, M }, -1 },
		{ "in the band", { 10, 99, M }, { 15, 110, M }, -1 },
		{ "medium dwells", { 10, 99, M }, { 15, 120, M }, 70 },
		{ "high is held", { 10, 10, H }, { 15, 59, H }, -1 },
		{ "high dwells", { 10, 10, H }, { 15, 60, H }, 70 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pressure pressure = { 0 };
		int64_t deadline_ns, expected_ns = BEGIN + cases[i].deadline_s * S;

		if (cases[i].first.level != N) /* so that it has sustained */
			pressure_step(&pressure, &soft, cases[i].first.value, BEGIN);
		walk_on(&pressure, &soft, &cases[i].first, 1);
		walk_on(&pressure, &soft, &cases[i].last, 1);
		deadline_ns = pressure_deadline(&pressure, &soft, cases[i].last.value);
		if (deadline_ns != (cases[i].deadline_s < 0 ? PRESSURE_NEVER : expected_ns))
			fail_msg("%s: %lld", cases[i].what, (long long)(deadline_ns - BEGIN));
	}
}

/* A new rule calls what the sample was taken without: take one now, sustain begins with it. */
static void the_deadline_after_a_new_rule(void **state)
{
	struct pressure_rule stricter = soft;
	struct pressure pressure = { 0 };

	(void)state;
	take(&pressure, &soft, 110, BEGIN);
	stricter.enter[M] = 115;
	assert_int_equal(pressure_deadline(&pressure, &stricter, 110), 0);
	assert_int_equal(take(&pressure, &stricter, 110, BEGIN + 5 * S), N);
	assert_true(pressure_deadline(&pressure, &stricter, 110) == BEGIN + 15 * S);
}

static void the_part_of_the_deadline_that_is_leaving(void **state)
{
	struct pressure pressure = { 0 };

	(void)state;
	take(&pressure, &soft, 99, BEGIN);
	assert_true(pressure_leave_ns(&pressure, &soft, 99) == PRESSURE_NEVER);
	take(&pressure, &soft, 99, BEGIN + 10 * S);
	take(&pressure, &soft, 49, BEGIN + 11 * S);
	assert_true(pressure_deadline(&pressure, &soft, 49) == BEGIN + 21 * S);
	assert_true(pressure_leave_ns(&pressure, &soft, 49) == PRESSURE_NEVER);
	assert_true(pressure_leave_ns(&pressure, &soft, 120) == BEGIN + 71 * S);
}

static void distance_to_the_next_level(void **state)
{
	static const struct {
		bool less_is_worse;
		enum level level;
		int64_t medium, high, value, distance;
	} cases[] = {
		{ true, N, 100, 50, 500, 400 },
		{ true, N, 100, 50, 101, 1 },
		{ true, N, 100, 50, 100, 0 },
		{ true, N, 100, 50, 20, 0 },
		{ true, M, 100, 50, 99, 49 },
		{ true, M, 100, 50, 49, 0 },
		{ true, H, 100, 50, 99, PRESSURE_NEVER },
		{ true, N, OFF, 50, 99, 49 },
		{ true, N, 100, OFF, 500, 400 },
		{ true, M, 100, OFF, 99, PRESSURE_NEVER },
		{ true, N, OFF, OFF, 99, PRESSURE_NEVER },
		{ true, N, 100, 200, 500, 300 }, /* high may come first */
		{ false, N, 10, 40, 4, 6 },
		{ false, N, 10, 40, 11, 0 },
		{ false, M, 10, 40, 11, 29 },
		{ false, M, 10, 40, 99, 0 },
		{ true, N, 100, 50, INT64_MIN, 0 },
		{ true, N, 0, OFF, INT64_MAX, INT64_MAX },
		{ false, N, INT64_MAX, OFF, INT64_MIN, PRESSURE_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pressure_rule rule = {
			.less_is_worse = cases[i].less_is_worse,
			.enter = { OFF, cases[i].medium, cases[i].high },
		};
		struct pressure pressure = { .level = cases[i].level };

		assert_true(pressure_distance(&pressure, &rule, cases[i].value) ==
			    cases[i].distance);
	}
}

static void called_by_what_no_value_tells(void **state)
{
	static const struct {
		int64_t enter[LEVELS];
		enum level before, after;
	} cases[] = {
		{ { OFF, 100, 50 }, N, H },  { { OFF, 100, 50 }, H, H },
		{ { OFF, OFF, 50 }, N, H },  { { OFF, 100, OFF }, N, M },
		{ { OFF, 100, OFF }, H, M }, { { OFF, OFF, OFF }, N, N },
		{ { OFF, OFF, OFF }, H, N },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pressure_rule rule = soft;
		struct pressure pressure = { .level = cases[i].before, .since_ns = 1 };

		memcpy(rule.enter, cases[i].enter, sizeof(rule.enter));
		assert_int_equal(pressure_worst(&rule), cases[i].after);
		assert_int_equal(pressure_call(&pressure, &rule, BEGIN), cases[i].after);
		assert_int_equal(pressure.level, cases[i].after);
		assert_true(pressure.since_ns == (cases[i].before == cases[i].after ? 1 : BEGIN));
		assert_int_equal(pressure_step(&pressure, &rule, 500, BEGIN + 60 * S - 1),
				 cases[i].after);
		assert_int_equal(pressure_step(&pressure, &rule, 500, BEGIN + 60 * S), N);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leave_by_default),
		cmocka_unit_test(leave_as_given),
		cmocka_unit_test(leave_stays_within_the_size),
		cmocka_unit_test(leave_stays_within_what_can_be_free),
		cmocka_unit_test(several_values_are_the_smallest),
		cmocka_unit_test(a_share_follows_the_size),
		cmocka_unit_test(the_largest_numbers_do_not_overflow),
		cmocka_unit_test(the_largest_values_and_times_do_not_overflow),
		cmocka_unit_test(the_deadline_is_when_sustain_or_dwell_runs_out),
		cmocka_unit_test(the_deadline_after_a_new_rule),
		cmocka_unit_test(the_part_of_the_deadline_that_is_leaving),
		cmocka_unit_test(distance_to_the_next_level),
		cmocka_unit_test(called_by_what_no_value_tells),
	};

	return cmocka_run_group_tests_name("pressure rule", tests, NULL, NULL);
}
