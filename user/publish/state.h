/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state socket: one request line, one reply line, many clients. It asks the daemon
 * for everything through `struct state_source`, and owns nothing but its
 * connections. Bounds: 512 bytes a line, 64 KiB unsent a client before it is no
 * longer read (less where there are many), 256 KiB before it is closed, STATE_CLIENTS
 * connections, and what held.h says of all clients together.
 */
#ifndef PUBLISH_STATE_H
#define PUBLISH_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/words.h"
#include "publish/tended.h"

#define STATE_LINE    512 /* bytes of a request, without its newline */
#define STATE_CLIENTS 2048

struct event_base;
struct state;

/* Where answers come from. All are called from the event loop; none may block. */
struct state_source {
	void *context;

	/* The admission line for CLASS without newline ("accept", "defer 452 …"). SIZE is -1
	 * when the client did not say, ADDRESS NULL likewise. Valid until the next call. */
	const char *(*admission)(void *context, enum class class, int64_t size,
				 const char *address);

	/* A message that was admitted so has arrived, or will not come. */
	void (*ended)(void *context, enum class class, int64_t size, const char *address);

	/* The class of a client at ADDRESS, as in listener.h. */
	enum class (*class)(void *context, bool authenticated, const char *address);

	/* The descriptor of the admission page, which stays the source's; or -errno. */
	int (*page)(void *context);

	/* The status as a line of JSON with its newline, malloc'ed; NULL without memory. */
	char *(*status)(void *context);

	/* Force LEVEL for SECONDS (0: the default of one hour), or end the override. UID is
	 * the peer's. Returns 0 or -EPERM. */
	int (*override)(void *context, enum level level, int64_t seconds, const char *reason,
			uid_t uid);
	int (*override_off)(void *context, uid_t uid);
};

/*
 * Listen on CONFIG's state socket. A socket that a dead daemon left is replaced; one that
 * answers is not (-EADDRINUSE). The directory is made (0755) if its parent is there.
 * Without a group it is given to the primary one of the user that the daemon becomes, if it is
 * root now and that user exists; an unknown group is a warning. -ETIMEDOUT where the filesystem
 * does not answer. SIGPIPE is ignored from now on: libevent's writes would raise it. Returns 0 and
 * *STATE, or -errno, and the log says why.
 */
int state_open(struct state **state, struct event_base *base, const struct config *config,
	       const struct state_source *source);

/* By what rule CONFIG's state socket is placed; it borrows from CONFIG. */
void state_rule(const struct config *config, struct unix_socket_rule *rule);

/*
 * Look whether the socket's file is where it belongs, and have FILER mend it. Returns whether it
 * was made again since the last time: what is beside it may be gone as well.
 */
bool state_tend(struct state *state, struct filer *filer, enum tended_why why, int64_t now);

/* Something changed: a line of status to every watcher. */
void state_changed(struct state *state);

/*
 * What the status says has been judged anew. Otherwise a line may be said again for some
 * milliseconds: that long its counters and ages are behind. NULL is fine.
 */
void state_stale(struct state *state);

/*
 * Connections now, requests answered so far, connections refused or dropped for misbehaving, how
 * often there was no place for another.
 */
struct state_counters {
	uint64_t clients, requests, errors, dropped, lacked;
};
void state_counters(const struct state *state, struct state_counters *counters);

/*
 * Close everything and have FILER remove the socket (NULL: here). NULL is fine. libevent closes the
 * connections' descriptors in the loop's next round or with event_base_free().
 */
void state_close(struct state *state, struct filer *filer);

#endif
