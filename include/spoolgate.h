/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libspoolgate: asks spoolgated whether to take more mail.
 *
 * The answer is read from a page of memory that the daemon shares: no system call, some
 * nanoseconds. Where the page does not decide (a large message, clients let in by degrees) or
 * there is none, the daemon's socket is asked, which takes tens of microseconds and 1 s at most.
 * With the daemon gone, mail flows: the answer then is `accept`.
 *
 * Threads may share a client and call every function at once, except spoolgate_close(). The
 * functions never raise SIGPIPE, and descriptors are closed on exec. After fork(2) parent and child
 * may both go on with the client, whatever other threads were doing at the fork; the child calls
 * spoolgate_fd() again, since the descriptor it has inherited is its parent's.
 *
 * What is told is checked, wherever it comes from: a verdict, a delay and a reply ("4xx TEXT" in
 * printable ASCII) are a daemon's, or the answer is `accept` with `known` false.
 */
#ifndef SPOOLGATE_H
#define SPOOLGATE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPOOLGATE_SOCKET "/run/spoolgate/state.sock"

/* A connection to the daemon, there or not. */
struct spoolgate;

enum spoolgate_verdict {
	SPOOLGATE_ACCEPT, /* take it */
	SPOOLGATE_DELAY,  /* take it, after `delay_s` seconds */
	SPOOLGATE_DEFER,  /* refuse it for now, with `reply` */
};

enum spoolgate_class {
	SPOOLGATE_INBOUND,    /* from strangers */
	SPOOLGATE_SUBMISSION, /* from authenticated users */
	SPOOLGATE_INTERNAL,   /* from own servers: a content filter that re-injects, a backup MX */
};

struct spoolgate_admission {
	enum spoolgate_verdict verdict;
	unsigned int delay_s; /* SPOOLGATE_DELAY: seconds; else 0 */
	bool known;	      /* false: nobody answered, and this is the accept of a failure */
	char reply[256];      /* SPOOLGATE_DEFER: "452 4.3.1 …" without line end; else "" */
	bool promised;	      /* its size is promised room: see spoolgate_ended() */
};

/*
 * A client of the daemon behind SOCKET (NULL: SPOOLGATE_SOCKET). Nothing is connected yet, so it
 * succeeds as well while the daemon is not there. Returns 0 and *CLIENT, or -ENOMEM, -EINVAL
 * (an empty path) or -ENAMETOOLONG (107 bytes are allowed).
 */
int spoolgate_open(struct spoolgate **client, const char *socket);

/*
 * May a message of CLASS and SIZE bytes (-1: not known) come in? ADMISSION is filled whatever is
 * returned: 0, or -errno with an accept that has `known` false. -EINVAL is an unknown class; all
 * other errors mean that the daemon did not answer (-ENOENT, -ECONNREFUSED: it is not there;
 * -ETIMEDOUT: it did not in time; -EPROTO: it said what we do not understand; -EACCES: the socket
 * is not for us; and what else connect(2) has). After a failure nobody is asked for a
 * second, after a time-out for eight, and the same error is returned at once meanwhile.
 *
 * A size for which the daemon is asked is promised its room, for a minute at most: ask once a
 * message.
 */
int spoolgate_admission(struct spoolgate *client, enum spoolgate_class mail_class, int64_t size,
			struct spoolgate_admission *admission);

/*
 * The same for a message from the client at ADDRESS: IPv4 or IPv6 as text; NULL, and anything
 * else, is not known. After a closure clients are let in by degrees, and large messages of one
 * address have a limit of their own: servers that know the address should say it.
 */
int spoolgate_admission_from(struct spoolgate *client, enum spoolgate_class mail_class,
			     int64_t size, const char *address,
			     struct spoolgate_admission *admission);

/*
 * A message for which `promised` was said has arrived, or will not come: so others can have the
 * room. With the CLASS, SIZE and ADDRESS that were asked about. To leave it out costs others some
 * room until it has been written, or for a minute. Returns 0 or -errno, as above.
 */
int spoolgate_ended(struct spoolgate *client, enum spoolgate_class mail_class, int64_t size,
		    const char *address);

/*
 * A descriptor to poll(2) for POLLIN: there may be something for spoolgate_changed(). The first
 * call makes it (in the child of a fork another one); it keeps its number until
 * spoolgate_close(), while the daemon goes and comes again. It is for polling only, and belongs
 * to the library. Returns it, or -EMFILE, -ENFILE or -ENOMEM; never an error because the daemon
 * is not there. It turns readable at least once in 15 s, and once a second while the daemon does
 * not answer, for the library's own sake.
 */
int spoolgate_fd(struct spoolgate *client);

/*
 * Take what came. Returns 1 when an answer may be another one than at the call before: a class was
 * opened, closed or delayed, the reply is another, the daemon came (so as a rule soon after the
 * first call) or went. 0 when not; -errno as spoolgate_fd(). Never blocks.
 */
int spoolgate_changed(struct spoolgate *client);

/* NULL is fine. No other thread may be in a call. */
void spoolgate_close(struct spoolgate *client);

#ifdef __cplusplus
}
#endif

#endif
