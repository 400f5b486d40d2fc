/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The responders' keeper: a process that starts them, and again should one die or hang, which
 * the daemon with its filtered system calls no longer can.
 */
#ifndef RESPONDER_KEEPER_H
#define RESPONDER_KEEPER_H

#include <sys/types.h>

#include "ledger.h"
#include "responder/greeting.h"

#define RESPONDERS LEDGER_GATES

/* What each responder is started with, every time. */
struct keeper_post {
	int listener_fd;	   /* -1: there is none yet, and no responder */
	int pulse_fd;		   /* the map */
	const struct pulse *pulse; /* the same, mapped */
	char greeting[GREETING_BYTES];
};

struct responders {
	pid_t pid; /* the keeper's; 0: there is none */
	int lifeline;
};

/*
 * Start a responder for each of COUNT POSTS, as UID and GID when we are root (0: stay root, without
 * capabilities). Its program is beside the daemon's. Returns 0 or -errno.
 */
int responders_start(struct responders *responders, const struct keeper_post *posts,
		     unsigned int count, uid_t uid, gid_t gid);

/* End the responder of POST, counted from 0 as they were started with, and let go of its listener.
 */
void responders_release(const struct responders *responders, unsigned int post);

/* Start a responder for POST, whose listener is another one. Returns 0 or -errno. */
int responders_renew(const struct responders *responders, unsigned int post, int listener_fd);

/*
 * How many were started anew since last asked, and how the last of those had ended: an exit status,
 * or 128 and a signal. -EPIPE when the keeper is gone.
 */
int responders_restarted(const struct responders *responders, unsigned char *status);

/* Close our end: keeper and responders end by themselves. */
void responders_stop(struct responders *responders);

#endif
