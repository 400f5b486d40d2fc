/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What clients have announced and not yet sent: pure, of fixed size, no loop longer than a few
 * steps.
 *
 * Promises queue up: each takes the next bytes of an endless line, and `released` is how far
 * from its beginning they no longer count: because they are 60 s old, or because as many bytes
 * have arrived as the headroom shrank by (whose they were cannot be told: the oldest are let
 * go). The part of the line that one address has is released by the same mark, so nothing
 * is ever searched or swept.
 *
 * How much may be promised, of a headroom of H bytes above the tightest filesystem's high:
 *   everyone together	H
 *   a class		3/4 H, so that neither takes the last quarter from the other
 *   an address		1/4 H of strangers, 1/2 H of users (a company behind one address)
 *   a message		half of what its class has left, so that one does not take it all
 *
 * That alone would not keep room for small mail: twenty addresses that halve their sizes leave
 * less than a page. So what is up to H / RESERVATION_SMALL is let in whatever was promised: with
 * a promise where it fits, else without. However many of those come, they are bounded by what
 * they write: the level follows from looks, and a look is made before half of the room is
 * written. (Of a room below 1 MiB that is less than 1 KiB, and so no mail.)
 *
 * Who asks twice for one message (at RCPT, for each recipient) promises it twice, for a message
 * has no name here and two of one size are not the same. That ends at the address's share,
 * and after 60 s at the latest; ask once a message. Refused requests promise nothing.
 */
#ifndef POLICY_RESERVATION_H
#define POLICY_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/words.h"

#define RESERVATION_S	 60  /* what has not arrived by then does not come */
#define RESERVATION_SETS 512 /* of addresses; a power of 2 */
#define RESERVATION_WAYS 8   /* addresses in a set; of more, those with the least are forgotten */
#define RESERVATION_SPELLS \
	4 /* in which an address's promises are counted: RESERVATION_S, and the present */
#define RESERVATION_SPELL_S 20
#define RESERVATION_SMALL   1024 /* messages that fill the headroom: each is a small one */

/* The promises of one second. */
struct reservation_part {
	int64_t second; /* when they were made */
	int64_t bytes[CLASSES];
};

struct reservation_address {
	uint64_t hash; /* 0: free */
	struct {
		uint64_t end; /* of its last byte in the line */
		int64_t bytes;
	} spells[RESERVATION_SPELLS];
};

/* About 300 KiB: not for the stack. */
struct reservations {
	int64_t headroom;	   /* bytes above high; INT64_MAX: no limit */
	int64_t low;		   /* the least headroom of the last minute */
	int64_t low_ns;		   /* when it was taken; 0: never */
	int64_t second;		   /* now, in whole seconds */
	uint64_t promised;	   /* end of the line */
	uint64_t released;	   /* the mark in it */
	int64_t bytes[CLASSES];	   /* not released */
	unsigned int first, count; /* of the ring below */
	struct reservation_part parts[RESERVATION_S + 2]; /* a ring of seconds, oldest at FIRST */
	uint64_t salt;
	struct reservation_address addresses[RESERVATION_SETS][RESERVATION_WAYS];
};

/* Empty, with a secret SALT for the addresses. */
void reservation_init(struct reservations *reservations, uint64_t salt);

/*
 * HEADROOM was found at NOW. What it has lost since its lowest of the last minute has arrived,
 * and as much is released. (Since its lowest: a disk that others write and delete on
 * would release everything time and again.)
 */
void reservation_headroom(struct reservations *reservations, int64_t headroom, int64_t now);

/*
 * May a message of SIZE bytes of CLASS from ADDRESS (NULL: not known, and then no share of an
 * address limits it) come in at NOW? If so it is promised its room, but for a small one that finds
 * none left. Internal mail is never limited, and promised nothing.
 */
bool reservation_take(struct reservations *reservations, enum class class, int64_t size,
		      const char *address, int64_t now);

/*
 * Messages of CLASS up to so many bytes need no promise: it would take RESERVATION_SMALL of them
 * at once to fill the class's share of the headroom, and writing is noticed long before.
 * INT64_MAX: no message needs one; 0: there is no room. Always a power of 2, so that it seldom
 * changes.
 */
int64_t reservation_small(const struct reservations *reservations, enum class class);

/* Bytes promised to CLASS and not yet released, as of the last call. */
int64_t reservation_bytes(const struct reservations *reservations, enum class class);

#endif
