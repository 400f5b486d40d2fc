/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the clocks. */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

#include "common/units.h"

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

char *rfc3339_format(char *buf, size_t size, int64_t monotonic)
{
	/* The age is subtracted now, so a step of the wall clock moves old moments with it. */
	int64_t wall_ns = clock_ns(CLOCK_REALTIME) - (monotonic_ns() - monotonic);
	time_t wall = wall_ns / NS_PER_S;
	struct tm utc;

	if (!size)
		return buf;
	if (!gmtime_r(&wall, &utc) || !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &utc))
		buf[0] = '\0';
	return buf;
}
