/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The responder: answers diverted connections, and is the only part of us that strangers talk
 * to. A program of its own, so that what they could find in it is not the daemon's: another
 * memory, and with each start another layout of it. It has its listener and its pulse, and
 * nothing else: no capability, no file, and of system calls only those it serves with (confine.c).
 */
#ifndef RESPONDER_RESPONDER_H
#define RESPONDER_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger.h"
#include "responder/callers.h"

/* A mail client's TLS begins at once there: no text can be said before it. */
#define RESPONDER_SILENT_PORT 465

/* How its keeper starts it: with these two, and with the greeting as its only argument. */
#define RESPONDER_NAME	   "spoolgate-responder"
#define RESPONDER_LISTENER 3 /* a listening socket, non-blocking */
#define RESPONDER_PULSE	   4 /* the map of its pulse */

/* What one responder serves. */
struct responder_post {
	int listener;
	struct pulse *pulse;  /* mapped shared */
	const char *greeting; /* with its CRLF */
	size_t greeting_length;
};

struct responder {
	const struct responder_post *post;
	struct callers callers;
	int epoll_fd;
};

/* Room for COUNT clients at a time. Returns 0 or -errno. */
int responder_open(struct responder *responder, const struct responder_post *post,
		   unsigned int count);
void responder_close(struct responder *responder);

/* Tell the kernel that somebody is here. */
void responder_beat(const struct responder *responder);

/*
 * Wait up to RESPONDER_BEAT_NS for something to do, do it, and beat. Returns 0 or -errno when it
 * can do no more.
 */
#define RESPONDER_BEAT_NS (500LL * 1000000LL)
int responder_step(struct responder *responder);

/* Keep what a responder needs of system calls, and be killed for any other. Returns 0 or -errno. */
int responder_confine(void);

#endif
