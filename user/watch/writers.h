/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who fills the watched filesystems: the ledger's table of writers, as rates over the last
 * ten seconds. Pure functions; the names of cgroups are in cgroup_path.c.
 */
#ifndef WATCH_WRITERS_H
#define WATCH_WRITERS_H

#include <stdint.h>

#include "ledger.h"

#define WRITERS_TOP	  5
#define WRITERS_NS	  (INT64_C(10) * 1000000000)
#define WRITERS_SNAPSHOTS 4

struct writer {
	uint64_t cgroup; /* id */
	uint64_t bytes_per_s;
	char comm[LEDGER_COMM + 1];
};

struct writers {
	unsigned int count;
	struct {
		int64_t time_ns;
		struct ledger_writer table[LEDGER_WRITERS];
	} snapshots[WRITERS_SNAPSHOTS]; /* oldest first */
};

/* Keep the TABLE as it is at NOW, for rates to come: every few seconds. */
void writers_snapshot(struct writers *writers, const struct ledger_writer table[LEDGER_WRITERS],
		      int64_t now_ns);

/*
 * The writers of the filesystem in SLOT since the newest snapshot that is ten seconds old (or
 * since the oldest there is), the largest first. Returns how many, WRITERS_TOP at most.
 */
unsigned int writers_top(const struct writers *writers,
			 const struct ledger_writer table[LEDGER_WRITERS], unsigned int slot,
			 unsigned int page_bytes, int64_t now_ns, struct writer top[WRITERS_TOP]);

#endif
