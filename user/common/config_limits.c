/* SPDX-License-Identifier: GPL-2.0-only */
/* The resource blocks: thresholds and times, and whether they make sense together. */
#include "common/config_parts.h"

#include <errno.h>
#include <string.h>

/* A level that rises or falls only after a day is a mistake in the unit. */
#define LONGEST_NS (24 * 60 * 60 * NS_PER_S)

/* The two sides of one block: what is being read, and from where. */
struct limits {
	cfg_t *block;
	const struct resource_type *type;
	struct thresholds *thresholds;
	struct config_problem *problem;
};

static const char *const enter_keys[LEVELS] = {
	[LEVEL_MEDIUM] = "medium",
	[LEVEL_HIGH] = "high",
};

static const char *const leave_keys[LEVELS] = {
	[LEVEL_MEDIUM] = "leave-medium",
	[LEVEL_HIGH] = "leave-high",
};

static bool kind_fits(const struct resource_type *type, enum quantity_kind kind)
{
	if (kind == QUANTITY_SHARE)
		return type->has_size || type->unit == UNIT_SHARE;
	switch (type->unit) {
	case UNIT_BYTES:
		return kind == QUANTITY_SIZE;
	case UNIT_COUNT:
		return kind == QUANTITY_COUNT;
	case UNIT_TIME:
		return kind == QUANTITY_TIME;
	case UNIT_SHARE:
		break;
	}
	return false;
}

static const char *allowed_kinds(const struct resource_type *type)
{
	switch (type->unit) {
	case UNIT_BYTES:
		return type->has_size ? "a share (\"10%\") or a size (\"2G\")" : "a size (\"2G\")";
	case UNIT_COUNT:
		return type->has_size ? "a share (\"10%\") or a count (\"20000\")"
				      : "a count (\"20000\")";
	case UNIT_TIME:
		return type->has_size ? "a share (\"10%\") or a time (\"90s\", in " TIME_UNITS ")"
				      : "a time (\"90s\", in " TIME_UNITS ")";
	case UNIT_SHARE:
		break;
	}
	return "a share (\"10%\")";
}

static int read_quantity(const struct limits *limits, const char *key, bool may_be_off,
			 const struct config_value *value, struct quantity *quantity)
{
	const char *kinds = allowed_kinds(limits->type);
	int error = quantity_parse(value->text, quantity);

	if (error == -ERANGE)
		return config_problem(
			limits->problem, value->line,
			CONFIG_QUOTE " for '%s' is too large; allowed: %s", value->text, key,
			strchr(value->text, '%') ? "up to 100%"
						 : "up to 2^63 - 1 bytes, ns or pieces");
	if (error || !kind_fits(limits->type, quantity->kind))
		return config_problem(limits->problem, value->line,
				      CONFIG_QUOTE " does not fit '%s' of '%s'; allowed: %s%s",
				      value->text, key, limits->type->key, kinds,
				      may_be_off ? ", or \"off\"" : "");
	return 0;
}

static int read_values(const struct limits *limits, const char *key, bool may_be_off,
		       unsigned int count, struct threshold *threshold)
{
	int error;

	for (unsigned int i = 0; i < count; i++) {
		const struct config_value *value = config_value(limits->block, key, i);

		if (may_be_off && !strcmp(value->text, "off"))
			return config_problem(limits->problem, value->line,
					      "'%s' has \"off\" beside other values; allowed: "
					      "\"off\" alone",
					      key);
		error = read_quantity(limits, key, may_be_off, value, &threshold->any_of[i]);
		if (error)
			return error;
	}
	threshold->count = count;
	return 0;
}

static int read_threshold(const struct limits *limits, const char *key, bool may_be_off,
			  struct threshold *threshold)
{
	int count = config_count(limits->block, key);
	const struct config_value *first = config_value(limits->block, key, 0);
	struct threshold read = { 0 };
	int error;

	if (count < 0)
		return 0;
	if (count == 0 || count > THRESHOLD_VALUES)
		return config_problem(limits->problem, first->line,
				      "'%s' has %d values; allowed: 1 to %d", key, count,
				      THRESHOLD_VALUES);
	if (may_be_off && count == 1 && !strcmp(first->text, "off")) {
		threshold->count = 0;
		return 0;
	}
	error = read_values(limits, key, may_be_off, (unsigned int)count, &read);
	if (!error)
		*threshold = read;
	return error;
}

static int read_time(const struct limits *limits, const char *key, int64_t *ns)
{
	const struct config_value *value;
	int64_t read;
	int error = config_single(limits->block, key, &value, limits->problem);

	if (error || !value)
		return error;
	error = duration_parse(value->text, &read);
	if (error || read > LONGEST_NS)
		return config_problem(limits->problem, value->line,
				      CONFIG_QUOTE
				      " does not fit '%s'; allowed: a time from \"0s\" "
				      "to \"1d\", in " TIME_UNITS,
				      value->text, key);
	*ns = read;
	return 0;
}

/*
 * Is A below B whatever the size of the object? It is when each value of B has one of
 * A's of its own kind below it; values of different kinds depend on the size.
 */
static bool always_below(const struct threshold *a, const struct threshold *b)
{
	for (unsigned int i = 0; i < b->count; i++) {
		bool below = false;

		for (unsigned int j = 0; j < a->count; j++)
			below |= a->any_of[j].kind == b->any_of[i].kind &&
				 a->any_of[j].number < b->any_of[i].number;
		if (!below)
			return false;
	}
	return a->count && b->count;
}

static bool always_more_relaxed(const struct limits *limits, const struct threshold *a,
				const struct threshold *b)
{
	return limits->type->less_is_worse ? always_below(b, a) : always_below(a, b);
}

/* The line of KEY, or of the block where KEY keeps its default. */
static unsigned int line_of(const struct limits *limits, const char *key)
{
	if (config_count(limits->block, key) < 0)
		return (unsigned int)limits->block->line;
	return config_value(limits->block, key, 0)->line;
}

static const char *side(const struct limits *limits)
{
	return limits->type->less_is_worse ? "at or above" : "at or below";
}

static int check_high(const struct limits *limits)
{
	const struct threshold *enter = limits->thresholds->enter;
	bool has_high = config_count(limits->block, "high") >= 0;

	if (!always_more_relaxed(limits, &enter[LEVEL_HIGH], &enter[LEVEL_MEDIUM]))
		return 0;
	/* One of the two must have been given; name the default of the other. */
	if (has_high && config_count(limits->block, "medium") >= 0)
		return config_problem(limits->problem, line_of(limits, "high"),
				      "'high' would be entered before 'medium'; allowed: 'medium' "
				      "%s 'high'",
				      side(limits));
	return config_problem(limits->problem, line_of(limits, has_high ? "high" : "medium"),
			      "'high' would be entered before 'medium', of which one has its "
			      "default; allowed: 'medium' %s 'high'",
			      side(limits));
}

static int check_leave(const struct limits *limits, enum level level)
{
	const struct threshold *enter = &limits->thresholds->enter[level];
	const struct threshold *leave = &limits->thresholds->leave[level];

	if (!leave->count)
		return 0;
	if (!enter->count)
		return config_problem(limits->problem, line_of(limits, leave_keys[level]),
				      "'%s' has no use while '%s' is off; allowed: both or neither",
				      leave_keys[level], enter_keys[level]);
	if (always_more_relaxed(limits, enter, leave))
		return config_problem(limits->problem, line_of(limits, leave_keys[level]),
				      "'%s' is on the wrong side of '%s'; allowed: %s it",
				      leave_keys[level], enter_keys[level], side(limits));
	return 0;
}

static void note_lines(const struct limits *limits, enum level level)
{
	struct thresholds *thresholds = limits->thresholds;

	if (config_count(limits->block, enter_keys[level]) >= 0)
		thresholds->lines[level] = line_of(limits, enter_keys[level]);
	if (config_count(limits->block, leave_keys[level]) >= 0)
		thresholds->leave_lines[level] = line_of(limits, leave_keys[level]);
}

/* A default leave is where the default enter is: it goes with an enter that is given. */
static int read_level(const struct limits *limits, enum level level)
{
	struct threshold *enter = &limits->thresholds->enter[level];
	struct threshold *leave = &limits->thresholds->leave[level];
	int error = read_threshold(limits, enter_keys[level], true, enter);

	note_lines(limits, level);
	if (!error && leave->count && config_count(limits->block, enter_keys[level]) >= 0)
		*leave = *enter;
	return error ? error : read_threshold(limits, leave_keys[level], false, leave);
}

static int read_block(const struct limits *limits)
{
	struct thresholds *thresholds = limits->thresholds;
	int error;

	for (int level = LEVEL_MEDIUM; level < LEVELS; level++) {
		error = read_level(limits, level);
		if (error)
			return error;
	}
	error = read_time(limits, "sustain", &thresholds->sustain_ns);
	if (!error)
		error = read_time(limits, "dwell", &thresholds->dwell_ns);
	if (!error)
		error = check_high(limits);
	for (int level = LEVEL_MEDIUM; level < LEVELS && !error; level++)
		error = check_leave(limits, level);
	return error;
}

int config_limits(cfg_t *parent, const char *section, struct thresholds *thresholds,
		  struct config_problem *problem)
{
	int error = 0;

	for (int id = 0; id < RESOURCE_IDS && !error; id++) {
		struct limits limits = { .type = resource_type(id),
					 .thresholds = &thresholds[id],
					 .problem = problem };

		if (strcmp(limits.type->section, section) != 0)
			continue;
		limits.block = config_block(parent, limits.type->key);
		if (limits.block)
			error = read_block(&limits);
	}
	return error;
}
