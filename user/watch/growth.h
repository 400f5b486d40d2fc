/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much room a dirtied page takes, in pages: what marks are reckoned with. A mail of 4 KB takes
 * 64 KiB where that is a filesystem's cluster, and a page of its own for its attributes elsewhere.
 * What the filesystem's type says, what a page took that was written for trial, and what was seen
 * to go from look to look: the largest of the three. Pure functions.
 */
#ifndef WATCH_GROWTH_H
#define WATCH_GROWTH_H

#include <stdint.h>

#include "common/units.h"

#define GROWTH_WINDOW (4 * MIB) /* of dirtied pages after which what they took is reckoned */
#define GROWTH_SEEN   64	/* more than that was not these pages */

struct growth {
	int64_t page_takes_bytes; /* the trial's; 0: none was made */
	uint64_t pages;		  /* the counter, and the room, where the window began */
	int64_t available_bytes;
	unsigned int last; /* pages for a page in the last window */
	unsigned int seen; /* that is held for true */
};

/* Forget all: another filesystem is looked at. */
void growth_reset(struct growth *growth);

/* A page was written for trial and took so much; 0 tells nothing. */
void growth_trial(struct growth *growth, int64_t takes_bytes);

/*
 * So much room was found when the counter stood at PAGES. What two windows one after the other
 * have seen is held for true, and forgotten by a quarter with each that sees less: overwriting in
 * place takes nothing, and deleting gives back.
 */
void growth_look(struct growth *growth, uint64_t pages, int64_t available_bytes,
		 unsigned int page_bytes);

/* Pages of room for a dirtied page; OF_TYPE at least. */
unsigned int growth_pages(const struct growth *growth, unsigned int of_type,
			  unsigned int page_bytes);

#endif
