/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clients that have been answered and are waited for until they close: a close() while bytes
 * of theirs are unread would send a reset, which can overtake the greeting at their end.
 *
 * A ring of fixed size, by order of coming: who comes last takes the place of who came first,
 * whose time is cut short then. So there is room for everybody, always.
 */
#ifndef RESPONDER_CALLERS_H
#define RESPONDER_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#define CALLERS_WAIT_NS	   (5LL * 1000000000LL) /* how long a client may take to close */
#define CALLERS_READ_BYTES 65536		/* and what it may send meanwhile */
#define CALLERS_MOMENT_NS  (100LL * 1000000LL)	/* by then most have closed, wherever they are */

struct caller {
	uint64_t serial;
	int64_t until_ns;
	int64_t left_bytes;
	int fd; /* -1: the place is free */
};

struct callers {
	struct caller *places;
	unsigned int count;
	uint64_t next;	 /* serial of the next to come */
	uint64_t oldest; /* no caller with a lower one is there */
	uint64_t recent; /* of the first whose moment is not over */
	uint64_t cut;	 /* callers closed before their time */
};

/* Room for COUNT callers. Returns 0 or -ENOMEM. */
int callers_init(struct callers *callers, unsigned int count);
void callers_free(struct callers *callers);

/* FD is answered: take it over. Returns its serial. */
uint64_t callers_add(struct callers *callers, int fd, int64_t now);

/* Something came from the caller of SERIAL, who may be gone already: read it, close at its end. */
void callers_read(struct callers *callers, uint64_t serial);

/*
 * Who came is left alone for a moment, and then looked at: most have closed by then, and have cost
 * neither an entry in epoll nor a wake-up of their own.
 * Returns the descriptor of one who is still there at NOW, with his SERIAL, to be watched from now
 * on; -1 when there is none (any more).
 */
int callers_remaining(struct callers *callers, int64_t now, uint64_t *serial);

/* Close those whose time is over. */
void callers_expire(struct callers *callers, int64_t now);

/* Descriptors have run out: close the first of them. False when there is none. */
bool callers_cut(struct callers *callers);

#endif
