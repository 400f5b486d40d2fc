/* SPDX-License-Identifier: GPL-2.0-only */
/* Enter, leave, sustain and dwell of one resource. */
#include "policy/pressure.h"

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool is_judged(const struct pressure_rule *rule, enum level level)
{
	return rule->enter[level] != PRESSURE_OFF;
}

/* VALUE calls for LEVEL. */
static bool is_past(const struct pressure_rule *rule, enum level level, int64_t value)
{
	if (!is_judged(rule, level))
		return false;
	return rule->less_is_worse ? value < rule->enter[level] : value > rule->enter[level];
}

/* VALUE lets LEVEL go. */
static bool is_relaxed(const struct pressure_rule *rule, enum level level, int64_t value)
{
	if (!is_judged(rule, level))
		return true;
	return rule->less_is_worse ? value >= rule->leave[level] : value <= rule->leave[level];
}

/* Rounded away from enter, so that small counts have a band too. */
static int64_t default_leave(int64_t enter, bool less_is_worse)
{
	int64_t fifth = enter / 5 + (enter % 5 != 0);

	return less_is_worse ? add_saturated(enter, fifth) : enter - fifth;
}

static int64_t make_leave(const struct thresholds *thresholds, const struct resource_type *type,
			  int64_t size, int64_t capacity, enum level level, int64_t enter)
{
	int64_t leave = threshold_resolve(&thresholds->leave[level], type, size);

	if (enter == PRESSURE_OFF)
		return PRESSURE_OFF;
	if (leave == PRESSURE_OFF)
		leave = default_leave(enter, type->less_is_worse);
	if (!type->less_is_worse)
		return smaller(leave, enter);
	/* No filesystem is ever freer than empty: such a level could never be left. */
	if (capacity <= 0 || capacity > size)
		capacity = size;
	if (type->has_size && size > 0 && leave > capacity)
		leave = enter + (capacity - enter) / 2;
	return leave > enter ? leave : enter;
}

void pressure_rule_make(struct pressure_rule *rule, const struct thresholds *thresholds,
			const struct resource_type *type, int64_t size, int64_t capacity)
{
	rule->less_is_worse = type->less_is_worse;
	rule->sustain_ns = thresholds->sustain_ns;
	rule->dwell_ns = thresholds->dwell_ns;
	rule->enter[LEVEL_NORMAL] = PRESSURE_OFF;
	rule->leave[LEVEL_NORMAL] = PRESSURE_OFF;
	for (enum level level = LEVEL_MEDIUM; level < LEVELS; level++) {
		int64_t enter = threshold_resolve(&thresholds->enter[level], type, size);

		rule->enter[level] = enter;
		rule->leave[level] = make_leave(thresholds, type, size, capacity, level, enter);
	}
}

static void take_level(struct pressure *pressure, enum level level, int64_t now)
{
	pressure->level = level;
	pressure->since_ns = now;
}

/* A call for LEVEL is one for every level below it. */
static void call_level(struct pressure *pressure, enum level level, int64_t now)
{
	for (; level > LEVEL_NORMAL; level--)
		pressure->called_ns[level] = now;
}

static void note_past(struct pressure *pressure, const struct pressure_rule *rule, int64_t value,
		      int64_t now)
{
	for (enum level level = LEVEL_MEDIUM; level < LEVELS; level++) {
		if (!is_past(rule, level, value)) {
			pressure->past_ns[level] = 0;
			continue;
		}
		if (!pressure->past_ns[level])
			pressure->past_ns[level] = now;
		call_level(pressure, level, now);
	}
}

/* The worst level that has been called for long enough. */
static enum level sustained(const struct pressure *pressure, const struct pressure_rule *rule,
			    int64_t now)
{
	for (enum level level = LEVEL_HIGH; level > LEVEL_NORMAL; level--)
		if (pressure->past_ns[level] && now - pressure->past_ns[level] >= rule->sustain_ns)
			return level;
	return LEVEL_NORMAL;
}

/* When LEVEL may be left if samples stay at VALUE: 0 is at once. */
static int64_t leave_ns(const struct pressure *pressure, const struct pressure_rule *rule,
			enum level level, int64_t value)
{
	if (!is_judged(rule, level))
		return 0;
	if (!is_relaxed(rule, level, value))
		return PRESSURE_NEVER;
	/* High may have been given a more relaxed enter than medium's leave. */
	for (enum level above = level; above < LEVELS; above++)
		if (is_past(rule, above, value))
			return PRESSURE_NEVER;
	return add_saturated(pressure->called_ns[level], rule->dwell_ns);
}

int64_t pressure_leave_ns(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value)
{
	if (pressure->level == LEVEL_NORMAL)
		return PRESSURE_NEVER;
	return leave_ns(pressure, rule, pressure->level, value);
}

enum level pressure_step(struct pressure *pressure, const struct pressure_rule *rule, int64_t value,
			 int64_t now)
{
	enum level level = pressure->level, risen;

	note_past(pressure, rule, value, now);
	risen = sustained(pressure, rule, now);
	while (level > risen && now >= leave_ns(pressure, rule, level, value))
		level--;
	if (risen > level)
		level = risen;
	if (level != pressure->level)
		take_level(pressure, level, now);
	return level;
}

enum level pressure_worst(const struct pressure_rule *rule)
{
	enum level level = LEVEL_HIGH;

	while (level > LEVEL_NORMAL && !is_judged(rule, level))
		level--;
	return level;
}

enum level pressure_call(struct pressure *pressure, const struct pressure_rule *rule, int64_t now)
{
	enum level worst = pressure_worst(rule);

	if (worst != pressure->level)
		take_level(pressure, worst, now);
	call_level(pressure, worst, now);
	return pressure->level;
}

int64_t pressure_deadline(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value)
{
	int64_t deadline_ns = pressure_leave_ns(pressure, rule, value);

	for (enum level level = pressure->level + 1; level < LEVELS; level++) {
		if (!is_past(rule, level, value))
			continue;
		/* Called by a rule that came after the sample: sustain counts from the next one. */
		if (!pressure->past_ns[level])
			return 0;
		deadline_ns = smaller(deadline_ns,
				      add_saturated(pressure->past_ns[level], rule->sustain_ns));
	}
	return deadline_ns;
}

static int64_t distance_to(const struct pressure_rule *rule, enum level level, int64_t value)
{
	int64_t enter = rule->enter[level], step;

	if (!is_judged(rule, level))
		return PRESSURE_NEVER;
	if (is_past(rule, level, value))
		return 0;
	if (__builtin_sub_overflow(rule->less_is_worse ? value : enter,
				   rule->less_is_worse ? enter : value, &step))
		return PRESSURE_NEVER;
	return step;
}

int64_t pressure_distance(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value)
{
	int64_t distance = PRESSURE_NEVER;

	for (enum level level = pressure->level + 1; level < LEVELS; level++)
		distance = smaller(distance, distance_to(rule, level, value));
	return distance;
}

int64_t pressure_room(const struct pressure_rule *rule, int64_t value)
{
	return distance_to(rule, LEVEL_HIGH, value);
}
