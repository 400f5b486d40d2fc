/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests whose answer has to wait, the next one first. No I/O, no clock. */
#ifndef MTA_FILTER_DELAYS_H
#define MTA_FILTER_DELAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "mta/filter_core.h"

#define FILTER_DELAYS 4096

struct filter_delay {
	int64_t due_ns;
	struct filter_request request;
};

/* A heap: no delay is due before the one at (index - 1) / 2. All zero is an empty one. */
struct filter_delays {
	unsigned int count;
	struct filter_delay heap[FILTER_DELAYS];
};

/* False when there is no room for one more. */
bool filter_delays_add(struct filter_delays *delays, int64_t due_ns,
		       const struct filter_request *request);

/* When the next one is due; INT64_MAX when there is none. */
int64_t filter_delays_next(const struct filter_delays *delays);

/* Take out the next one that is due at NOW_NS. False when there is none. */
bool filter_delays_take(struct filter_delays *delays, int64_t now_ns,
			struct filter_request *request);

/* Drop those of SESSION. */
void filter_delays_forget(struct filter_delays *delays, const char *session);

#endif
