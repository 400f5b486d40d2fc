/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libspoolgate share among themselves; see spoolgate.h for the rest. */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

#include "admission_page.h"
#include "spoolgate.h"

#define LIB_SECOND_NS	INT64_C(1000000000)
#define LIB_PATIENCE_NS LIB_SECOND_NS /* of a call in which the socket is asked, all together */

#define LIB_PUBLIC __attribute__((visibility("default")))

/* What was last told by spoolgate_changed(). */
struct lib_snapshot {
	uint64_t known; /* and no padding: snapshots are compared byte by byte */
	struct admission_page_class classes[ADMISSION_PAGE_CLASSES];
	char replies[ADMISSION_PAGE_CLASSES][ADMISSION_PAGE_REPLY];
};

/*
 * What threads have in common, on a page of its own that the child of a fork(2) finds zeroed
 * (MADV_WIPEONFORK): a lock that another thread held at the fork would be held for ever there. A
 * pthread_mutex_t of zeroes is one that nobody holds, and 0 is nobody's process.
 */
struct lib_shared {
	pthread_mutex_t page_lock;		  /* whose is the right to map another page */
	pthread_mutex_t asker_lock, changes_lock; /* guard the structs of that name */
	pid_t asker_owner, changes_owner;	  /* the processes that opened what is in them */
};

struct spoolgate {
	/* Always mapped, always here: zeroes until there is one, then the youngest there was. */
	const struct admission_page *page;
	int64_t retry_ns;    /* nobody is asked before, unless the page's pulse changes; atomic */
	uint64_t pulse_then; /* when that was set; atomic */
	int error;	     /* why; atomic */
	struct sockaddr_un address;
	struct lib_shared *shared;

	struct {
		int stream; /* -1: none */
	} asker;

	struct {
		int epoll; /* -1: nobody wants to know; has the others in it */
		int timer;
		int stream;	  /* a watcher's; -1: none */
		int64_t retry_ns; /* not connected before */
		struct lib_snapshot told;
	} changes;
};

/* CLOCK_MONOTONIC; the coarse one is some ms late and never a system call. */
static inline int64_t lib_now_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * LIB_SECOND_NS + now.tv_nsec;
}

static inline int64_t lib_now(void)
{
	return lib_now_of(CLOCK_MONOTONIC);
}

static inline int64_t lib_now_coarse(void)
{
	return lib_now_of(CLOCK_MONOTONIC_COARSE);
}

/* page.c: what the page says of a class. */
struct lib_offer {
	enum admission_page_verdict verdict;
	unsigned int delay_s;
	int64_t size_max;
	bool by_address;
};

/*
 * Read CLASS from PAGE; REPLY (ADMISSION_PAGE_REPLY bytes) is "" unless it defers. Returns 0,
 * -ESTALE when the page is past its time or cannot be read whole, or -EPROTO when it says what no
 * daemon says: nothing is known then. Thread-safe, no system call, no lock.
 */
int lib_page_read(const struct admission_page *page, unsigned int class, struct lib_offer *offer,
		  char *reply);

/* Another number each time the daemon has written to PAGE: it was alive since. Thread-safe. */
uint64_t lib_page_pulse(const struct admission_page *page);

/* All that matters to those who were told of an answer. */
void lib_page_snapshot(const struct admission_page *page, struct lib_snapshot *snapshot);

/* The page of DESCRIPTOR (closed in any case) becomes the client's, if it is one, and younger. */
int lib_page_take(struct spoolgate *client, int descriptor);

/* stream.c: a connection to the daemon. All are bounded by DEADLINE_NS; 0: no waiting at all. */
int lib_connect(const struct sockaddr_un *address, int64_t deadline_ns);
int lib_send(int stream, const char *text, size_t length, int64_t deadline_ns);
/* Returns bytes, 0 at the end of input, or -errno; *DESCRIPTOR is -1 when none came. */
ssize_t lib_receive(int stream, char *buffer, size_t size, int *descriptor, int64_t deadline_ns);

/* ask.c: as spoolgate_admission_from(), by the socket; ADMISSION NULL: as spoolgate_ended(). */
int lib_ask(struct spoolgate *client, unsigned int class, int64_t size, const char *address,
	    struct spoolgate_admission *admission);
void lib_accept(struct spoolgate_admission *admission, bool known);

/*
 * answer.c: what a daemon may say, wherever it says it. A reply is FROM, of ADMISSION_PAGE_REPLY
 * bytes at a multiple of 8 that may change under our hands: "4xx TEXT", printable ASCII and a NUL.
 * It is sent to strangers, so what is not one leaves "" in TO.
 */
bool lib_reply_take(char *to, const char *from);
bool lib_delay_is_valid(unsigned long delay_s);
/* "accept", "delay 10", "defer 452 …", without line end. Returns 0 or -EPROTO. */
int lib_answer_parse(const char *line, struct spoolgate_admission *admission);

/* changes.c */
void lib_changes_close(struct spoolgate *client);

#endif
