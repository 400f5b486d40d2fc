/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What holds for every rule and every walk. Each seed gives one rule and one walk; the
 * expectations are computed anew from the whole history, not from the state.
 */
#include "walk.h"

#define SEEDS	   2000
#define LENGTH	   300
#define SCALE	   40 /* thresholds and values are small, so that walks meet them exactly */
#define LONGEST_MS 12000

struct history {
	size_t count;
	int64_t times[LENGTH];
	int64_t values[LENGTH];
	enum level levels[LENGTH]; /* after each sample */
};

static void random_rule(struct pressure_rule *rule, uint64_t *seed)
{
	memset(rule, 0, sizeof(*rule));
	rule->less_is_worse = random_next(seed) % 2;
	rule->sustain_ns = random_next(seed) % 3 ? 0 : random_in(seed, 0, 20) * S;
	rule->dwell_ns = random_next(seed) % 4 ? random_in(seed, 0, 60) * S : 0;
	for (enum level level = M; level <= H; level++) {
		int64_t band = random_in(seed, 0, 8);

		rule->enter[level] = random_next(seed) % 6 ? random_in(seed, 8, SCALE) : OFF;
		rule->leave[level] = rule->enter[level];
		if (rule->enter[level] != OFF)
			rule->leave[level] += rule->less_is_worse ? band : -band;
	}
}

/* A walk stays where it is for a while, and wanders or jumps then. */
static int64_t random_value(int64_t value, uint64_t *seed)
{
	switch (random_next(seed) % 8) {
	case 0:
		return random_in(seed, 0, SCALE + 10);
	case 1:
	case 2:
	case 3:
		return value + random_in(seed, -3, 3);
	default:
		return value;
	}
}

static bool past(const struct pressure_rule *rule, enum level level, int64_t value)
{
	if (rule->enter[level] == OFF)
		return false;
	return rule->less_is_worse ? value < rule->enter[level] : value > rule->enter[level];
}

static bool past_any(const struct pressure_rule *rule, enum level from, int64_t value)
{
	return (from <= M && past(rule, M, value)) || (from <= H && past(rule, H, value));
}

static bool relaxed(const struct pressure_rule *rule, enum level level, int64_t value)
{
	if (rule->enter[level] == OFF)
		return true;
	return rule->less_is_worse ? value >= rule->leave[level] : value <= rule->leave[level];
}

/* LEVEL has been called by each sample for the sustain time, the last one included. */
static bool sustained(const struct history *history, const struct pressure_rule *rule,
		      enum level level)
{
	size_t last = history->count - 1, first = history->count;

	while (first > 0 && past(rule, level, history->values[first - 1]))
		first--;
	return first <= last && history->times[last] - history->times[first] >= rule->sustain_ns;
}

/* No sample of the dwell time past called for LEVEL or above. */
static bool dwelt(const struct history *history, const struct pressure_rule *rule, enum level level)
{
	int64_t now = history->times[history->count - 1];

	for (size_t i = history->count; i > 0; i--)
		if (past_any(rule, level, history->values[i - 1]))
			return now - history->times[i - 1] >= rule->dwell_ns;
	return true;
}

static bool may_leave(const struct history *history, const struct pressure_rule *rule,
		      enum level level)
{
	int64_t value = history->values[history->count - 1];

	if (rule->enter[level] == OFF)
		return true;
	return relaxed(rule, level, value) && !past_any(rule, level, value) &&
	       dwelt(history, rule, level);
}

static enum level expected(const struct history *history, const struct pressure_rule *rule)
{
	enum level level = history->count > 1 ? history->levels[history->count - 2] : N;

	if (sustained(history, rule, H))
		return H;
	if (sustained(history, rule, M) && level < M)
		return M;
	if (level == H && may_leave(history, rule, H))
		level = M;
	if (level == M && may_leave(history, rule, M))
		level = N;
	return level;
}

/* Just before the deadline the level is the same, at it another one; without one, always the same.
 */
static void deadline_is_honest(const struct pressure *pressure, const struct pressure_rule *rule,
			       int64_t value)
{
	int64_t deadline_ns = pressure_deadline(pressure, rule, value);
	struct pressure early = *pressure, due = *pressure;

	if (deadline_ns == PRESSURE_NEVER) {
		assert_int_equal(pressure_step(&due, rule, value, INT64_MAX / 2), pressure->level);
		return;
	}
	assert_int_equal(pressure_step(&early, rule, value, deadline_ns - 1), pressure->level);
	assert_int_not_equal(pressure_step(&due, rule, value, deadline_ns), pressure->level);
}

static void one_walk(uint64_t seed)
{
	struct history history = { 0 };
	struct pressure pressure = { 0 };
	struct pressure_rule rule;
	int64_t value = SCALE, now = BEGIN;

	random_rule(&rule, &seed);
	while (history.count < LENGTH) {
		size_t i = history.count++;

		value = random_value(value, &seed);
		now += random_in(&seed, 0, LONGEST_MS) * NS_PER_MS;
		history.times[i] = now;
		history.values[i] = value;
		history.levels[i] = take(&pressure, &rule, value, now);
		assert_int_equal(history.levels[i], expected(&history, &rule));
		if (i && history.levels[i] > history.levels[i - 1])
			assert_true(past(&rule, history.levels[i], value));
		if (i && history.levels[i] == N && history.levels[i - 1] != N)
			assert_true(dwelt(&history, &rule, M));
		deadline_is_honest(&pressure, &rule, value);
	}
}

static void every_walk_follows_from_its_history(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one_walk(seed * 0x9e3779b97f4a7c15);
}

/*
 * Take VALUE again in PLAIN at its deadlines from FROM until UNTIL, as the daemon does; in
 * OTHER then too, at its own, and at random times between when there are to be EXTRA ones.
 */
static void pass_time(struct pressure *plain, struct pressure *other,
		      const struct pressure_rule *rule, int64_t value, int64_t from, int64_t until,
		      bool extra, uint64_t *seed)
{
	for (int64_t now = from;;) {
		int64_t due_ns = pressure_deadline(plain, rule, value);
		int64_t other_ns = pressure_deadline(other, rule, value);
		int64_t next_ns = extra ? now + random_in(seed, 1, LONGEST_MS / 3) * NS_PER_MS
					: PRESSURE_NEVER;

		now = due_ns < other_ns ? due_ns : other_ns;
		now = now < next_ns ? now : next_ns;
		if (now >= until)
			return;
		if (now == due_ns)
			take(plain, rule, value, now);
		take(other, rule, value, now);
	}
}

/*
 * Samples between, of the same value, change no level where the value does not call for one;
 * where it does, they can only put off leaving.
 */
static void one_walk_twice(uint64_t seed, bool calling_too)
{
	struct pressure plain = { 0 }, other;
	uint64_t more = ~seed;
	struct pressure_rule rule;
	int64_t value = SCALE, now = BEGIN;

	random_rule(&rule, &seed);
	take(&plain, &rule, value, now);
	other = plain;
	for (size_t i = 1; i < LENGTH; i++) {
		int64_t before = value, from = now;
		bool extra = calling_too || !past_any(&rule, M, before);

		value = random_value(value, &seed);
		now += random_in(&seed, 1, LONGEST_MS) * NS_PER_MS;
		pass_time(&plain, &other, &rule, before, from, now, extra, &more);
		take(&plain, &rule, value, now);
		take(&other, &rule, value, now);
		assert_true(other.level >= plain.level);
		if (!calling_too)
			assert_memory_equal(&plain, &other, sizeof(plain));
	}
}

static void samples_between_change_nothing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one_walk_twice(seed * 0xd1342543de82ef95, false);
}

static void samples_between_that_call_put_off_leaving(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one_walk_twice(seed * 0xd1342543de82ef95, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_walk_follows_from_its_history),
		cmocka_unit_test(samples_between_change_nothing),
		cmocka_unit_test(samples_between_that_call_put_off_leaving),
	};

	return cmocka_run_group_tests_name("pressure at random", tests, NULL, NULL);
}
