/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The responder: answers diverted connections, and is the only part of us that strangers talk
 * to. It has its listener and its pulse, and nothing else: no capability, no file, and of system
 * calls only those it serves with (confine.c).
 */
#ifndef RESPONDER_RESPONDER_H
#define RESPONDER_RESPONDER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "responder/callers.h"
#include "responder/greeting.h"

/* A mail client's TLS begins at once there: no text can be said before it. */
#define RESPONDER_SILENT_PORT 465

/* What one responder serves. Of the parent's, who starts it again with the same. */
struct responder_post {
	int listener;	     /* non-blocking */
	struct pulse *pulse; /* mapped shared */
	char greeting[GREETING_BYTES];
	int greeting_length;
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

/*
 * Be a responder (responder_process.c): end when the parent ends. Does not return.
 */
void responder_process(const struct responder_post *post) __attribute__((noreturn));

/* Keep what a responder needs of system calls, and be killed for any other. Returns 0 or -errno. */
int responder_confine(void);

#endif
