/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filer: the process that makes, writes and removes files for a daemon that must not. Who
 * holds BPF links and hangs on a disk keeps them alive, even when it is killed; and the socket of
 * a listener, or the state's, may well be on the disk that hangs. What it is asked is done in
 * order, and goes on being done after the daemon's end. One that is killed is followed by another,
 * who does what that one had not done. With a filer of NULL the caller does all itself.
 */
#ifndef PUBLISH_FILER_H
#define PUBLISH_FILER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/child.h"
#include "publish/unix_socket.h"

#define FILER_TEXT 2048 /* bytes of a file, the NUL included */
#define FILER_MS   80	/* how long a caller waits; the kernel takes 100 ms for a hang */

struct filer;

/*
 * Make CHILD a filer, before the keeper is started. SHED gives up in the process what it does not
 * need, and returns 0 or -errno. Returns 0 and *FILER, or -errno.
 */
int filer_new(struct filer **filer, struct child *child, int (*shed)(const char *user),
	      const char *user);

/*
 * The placer is a second one, for sockets alone: those that the configuration names at the start,
 * in RULES. It looks after them for as long as the daemon runs, so it is the one that hangs when
 * one of their filesystems does; and it is the only process that keeps, by SHED, what making
 * one again takes. RAISE makes use of that and ends it. Whatever the daemon comes to ask, that is
 * done for those rules only, as they were, and where nobody but root may change the way to the
 * socket's directory.
 */
struct filer_placer {
	const struct unix_socket_rule *rules; /* copied, and their names looked up */
	unsigned int count;
	int (*shed)(const char *user);
	void (*raise)(bool raised);
	const char *user;
};

/* Make CHILD the placer of FILER. What it knows is its to look at and place from then on. */
int filer_new_placer(struct filer *filer, struct child *child, const struct filer_placer *placer);

/* Hear from it on BASE, too. Returns 0 or -errno. */
int filer_attach(struct filer *filer, struct event_base *base);

/*
 * Wait for what it was asked, FILER_MS at most, and not at all while it hangs. Returns whether all
 * is done.
 */
bool filer_wait(struct filer *filer);

/*
 * Write TEXT into the file at PATH, or remove it (NULL). It is as it was or as wanted at any time;
 * gone where it cannot be written. Should it fail the log says WHAT, and why.
 */
void filer_write(struct filer *filer, const char *path, const char *text, const char *what);

/* Close SOCKET, and remove its file if it still is the one that was made. */
void filer_remove(struct filer *filer, struct unix_socket *socket);

/* What was found, or what came of placing. */
struct filer_reply {
	uint32_t serial;
	int error;
	enum unix_socket_found found;
	struct unix_socket socket; /* as it was placed; its descriptor means nothing */
};

typedef void filer_told(void *context, const struct filer_reply *reply);

/*
 * Place SOCKET, which is new, by RULE, as unix_socket_place() does. TOLD is called with CONTEXT
 * once it is there or is known not to be. Returns 0, or -errno: it cannot be asked, and the log
 * says so.
 */
int filer_place(struct filer *filer, const struct unix_socket *socket,
		const struct unix_socket_rule *rule, filer_told *told, void *context);

/* The same with unix_socket_find() for SOCKET, which RULE was placed by. */
int filer_find(struct filer *filer, const struct unix_socket *socket,
	       const struct unix_socket_rule *rule, filer_told *told, void *context);

/* Everything but what CONTEXT waits for is done: that is what hangs, if something does. */
bool filer_is_next(const struct filer *filer, const void *context);

/* What CONTEXT waits for is of no interest any more. NULL is fine. */
void filer_forget(struct filer *filer, const void *context);

/*
 * Nobody but root may change where the directory of SOCKET is. Whose the directory itself is does
 * not matter: in it there is only the name to be had.
 */
bool filer_way_is_roots(const char *socket);

/* Nothing is asked any more. What was is done (children_stop()). NULL is fine. */
void filer_free(struct filer *filer);

#endif
