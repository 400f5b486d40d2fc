/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The time in which anyone was in direct reclaim, the present one included. The ledger has it
 * up to the last entry or exit only, and of a slice between two of those no more than a second:
 * a reclaim that lasts would not be seen until it ends, and then hardly. Pure functions.
 */
#ifndef WATCH_RECLAIM_H
#define WATCH_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

#define RECLAIM_SLICE_NS INT64_C(1000000000) /* the most that the ledger has of one slice */
/* The most that is told of one slice: should an exit be missed, it would be one for ever. */
#define RECLAIM_LIMIT_NS INT64_C(10000000000)

/* All zero is one that has seen nothing. */
struct reclaim {
	uint64_t event_ns;  /* the last entry or exit seen */
	int64_t lasting_ns; /* what was told of the slice that began there */
	int64_t beyond_ns;  /* what was told of former ones, and is not in the ledger */
	int64_t total_ns;   /* what was told last */
};

/* The total as it is at NOW, which never goes back. */
int64_t reclaim_total(struct reclaim *reclaim, const struct ledger_memory *ledger, int64_t now_ns);

/* Somebody was in reclaim at the last call: worth another look soon. */
bool reclaim_lasts(const struct reclaim *reclaim);

#endif
