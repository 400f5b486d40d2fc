/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What clients have announced and not yet sent: pure, of fixed size, no loop longer than a few
 * dozen steps.
 *
 * Promises are counted in spells of 10 s. One is released
 *   by its end, where the server's protocol tells it (reservation_ended);
 *   by what is written: of what is not written yet the newest spell is released first, since what
 *	arrives was announced last, and what never comes stays on the account of who made it;
 *   by time in proportion: after half of RESERVATION_S half of what has not been written counts.
 * Whose the bytes are that were written cannot be told. So of all that is written, the share that
 * was promised in the last spells counts (a database beside the queue, overwriting 100 MB a second,
 * would release all there is at once), and within a spell everyone is released by the same share.
 *
 * What was written since the last look is in no headroom yet: until the next look it counts as if
 * it was still promised, but for what was written beside it.
 *
 * How much may be promised, of a headroom of H bytes above high:
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
 * Refused requests promise nothing. Who asks twice for one message promises it twice, for a message
 * has no name here: protocols that have names for it ask once.
 */
#ifndef POLICY_RESERVATION_H
#define POLICY_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/words.h"

#define RESERVATION_S	    60	/* what has not arrived by then does not come */
#define RESERVATION_SETS    512 /* of addresses; a power of 2 */
#define RESERVATION_WAYS    8	/* addresses in a set; those with the least are forgotten */
#define RESERVATION_SPELL_S 10
#define RESERVATION_SPELLS  7	 /* RESERVATION_S, and the present */
#define RESERVATION_WRITTEN 3	 /* spells, the present one too, whose writing is compared */
#define RESERVATION_SMALL   1024 /* messages that fill the headroom: each is a small one */

/* Those promised in 10 s. */
struct reservation_spell {
	int64_t number;		/* of RESERVATION_SPELL_S since time 0 */
	int64_t mean_ns;	/* when they were promised, on the average */
	int64_t bytes[CLASSES]; /* that have not ended */
	double kept;		/* of these bytes: the share that was not released as written */
	int64_t written;	/* by anyone, in these 10 s */
};

struct reservation_address {
	uint64_t hash;			   /* 0: free */
	int64_t number;			   /* of its last spell */
	int64_t bytes[RESERVATION_SPELLS]; /* that have not ended; as the spells below */
};

/* About 300 KiB: not for the stack. */
struct reservations {
	int64_t headroom; /* bytes above high; INT64_MAX: no limit */
	int64_t seen_ns;  /* when that was looked at */
	double gone;	  /* bytes released or ended since, */
	int64_t written;  /* and written: there is no more in which headroom is wrong */
	struct reservation_spell spells[RESERVATION_SPELLS]; /* by number % RESERVATION_SPELLS */
	uint64_t salt;
	struct reservation_address addresses[RESERVATION_SETS][RESERVATION_WAYS];
};

/* Empty, with a secret SALT for the addresses. */
void reservation_init(struct reservations *reservations, uint64_t salt);

/* HEADROOM was found by a look at SEEN_NS; told again with the same time it is no new look. */
void reservation_headroom(struct reservations *reservations, int64_t headroom, int64_t seen_ns);

/* BYTES were written to the filesystems that take mail, since this was told last. */
void reservation_written(struct reservations *reservations, int64_t bytes, int64_t now);

/*
 * May a message of SIZE bytes of CLASS from ADDRESS (NULL: not known, and then no share of an
 * address limits it) come in at NOW? If so it is promised its room, but for a small one that finds
 * none left. Internal mail is never limited, and promised nothing.
 */
bool reservation_take(struct reservations *reservations, enum class class, int64_t size,
		      const char *address, int64_t now);

/* Such a message has arrived, or will not come: what is still kept of its promise is let go. */
void reservation_ended(struct reservations *reservations, enum class class, int64_t size,
		       const char *address, int64_t now);

/*
 * Messages of CLASS up to so many bytes need no promise: it would take RESERVATION_SMALL of them
 * at once to fill the class's share of the headroom, and writing is noticed long before.
 * INT64_MAX: no message needs one; 0: there is no room. Always a power of 2, so that it seldom
 * changes.
 */
int64_t reservation_small(const struct reservations *reservations, enum class class);

/* Bytes promised to CLASS and not released at NOW. */
int64_t reservation_bytes(const struct reservations *reservations, enum class class, int64_t now);

/* So much was written since the last look that a new one would tell more. */
bool reservation_wants_look(const struct reservations *reservations);

#endif
