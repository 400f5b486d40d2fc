/* SPDX-License-Identifier: GPL-2.0-only */
/* Thresholds that make no sense for what the object is. */
#include "policy/flaw.h"

#include <stdio.h>
#include <string.h>

#define VALUE 64 /* bytes of a value in words */

/* The inodes of the filesystem that a queue is on: each of its files has one. */
static int64_t inodes_below(const struct judge *judge, const char *path)
{
	const struct resource *found = NULL;

	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *resource = &judge->resources[i];

		if (resource->id == RESOURCE_FREE_INODES && resource->known &&
		    config_is_below(path, resource->object) &&
		    (!found || strlen(resource->object) > strlen(found->object)))
			found = resource;
	}
	return found ? found->size : 0;
}

/* The largest value that RESOURCE can have; 0: not known, or there is none. */
static int64_t largest(const struct judge *judge, const struct resource *resource)
{
	if (resource->type->unit == UNIT_SHARE)
		return PPM;
	if (resource->id == RESOURCE_QUEUE_LENGTH)
		return inodes_below(judge, resource->object);
	if (resource->capacity > 0 && resource->capacity < resource->size)
		return resource->capacity;
	return resource->size;
}

enum flaw flaw_find(const struct judge *judge, const struct resource *resource, enum level level)
{
	const struct resource_type *type = resource->type;
	const struct threshold *leave = &resource->thresholds->leave[level];
	int64_t most = largest(judge, resource), enter = resource->rule.enter[level];

	if (!resource->present || !resource->known || enter == PRESSURE_OFF ||
	    (type->has_size && !resource->size))
		return FLAW_NONE;
	if (!type->less_is_worse)
		return most && enter >= most ? FLAW_NEVER_ENTERED : FLAW_NONE;
	if (!enter)
		return FLAW_NEVER_ENTERED;
	if (most && enter >= most)
		return FLAW_ALWAYS;
	return most && leave->count && threshold_resolve(leave, type, resource->size) > most
		       ? FLAW_LEAVE
		       : FLAW_NONE;
}

char *flaw_text(char *buf, size_t size, const struct judge *judge, const struct resource *resource,
		enum level level, enum flaw flaw)
{
	const struct resource_type *type = resource->type;
	const char *side = type->less_is_worse ? "below" : "above";
	int64_t leave =
		threshold_resolve(&resource->thresholds->leave[level], type, resource->size);
	char enter[VALUE], most[VALUE], given[VALUE], taken[VALUE];

	value_format(enter, sizeof(enter), type->unit, resource->rule.enter[level]);
	value_format(most, sizeof(most), type->unit, largest(judge, resource));
	value_format(given, sizeof(given), type->unit, leave > 0 ? leave : 0);
	value_format(taken, sizeof(taken), type->unit, resource->rule.leave[level]);
	switch (flaw) {
	case FLAW_ALWAYS:
		snprintf(buf, size,
			 "%s of %s of %s is entered below %s, and there is never more than %s: it "
			 "is never left; allowed: less than %s, or \"off\"",
			 level_name(level), type->name, resource->object, enter, most, most);
		break;
	case FLAW_NEVER_ENTERED:
		snprintf(buf, size,
			 "%s of %s of %s is entered %s %s, which it never is; allowed: %s %s, or "
			 "\"off\"",
			 level_name(level), type->name, resource->object, side, enter,
			 type->less_is_worse ? "more than" : "less than",
			 type->less_is_worse ? enter : most);
		break;
	case FLAW_LEAVE:
		snprintf(buf, size,
			 "leave-%s of %s of %s is %s, and there is never more than %s: it is left "
			 "above %s instead; allowed: up to %s",
			 level_name(level), type->name, resource->object, given, most, taken, most);
		break;
	case FLAW_NONE:
		snprintf(buf, size, "%s", "");
		break;
	}
	return buf;
}

unsigned int flaw_line(const struct resource *resource, enum level level, enum flaw flaw)
{
	const struct thresholds *thresholds = resource->thresholds;

	return flaw == FLAW_LEAVE ? thresholds->leave_lines[level] : thresholds->lines[level];
}
