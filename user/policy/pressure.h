/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The level of one resource: a pure function of (state, sample, now). No clock, no
 * I/O, no globals, so that a recorded trace gives the same levels as the live host.
 *
 * Where a value is exactly on a threshold:
 *   enter  is not past: "below 10 %" and "above 10 %" mean what they say, and a
 *	    threshold of 0 means "any" where more is worse;
 *   leave  is reached: otherwise a leave threshold at the end of the scale (nothing
 *	    used, no kills) could never be, and the level never left.
 * Between the two lies the hysteresis band: it neither calls for the level nor lets it go.
 */
#ifndef POLICY_PRESSURE_H
#define POLICY_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/resource.h"

#define PRESSURE_OFF   INT64_C(-1) /* this level is not judged */
#define PRESSURE_NEVER INT64_MAX   /* no deadline */

/* The thresholds of a resource in its own unit, for the size its object has now. */
struct pressure_rule {
	bool less_is_worse;
	int64_t enter[LEVELS]; /* MEDIUM and HIGH; PRESSURE_OFF where not judged */
	int64_t leave[LEVELS]; /* on the relaxed side of enter, or equal; off where enter is */
	int64_t sustain_ns;
	int64_t dwell_ns;
};

/* All zero is a resource at rest at normal. Times are above 0: 0 is "not". */
struct pressure {
	enum level level;
	int64_t since_ns;	   /* when this level was taken */
	int64_t past_ns[LEVELS];   /* since when it is past enter without a break; 0: it is not */
	int64_t called_ns[LEVELS]; /* the last sample that was past enter of this level, or above */
};

/*
 * The rule that THRESHOLDS make for an object of SIZE (0: unknown, or has none), of which CAPACITY
 * can be free (0: all). A leave threshold that is not given is 20 % on the relaxed side of enter;
 * one beyond what the object can reach is halfway to CAPACITY, and one on the wrong side counts as
 * enter.
 */
void pressure_rule_make(struct pressure_rule *rule, const struct thresholds *thresholds,
			const struct resource_type *type, int64_t size, int64_t capacity);

/*
 * Take the sample VALUE, seen at NOW (not before the previous one). Returns the level.
 *
 * It rises to the worst level whose enter VALUE has been past for the sustain time. A level
 * is left once VALUE has reached its leave and the dwell has passed since it was called last;
 * from high it goes down to medium if medium could not be left either, else to normal. Each
 * level counts its dwell from its own calls: medium taken on the way down dwells no second
 * time, and yet nothing opens within the dwell of a value past any enter.
 * A level that is no longer judged is left at once.
 */
enum level pressure_step(struct pressure *pressure, const struct pressure_rule *rule, int64_t value,
			 int64_t now);

/*
 * For trouble that no value tells: take the worst level that is judged, with the dwell
 * counted from NOW. Returns the level.
 */
enum level pressure_call(struct pressure *pressure, const struct pressure_rule *rule, int64_t now);

/* The worst level that is judged; normal when none is. */
enum level pressure_worst(const struct pressure_rule *rule);

/*
 * When a sample like VALUE, which was the last one, would change the level by itself
 * (sustain or dwell runs out then): the time at which to take one. In the past, down to 0,
 * when a new rule has made it due at once. PRESSURE_NEVER if none would.
 */
int64_t pressure_deadline(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value);

/*
 * The part of it that is stepping down: when the present level is left if samples stay at
 * VALUE, 0 where it is no longer judged, PRESSURE_NEVER where VALUE keeps it.
 */
int64_t pressure_leave_ns(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value);

/*
 * How far VALUE is from the next higher level's enter threshold: 0 when past it or on it,
 * PRESSURE_NEVER when there is no higher level.
 */
int64_t pressure_distance(const struct pressure *pressure, const struct pressure_rule *rule,
			  int64_t value);

/* How far VALUE is from high's enter threshold: 0 when past it, PRESSURE_NEVER when it is off. */
int64_t pressure_room(const struct pressure_rule *rule, int64_t value);

#endif
