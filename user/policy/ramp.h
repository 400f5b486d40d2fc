/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reopening by degrees: after a closure a tenth of the clients is accepted at once and all of
 * them in the end, so that the wave of those who waited does not close it again. Pure.
 */
#ifndef POLICY_RAMP_H
#define POLICY_RAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/units.h"

#define RAMP_BEGIN_PPM (PPM / 10)

/* Of one class of mail. All zero is one that is open. */
struct ramp {
	bool closed;
	int64_t since_ns; /* it has been closed, or reopening; 0: it is open to all */
	uint64_t salt;	  /* of this closure: another one lets others in first */
};

enum ramp_event {
	RAMP_NOTHING,
	RAMP_CLOSED,
	RAMP_REOPENING, /* by degrees */
	RAMP_OPEN,	/* to all: the ramp is over, or there was none */
};

/*
 * It is CLOSED or not at NOW (above 0). LENGTH_NS is how long a ramp takes, 0 for none, and ends
 * one that is under way. SALT is taken at a closure's end.
 */
enum ramp_event ramp_update(struct ramp *ramp, bool closed, int64_t length_ns, uint64_t salt,
			    int64_t now);

/* The share of clients that are accepted. */
int64_t ramp_share(const struct ramp *ramp, int64_t length_ns, int64_t now);

/*
 * Is the client at ADDRESS accepted? Who once is stays so until the next closure. A request
 * without an address (NULL) is: it cannot be told from others, and all or nothing for all
 * of a server's mail is no ramp.
 */
bool ramp_accepts(const struct ramp *ramp, int64_t length_ns, const char *address, int64_t now);

/* When ramp_update() will have something to do by itself; INT64_MAX: never. */
int64_t ramp_deadline(const struct ramp *ramp, int64_t length_ns);

#endif
