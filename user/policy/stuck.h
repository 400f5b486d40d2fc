/* SPDX-License-Identifier: GPL-2.0-only */
/* When a level that does not end is to be said again. Pure. */
#ifndef POLICY_STUCK_H
#define POLICY_STUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/judge.h"

/* All zero is one that has said nothing. */
struct stuck {
	int64_t since_ns; /* of the level that `times` belongs to */
	int64_t times;	  /* it has been said again */
};

/*
 * The host is above normal at NOW, by measure or by override, for one PERIOD_NS more than when
 * it was said last (0: never say it). Periods missed (we were stopped) are one.
 */
bool stuck_due(struct stuck *stuck, const struct judge *judge, int64_t period_ns, int64_t now);

/* When it will be, if nothing changes; INT64_MAX: never. */
int64_t stuck_deadline(const struct stuck *stuck, const struct judge *judge, int64_t period_ns);

#endif
