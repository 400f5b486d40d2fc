/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every resource spoolgate knows: its name, unit, direction and defaults. A new
 * resource is a row in resource.c and the file in watch/ that measures it.
 */
#ifndef COMMON_RESOURCE_H
#define COMMON_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "units.h"
#include "words.h"

enum resource_id {
	RESOURCE_FREE_SPACE,
	RESOURCE_FREE_INODES,
	RESOURCE_TIME_TO_FULL,
	RESOURCE_SYNC_LATENCY,
	RESOURCE_FILESYSTEM_ERROR,
	RESOURCE_MEMORY_AVAILABLE,
	RESOURCE_MEMORY_STALL,
	RESOURCE_OOM_KILL,
	RESOURCE_IO_STALL,
	RESOURCE_QUEUE_LENGTH,
	RESOURCE_IDS,
};

#define THRESHOLD_VALUES 4

/* `medium = {"10%", "10G"}`: several values mean the smallest. No value at all means off. */
struct threshold {
	unsigned int count;
	struct quantity any_of[THRESHOLD_VALUES];
};

/* The settings of one resource, as configured. Only MEDIUM and HIGH of the arrays are used. */
struct thresholds {
	struct threshold enter[LEVELS];
	struct threshold leave[LEVELS]; /* none: 20 % on the relaxed side of enter */
	int64_t sustain_ns;		/* how long past enter before the level rises */
	int64_t dwell_ns;		/* least time at a level before stepping down */
	/* Last, and not compared: where in the file `enter` and `leave` are; 0: the default. */
	unsigned int lines[LEVELS], leave_lines[LEVELS];
};

struct resource_type {
	const char *name;    /* "free-space": in status, log and metrics */
	const char *section; /* the block that holds it: "filesystem", "queue", "memory" or "io" */
	const char *key;     /* its block in there: "free-space", "available" */
	enum unit unit;
	bool less_is_worse; /* free-space: yes; memory-stall: no */
	bool has_size;	    /* a share in a threshold is a share of the object's size */
	struct thresholds defaults;
	const char *meaning; /* one line, for the manual and --help texts */
	const char *at_zero; /* what a value of 0 means where it is more than that; or NULL */
};

/* Never NULL for an id below RESOURCE_IDS. */
const struct resource_type *resource_type(enum resource_id id);

/* Do they judge alike? */
bool thresholds_same(const struct thresholds *a, const struct thresholds *b);

/*
 * The value of THRESHOLD in the resource's unit, for an object of SIZE (ignored
 * where a resource has none). Returns the smallest of its values, or -1 for off.
 */
int64_t threshold_resolve(const struct threshold *threshold, const struct resource_type *type,
			  int64_t size);

#endif
