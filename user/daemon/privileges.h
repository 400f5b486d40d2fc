/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Giving up what is no longer needed, in the order in which it can be: memory and OOM score
 * first, since they need what is given up then.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <stdbool.h>

/*
 * Before the scout is started: the OOM killer should take us last, since we are the one who can
 * make room; and as many descriptors as clients may need. Inherited by the scout. Quiet where it is
 * not allowed.
 */
void privileges_protect(void);

/*
 * With a gate: a look must be answered within LEDGER_UNANSWERED, or the kernel takes us for hung.
 * Inherited by the scout, who looks. Quiet where it is not allowed.
 */
void privileges_hurry(void);

/*
 * After everything is open: lock memory, become USER (common/user.h: never root), keep no
 * capability, and have no system call but those of the loop.
 * Returns 0, or -errno when something would be kept that must not be.
 */
int privileges_drop(const char *user);

/*
 * Look USER up, once, before the keeper is started: a name service may hang later. Warns where
 * there is none: it is somebody whom nobody is, then.
 */
void privileges_know(const char *user);

/* The same for the filer and the prober, without its memory locked. */
int privileges_shed(const char *user);

/* The same for a process that becomes a responder, and for one that confines itself. */
int privileges_respond(const char *user);
int privileges_drop_all(const char *user);

/*
 * The same for the placer: it keeps what placing a socket again takes, and has it in force only
 * where it is raised.
 */
int privileges_keep(const char *user);
void privileges_raise(bool raised);

/* The same for the reader: it keeps what reading a file of root's takes. */
int privileges_read(const char *user);

/* The keeper's: what its children keep of it. And where there is to be an attacher. */
int privileges_keeper(const char *user);
int privileges_keeper_attaching(const char *user);

/* The same for the attacher: it keeps what entering a namespace and attaching a gate takes. */
int privileges_attach(const char *user);

#endif
