/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places for clients. Each takes a descriptor, so the file limit says how many there are; when all
 * of a kind are taken that is counted, and told.
 */
#ifndef PUBLISH_PLACES_H
#define PUBLISH_PLACES_H

#include <stdint.h>

/*
 * So many files are asked for at start. The limit may be lower, and what the service manager
 * gives is more welcome: a site with thousands of smtpd has a connection of each.
 */
#define PLACES_FILES 8192

struct places {
	unsigned int state;	/* of the state socket */
	unsigned int listeners; /* of all listeners, */
	unsigned int listener;	/* and of one of them */
};

/* Raise the limit to PLACES_FILES, as far as it goes. */
void places_raise_limit(void);

/* Share out what the limit is now. */
void places_share(struct places *places);

/* Of one kind. */
struct places_lack {
	uint64_t times, said; /* that there was none for a newcomer; of those, in the log */
	int64_t said_ns;
};

/* There is no place for a newcomer to WHAT, whose PLACES are all taken. */
void places_lacked(struct places_lack *lack, const char *what, unsigned int places);

#endif
