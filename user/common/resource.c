/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of resources. The configuration's blocks, the status and the policy all
 * follow it: a resource is added by adding a row.
 */
#include "common/resource.h"

#include <stddef.h>
#include <string.h>

/* A closure costs a sender one retry interval anyway, so flapping faster gains nobody anything. */
#define DWELL_NS (60 * NS_PER_S)

/* Of soft signals: a burst of reclaim is not yet a shortage. */
#define SUSTAIN_NS (10 * NS_PER_S)

#define PERCENT (PPM / 100)

static const struct resource_type types[RESOURCE_IDS] = {
	[RESOURCE_FREE_SPACE] = {
		.name = "free-space",
		.section = "filesystem",
		.key = "free-space",
		.unit = UNIT_BYTES,
		.less_is_worse = true,
		.has_size = true,
		.defaults = {
			.enter = {
				[LEVEL_MEDIUM] = { 2, { { QUANTITY_SHARE, 10 * PERCENT },
					{ QUANTITY_SIZE, 10 * GIB } } },
				[LEVEL_HIGH] = { 2, { { QUANTITY_SHARE, 5 * PERCENT },
					{ QUANTITY_SIZE, 2 * GIB } } },
			},
			.dwell_ns = DWELL_NS,
		},
		.meaning = "bytes that can still be written to the filesystem",
	},
	[RESOURCE_FREE_INODES] = {
		.name = "free-inodes",
		.section = "filesystem",
		.key = "free-inodes",
		.unit = UNIT_COUNT,
		.less_is_worse = true,
		.has_size = true,
		.defaults = {
			.enter = {
				[LEVEL_MEDIUM] = { 1, { { QUANTITY_SHARE, 10 * PERCENT } } },
				[LEVEL_HIGH] = { 1, { { QUANTITY_SHARE, 5 * PERCENT } } },
			},
			.dwell_ns = DWELL_NS,
		},
		.meaning = "files that can still be created on the filesystem",
	},
	[RESOURCE_TIME_TO_FULL] = {
		.name = "time-to-full",
		.section = "filesystem",
		.key = "time-to-full",
		.unit = UNIT_TIME,
		.less_is_worse = true,
		.has_size = false,
		.defaults = {
			.enter = {
				[LEVEL_MEDIUM] = { 1, { { QUANTITY_TIME, 120 * NS_PER_S } } },
				[LEVEL_HIGH] = { 1, { { QUANTITY_TIME, 30 * NS_PER_S } } },
			},
			.sustain_ns = SUSTAIN_NS,
			.dwell_ns = DWELL_NS,
		},
		.meaning = "time until free-space reaches its high threshold, as fast as it fills now",
	},
	[RESOURCE_SYNC_LATENCY] = {
		.name = "sync-latency",
		.section = "filesystem",
		.key = "sync-latency",
		.unit = UNIT_TIME,
		.less_is_worse = false,
		.has_size = false,
		/* Off: a RAID resync is no reason to refuse mail, unless you say so. */
		.defaults = { .dwell_ns = DWELL_NS },
		.meaning = "how long an fsync takes: p95 of the last 10 s, or the oldest that still runs",
	},
	[RESOURCE_FILESYSTEM_ERROR] = {
		.name = "filesystem-error",
		.section = "filesystem",
		.key = "error",
		.unit = UNIT_TIME,
		.less_is_worse = true,
		.has_size = false,
		/* No dwell: the minute after the last error is in the threshold. */
		.defaults = {
			.enter = { [LEVEL_HIGH] = { 1, { { QUANTITY_TIME, 60 * NS_PER_S } } } },
			.leave = { [LEVEL_HIGH] = { 1, { { QUANTITY_TIME, 60 * NS_PER_S } } } },
		},
		.meaning = "time since the last write-back or filesystem error; 0 while read-only",
		.at_zero = "0 s, for it is read-only or has failed",
	},
	[RESOURCE_MEMORY_AVAILABLE] = {
		.name = "memory-available",
		.section = "memory",
		.key = "available",
		.unit = UNIT_BYTES,
		.less_is_worse = true,
		.has_size = true,
		.defaults = {
			.enter = {
				[LEVEL_MEDIUM] = { 2, { { QUANTITY_SHARE, 10 * PERCENT },
					{ QUANTITY_SIZE, 512 * MIB } } },
				[LEVEL_HIGH] = { 2, { { QUANTITY_SHARE, 5 * PERCENT },
					{ QUANTITY_SIZE, 256 * MIB } } },
			},
			.dwell_ns = DWELL_NS,
		},
		.meaning = "bytes of memory that can be had without swapping",
	},
	[RESOURCE_MEMORY_STALL] = {
		.name = "memory-stall",
		.section = "memory",
		.key = "stall",
		.unit = UNIT_SHARE,
		.less_is_worse = false,
		.has_size = false,
		.defaults = {
			.enter = {
				[LEVEL_MEDIUM] = { 1, { { QUANTITY_SHARE, 10 * PERCENT } } },
				[LEVEL_HIGH] = { 1, { { QUANTITY_SHARE, 40 * PERCENT } } },
			},
			.sustain_ns = SUSTAIN_NS,
			.dwell_ns = DWELL_NS,
		},
		.meaning = "share of the last 10 s in which work stood still for want of memory",
	},
	[RESOURCE_OOM_KILL] = {
		.name = "oom-kill",
		.section = "memory",
		.key = "oom-kill",
		.unit = UNIT_COUNT,
		.less_is_worse = false,
		.has_size = false,
		/*
		 * Off: on a whole host any user can have their own processes killed. No dwell:
		 * the minute after the last kill is in the value.
		 */
		.defaults = { .dwell_ns = 0 },
		.meaning = "processes killed for want of memory in the last 60 s",
	},
	[RESOURCE_IO_STALL] = {
		.name = "io-stall",
		.section = "io",
		.key = "stall",
		.unit = UNIT_SHARE,
		.less_is_worse = false,
		.has_size = false,
		.defaults = { .sustain_ns = SUSTAIN_NS, .dwell_ns = DWELL_NS },
		.meaning = "share of the last 10 s in which work stood still for want of I/O",
	},
	[RESOURCE_QUEUE_LENGTH] = {
		.name = "queue-length",
		.section = "queue",
		.key = "length",
		.unit = UNIT_COUNT,
		.less_is_worse = false,
		.has_size = false,
		/* Off: how long is too long only its postmaster knows. */
		.defaults = { .dwell_ns = DWELL_NS },
		.meaning = "files in the queue's directories",
	},
};

const struct resource_type *resource_type(enum resource_id id)
{
	return &types[id];
}

bool thresholds_same(const struct thresholds *a, const struct thresholds *b)
{
	return !memcmp(a, b, offsetof(struct thresholds, lines));
}

/* In 128 bits: a share of a large filesystem in ppm does not fit into 64. */
static int64_t share_of(int64_t size, int64_t ppm)
{
	return (int64_t)((__int128)size * ppm / PPM);
}

int64_t threshold_resolve(const struct threshold *threshold, const struct resource_type *type,
			  int64_t size)
{
	int64_t smallest = -1;

	for (unsigned int i = 0; i < threshold->count; i++) {
		const struct quantity *quantity = &threshold->any_of[i];
		int64_t value = quantity->number;

		if (quantity->kind == QUANTITY_SHARE && type->has_size)
			value = share_of(size, value);
		if (smallest < 0 || value < smallest)
			smallest = value;
	}
	return smallest;
}
