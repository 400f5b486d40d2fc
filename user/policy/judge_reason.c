/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a resource has its level, for a person. */
#include "policy/judge.h"

#include <stdio.h>
#include <string.h>

#include "common/words.h"

#define VALUE 64 /* bytes of a value in words */

static const char *value_of(char buf[VALUE], const struct resource *resource, int64_t value)
{
	if (!value && resource->type->at_zero)
		return resource->type->at_zero;
	return value_format(buf, VALUE, resource->type->unit, value);
}

static char *stalled(char *buf, size_t size, const struct resource *resource, int64_t now)
{
	char time[VALUE];

	if (now <= resource->stalled_ns)
		snprintf(buf, size, "%s of %s does not answer", resource->type->name,
			 resource->object);
	else
		snprintf(buf, size, "%s of %s does not answer, for %s now", resource->type->name,
			 resource->object,
			 value_format(time, sizeof(time), UNIT_TIME, now - resource->stalled_ns));
	return buf;
}

/* With a cause it is a state and no time: "0 s, for no mail can be written there: …". */
static const char *value_now(char buf[2 * VALUE], const struct resource *resource)
{
	if (!resource->cause)
		return value_of(buf, resource, resource->value);
	snprintf(buf, 2 * VALUE, "0 s, for no mail can be written there: %s",
		 cause_words(resource->cause));
	return buf;
}

/* What went away, with its level; with the value it had last, if it ever had one. */
static char *gone(char *buf, size_t size, const struct resource *resource)
{
	char value[VALUE];

	snprintf(buf, size, "%s of %s is gone%s%s", resource->type->name, resource->object,
		 resource->seen_ns ? "; it was " : "",
		 resource->seen_ns ? value_of(value, resource, resource->value) : "");
	return buf;
}

/* The level to explain: the present one, or the first that would come. */
static enum level explained(const struct resource *resource)
{
	enum level level = resource->pressure.level;

	if (level != LEVEL_NORMAL)
		return level;
	return resource->rule.enter[LEVEL_MEDIUM] != PRESSURE_OFF ? LEVEL_MEDIUM : LEVEL_HIGH;
}

/* ": medium is entered below 1.0 GiB" */
static void entered(char *buf, size_t size, const struct resource *resource, enum level level)
{
	const struct pressure_rule *rule = &resource->rule;
	char enter[VALUE], sustain[VALUE] = "";

	if (rule->sustain_ns)
		value_format(sustain, sizeof(sustain), UNIT_TIME, rule->sustain_ns);
	snprintf(buf, size, ": %s is entered %s %s%s%s", level_name(level),
		 rule->less_is_worse ? "below" : "above",
		 value_format(enter, sizeof(enter), resource->type->unit, rule->enter[level]),
		 sustain[0] ? " for " : "", sustain);
}

/*
 * " and left above 1.2 GiB", with the rest of the dwell when that is all it waits for, else
 * with all of it: it counts from the last value past enter.
 */
static void left(char *buf, size_t size, const struct resource *resource, int64_t now)
{
	const struct pressure_rule *rule = &resource->rule;
	int64_t leave_ns = pressure_leave_ns(&resource->pressure, rule,
					     resource->spared ? 0 : resource->value);
	char leave[VALUE], wait[VALUE] = "", dwell[VALUE] = "";

	if (now && now < leave_ns && leave_ns != PRESSURE_NEVER)
		value_format(wait, sizeof(wait), UNIT_TIME, leave_ns - now);
	else if (rule->dwell_ns)
		value_format(dwell, sizeof(dwell), UNIT_TIME, rule->dwell_ns);
	snprintf(buf, size, " and left %s %s%s%s%s%s", rule->less_is_worse ? "above" : "below",
		 value_format(leave, sizeof(leave), resource->type->unit,
			      rule->leave[resource->pressure.level]),
		 wait[0] ? ", in " : "", wait, dwell[0] ? " for " : "", dwell);
}

/* "; medium for 12 min, since it was 812 MiB"; a state has been what it is now for as long. */
static void since(char *buf, size_t size, const struct resource *resource, int64_t now)
{
	int64_t since_ns = resource->pressure.since_ns;
	bool same = resource->cause && !resource->turned_value;
	char value[VALUE], time[VALUE];

	if (now - since_ns < NS_PER_S)
		return;
	snprintf(
		buf, size, "; %s for %s%s%s", level_name(resource->pressure.level),
		value_format(time, sizeof(time), UNIT_TIME, (now - since_ns) / NS_PER_S * NS_PER_S),
		same ? "" : ", since it was ",
		same ? "" : value_of(value, resource, resource->turned_value));
}

char *judge_reason(char *buf, size_t size, const struct resource *resource, int64_t now)
{
	enum level level = explained(resource);
	char value[2 * VALUE], enter[4 * VALUE] = ": not judged", leave[4 * VALUE] = "";
	char history[4 * VALUE] = "";

	if (resource->stalled_ns)
		return stalled(buf, size, resource, now);
	if (!resource->present)
		return gone(buf, size, resource);
	if (!resource->known) {
		snprintf(buf, size, "%s of %s is not known yet", resource->type->name,
			 resource->object);
		return buf;
	}
	if (resource->spared && resource->pressure.level == LEVEL_NORMAL) {
		snprintf(enter, sizeof(enter),
			 ": not judged while memory-available is above twice its medium threshold");
	} else if (resource->rule.enter[level] != PRESSURE_OFF) {
		entered(enter, sizeof(enter), resource, level);
		if (resource->pressure.level != LEVEL_NORMAL)
			left(leave, sizeof(leave), resource, now);
	}
	if (now && resource->pressure.level != LEVEL_NORMAL)
		since(history, sizeof(history), resource, now);
	snprintf(buf, size, "%s of %s is %s%s%s%s", resource->type->name, resource->object,
		 value_now(value, resource), enter, leave, history);
	return buf;
}
