/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queue directories of mail servers that are there, and on no filesystem that is watched. As soon
 * as the configuration names one filesystem only those it names are watched: whoever names one for
 * the mailboxes may not know that the queue may run full unseen then, and is told so.
 */
#ifndef WATCH_UNWATCHED_H
#define WATCH_UNWATCHED_H

#include "watch/filesystem.h"

struct unwatched {
	struct filesystem_set *set;
	struct unwatched_spool {
		uint64_t serial; /* of the last request */
		bool asked;	 /* it has not been replied to */
		bool found;	 /* it is there, and whether it is watched not known yet */
		struct look look;
	} spools[CONFIG_SPOOLS];
};

void unwatched_open(struct unwatched *unwatched, struct filesystem_set *set);

/*
 * Look for all of them: at start and at a reload. A directory that hangs is not asked for again, or
 * each time a thread more would hang, but by a scout that is NEW.
 */
void unwatched_find(struct unwatched *unwatched, bool new_scout);

/* The scout's reply to a request of ours: its slot is SCOUT_SPOOLS or above. */
void unwatched_reply(struct unwatched *unwatched, const struct scout_reply *reply);

/* Tell of those that have been found, as soon as all that is watched has been looked at. */
void unwatched_tell(struct unwatched *unwatched);

#endif
