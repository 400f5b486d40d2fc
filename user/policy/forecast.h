/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast a filesystem fills, from what its looks found free: pure, of fixed size.
 *
 * The ledger of writes is not asked. It counts dirtied pages, and so misses fallocate and some
 * O_DIRECT, which fill a disk as well, while what it has too much of (overwriting, churn)
 * does not show in free space in the first place.
 */
#ifndef POLICY_FORECAST_H
#define POLICY_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/units.h"

#define FORECAST_GAP_NS	   (NS_PER_S / 2)   /* samples are kept this far apart at least */
#define FORECAST_SPAN_NS   (8 * NS_PER_S)   /* a rate is of so long a time, or a little more */
#define FORECAST_MEMORY_NS (60 * NS_PER_S)  /* for how long a former low is remembered */
#define FORECAST_SOON_NS   (600 * NS_PER_S) /* look more often when it fills within this */
#define FORECAST_SAMPLES   128		    /* FORECAST_MEMORY_NS / FORECAST_GAP_NS, and room */

struct forecast_sample {
	int64_t at_ns;
	int64_t available_bytes;
};

/* All zero is one without samples. */
struct forecast {
	unsigned int first, count;
	struct forecast_sample samples[FORECAST_SAMPLES]; /* a ring, oldest at FIRST */
	double rate;	    /* bytes a second it fills with; 0: it does not, or nobody can tell */
	double latest_rate; /* between the last two samples: a guess, and a reason to look again */
};

/* AVAILABLE bytes were seen free at NOW, not before the last time. */
void forecast_add(struct forecast *forecast, int64_t available_bytes, int64_t now);

/*
 * How long until AVAILABLE bytes have shrunk to FLOOR: VALUE_NEVER when it does not fill, 0
 * when it fills below FLOOR.
 *
 * The rate is that of the last 8 to 10 seconds or so, and never more than what it has sunk
 * below its lowest in the rest of the last minute: a queue that is written and deleted comes
 * back to where it was before, and however steep it looks just now, it does not fill.
 */
int64_t forecast_ns(const struct forecast *forecast, int64_t available_bytes, int64_t floor_bytes);

/* It may be full within FORECAST_SOON_NS: by its rate, or by the last two samples alone. */
bool forecast_soon(const struct forecast *forecast, int64_t available_bytes, int64_t floor_bytes);

#endif
