/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a resource has its level, and whose doing it is, for the status and the log. */
#include <stdio.h>
#include <string.h>

#include "publish/report.h"

/* Who writes has to do with what is left on a filesystem, and with nothing else. */
static bool is_filled(const struct resource *resource)
{
	return resource->id == RESOURCE_FREE_SPACE || resource->id == RESOURCE_FREE_INODES ||
	       resource->id == RESOURCE_TIME_TO_FULL;
}

static const struct report_writer *most_of(const struct report *report,
					   const struct resource *resource)
{
	const char *object = resource->object;

	if (report->primaries[resource->index])
		object = report->primaries[resource->index];
	for (unsigned int i = 0; i < report->writer_count; i++)
		if (!strcmp(report->writers[i].object, object))
			return &report->writers[i];
	return NULL;
}

char *report_reason(char *buf, size_t size, const struct report *report,
		    const struct resource *resource, int64_t now)
{
	const struct report_writer *most = is_filled(resource) ? most_of(report, resource) : NULL;
	size_t length;
	char rate[64];

	judge_reason(buf, size, resource, now);
	if (!most)
		return buf;
	length = strlen(buf);
	snprintf(buf + length, size - length, "; most is written by %s%s%s%s: %s/s", most->comm,
		 most->cgroup ? " (" : "", most->cgroup ? most->cgroup : "",
		 most->cgroup ? ")" : "",
		 value_format(rate, sizeof(rate), UNIT_BYTES, most->bytes_per_s));
	return buf;
}
