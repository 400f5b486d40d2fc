/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What smtpd has told of its sessions. A table of fixed size: when too many are open the oldest
 * are lost, which then are strangers without an address. No I/O, no clock.
 */
#ifndef MTA_FILTER_SESSIONS_H
#define MTA_FILTER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/address.h"

#define SESSION_SETS 2048 /* with the ways, 8192 sessions: smtpd's descriptors end before */
#define SESSION_WAYS 4

struct filter_session {
	uint64_t id;
	uint64_t used; /* the table's count when it was last looked for; 0: free */
	bool authenticated;
	char address[ADDRESS_TEXT]; /* as address_take() has it */
	int64_t size;		    /* of the MAIL under way, or SIZE_UNKNOWN */
	int64_t promised;	    /* to the message under way, in bytes; 0: nothing */
};

struct filter_sessions {
	uint64_t count;
	struct filter_session table[SESSION_SETS][SESSION_WAYS];
};

/* The session ID, or NULL when it is not in the table. */
struct filter_session *session_find(struct filter_sessions *sessions, uint64_t id);

/* The session ID, a new one when there is none: in the place of the oldest of its set. */
struct filter_session *session_get(struct filter_sessions *sessions, uint64_t id);

void session_end(struct filter_sessions *sessions, uint64_t id);

#endif
