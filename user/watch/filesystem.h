/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One watched path: asks the scout, learns the device, feeds the sink, sets the mark.
 *
 * Several paths may lie on one filesystem. The first of them is its primary: its slot has the
 * marks and the kernel's counters of all. Values are each path's own, since read-only mounts and
 * quotas belong to a path; one that differs from the primary's in nothing is left out.
 */
#ifndef WATCH_FILESYSTEM_H
#define WATCH_FILESYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "watch/canary.h"
#include "watch/growth.h"
#include "watch/kernel.h"
#include "watch/latency.h"
#include "watch/scout.h"
#include "watch/sink.h"
#include "watch/writable.h"

struct event;
struct event_base;

/* What all watched filesystems share; filled in by watch.c. */
struct filesystem_set {
	struct event_base *base;
	struct kernel *kernel; /* NULL: all is polled */
	struct scout scout;
	const struct watch_sink *sink;
	const struct config *config;
	unsigned int cpus;
	unsigned int page_bytes;
	unsigned int batch_pages; /* that each CPU may hold back; by the marks */
	unsigned int count;
	struct filesystem *filesystems; /* CONFIG_FILESYSTEMS of them */
	uint64_t looks;
	uint64_t late_looks; /* that took longer than FILESYSTEM_LATE_NS */
};

struct filesystem {
	struct filesystem_set *set;
	unsigned int slot; /* its place in the configuration, in the ledger and in the orders */
	unsigned int
		primary; /* the slot that has its counters and marks: its own, or a lower one */
	struct canary canary;
	struct writable writable;
	struct latency latency;
	struct growth growth;
	enum look_room said_room;
	bool present;		/* it has been looked at, and not been found missing since */
	bool failed;		/* it is there and cannot be looked at */
	bool said_missing;	/* the log has it */
	bool late;		/* the request under way has been told as stalled */
	bool look_wanted;	/* a mark rang while a request was under way */
	bool added;		/* the scout has a thread for it, as far as is known */
	uint32_t operation;	/* the request under way; 0: none */
	uint64_t serial;	/* of the last request of either kind */
	uint64_t asked;		/* the serial of the request under way */
	int64_t asked_ns;	/* when it was sent */
	int64_t failed_ns;	/* since when it has failed */
	int64_t error_ns;	/* when it had its last error; 0: never */
	int64_t since_ns;	/* what the ledger has of the slot from before is not of it */
	uint64_t asked_pages;	/* the counter, read before the look that is under way */
	uint64_t dirtied_pages; /* and before the last one */
	unsigned int asked_of;	/* the slots whose counters those were */
	unsigned int dirtied_of;
	struct look look;
	struct event *look_timer;     /* not before: the look that a mark asked for */
	struct event *deadline_timer; /* the request under way is late */
};

#define FILESYSTEM_LATE_NS  (1 * NS_PER_S)
#define FILESYSTEM_LATER_NS (5 * NS_PER_S)   /* between two questions whether the scout is dead */
#define FILESYSTEM_GAP_NS   (10 * NS_PER_MS) /* at most 100 looks a second */

/* Its path, as configured. */
const char *filesystem_path(const struct filesystem *fs);

int filesystem_open(struct filesystem *fs, struct filesystem_set *set, unsigned int slot);
void filesystem_close(struct filesystem *fs);

/* The scout knows nothing of this slot (any more): tell it the path. */
void filesystem_add(struct filesystem *fs);

/* Time for a safety look, or else for one that polled filesystems need, or (PRESSED) all. */
void filesystem_tick(struct filesystem *fs, bool safety, bool pressed);

/*
 * A mark rang, the mount table changed, or something else asks for a look: as soon as may be, and
 * no sooner than FILESYSTEM_GAP_NS after the last.
 */
void filesystem_look(struct filesystem *fs);

/* The same for all paths on its filesystem: each has its own distance to a threshold. */
void filesystem_look_all(struct filesystem *fs);

/* The canary came back: devices, primaries and marks may be others now. */
void filesystem_learned(struct filesystem *fs);

/* The scout's reply to this slot's request. */
void filesystem_reply(struct filesystem *fs, const struct scout_reply *reply);

/*
 * When the filesystem that FS is the primary of had its last error, as far as is known; 0: never.
 * Of the filesystem, not of the slot, which a reload may give to another.
 */
int64_t filesystem_error_ns(struct filesystem *fs);

/* It must be looked at by time: no probe that is known to work tells of its writes. */
bool filesystem_polled(const struct filesystem *fs);

#endif
