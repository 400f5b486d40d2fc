/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scout: the child process that touches the watched filesystems, so that the process
 * which holds the kernel programs never does. A thread that hangs on a dead disk keeps
 * its whole process, and with it every descriptor, alive past kill -9.
 *
 * The daemon sends requests and gets one reply for each, in any order between slots; a
 * slot has at most one request under way.
 */
#ifndef WATCH_SCOUT_H
#define WATCH_SCOUT_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/child.h"
#include "common/config.h"
#include "watch/keyed.h"
#include "watch/look.h"
#include "watch/tree.h"
#include "watch/write_probe.h"

/*
 * A slot for each filesystem and, after those, for each queue, for files that may hang, and for
 * each spool that there may be.
 */
#define SCOUT_QUEUES	 CONFIG_FILESYSTEMS
#define SCOUT_FILES	 (SCOUT_QUEUES + CONFIG_QUEUES)
#define SCOUT_FILES_MOST 4
#define SCOUT_SPOOLS	 (SCOUT_FILES + SCOUT_FILES_MOST)
#define SCOUT_SLOTS	 (SCOUT_SPOOLS + CONFIG_SPOOLS)

/* CPU time that a round of a count may take, but for the first, which is made in one go. */
#define SCOUT_COUNT_NS (25 * NS_PER_MS)

enum scout_operation {
	SCOUT_ADD =
		1,   /* watch `path` in this slot from now on; replied with a look, count or text */
	SCOUT_LOOK,  /* statfs */
	SCOUT_TOUCH, /* a write probe that does not wait for the disk, and statfs */
	SCOUT_CANARY,	  /* the canary, in a thread of its own: it may be slow */
	SCOUT_WRITE,	  /* a write probe with sync, in that thread, too */
	SCOUT_WRITE_MAIL, /* the same of WRITE_PROBE_MAIL bytes */
	SCOUT_COUNT,	  /* a round of counting a queue's files */
	SCOUT_READ,	  /* a file */
	SCOUT_FIND,	  /* is there a `path`? Replied with a look at it, which writes nothing */
	SCOUT_READY,	  /* from the scout only: the slot's canary thread is there */
	SCOUT_HELLO,	  /* from the scout only: a new process is there and knows no slot */
};

struct scout_request {
	uint32_t operation;
	uint32_t slot;
	uint64_t serial; /* comes back in the reply */
	struct write_probe_as as;
	uint32_t device; /* as the kernel holds it, learned by the canary; 0: not known */
	char path[PATH_MAX];
};

struct scout_reply {
	uint32_t operation;
	uint32_t slot;
	uint64_t serial;
	int32_t error;	  /* 0 or -errno */
	uint32_t tid;	  /* the thread that answers */
	struct look look; /* of a filesystem */
	struct write_probe write;
	struct tree_count count; /* of a queue */
	uint32_t length;	 /* of the text, which ends the message */
	char text[KEYED_BYTES];	 /* of a file */
};

struct scout {
	struct child *child;
};

/* Make CHILD a scout, before the keeper is started. */
void scout_child(struct scout *scout, struct child *child);

/*
 * Send a request; PATH only for SCOUT_ADD and SCOUT_FIND; for a filesystem AS (who writes; else
 * NULL) and DEVICE (where the canary has learned it; else 0). Returns 0 or -errno (-EAGAIN: its
 * queue is full).
 */
int scout_send(const struct scout *scout, enum scout_operation operation, unsigned int slot,
	       uint64_t serial, const struct write_probe_as *as, uint32_t device, const char *path);

/* Take one reply. Returns 0, -EAGAIN when there is none, -EPIPE when it cannot be one. */
int scout_receive(const struct scout *scout, struct scout_reply *reply);

/* Should it be dead: it cannot be told by waiting when a thread hangs. */
void scout_check(const struct scout *scout);

/* The scout's side: serve requests on FD until its end (scout_process.c). Does not return. */
void scout_process(const struct child *child);

#endif
