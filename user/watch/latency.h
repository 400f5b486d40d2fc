/* SPDX-License-Identifier: GPL-2.0-only */
/* fsync times of the last ten seconds, out of counts that only grow. Pure functions. */
#ifndef WATCH_LATENCY_H
#define WATCH_LATENCY_H

#include <stdint.h>

#include "ledger.h"

#define LATENCY_NS	  (INT64_C(10) * 1000000000)
#define LATENCY_SNAPSHOTS 16
#define LATENCY_SYNCS	  20 /* fewer in the window say nothing about a p95 */

struct latency {
	unsigned int count;
	struct {
		int64_t time_ns;
		uint64_t counts[LEDGER_SYNC_BUCKETS];
	} snapshots[LATENCY_SNAPSHOTS]; /* oldest first */
};

/*
 * Take the counts as they are at NOW. Returns the p95 of the fsyncs that ended in the last ten
 * seconds, when they were LATENCY_SYNCS at least, or the age of the oldest that is under
 * way, whichever is longer; 0 when there is neither. Those begun before SINCE are not under way:
 * their end was not seen.
 */
int64_t latency_add(struct latency *latency, const struct ledger_sync *sync, int64_t since_ns,
		    int64_t now_ns);

/* The time below which 95 % of COUNTS are; -1 when they are too few. */
int64_t latency_p95(const uint64_t counts[LEDGER_SYNC_BUCKETS]);

/* How long the oldest fsync in SYNC has been under way; 0 when none is. SINCE as above. */
int64_t latency_oldest(const struct ledger_sync *sync, int64_t since_ns, int64_t now_ns);

#endif
