/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helper processes: started, kept, and started again when they die, hang or are stopped, once for
 * all that there are. The daemon can start nothing any more when it serves: a keeper does, which is
 * forked first, holds what the helpers need of privileges, and touches no filesystem. It is told
 * which of the children that it knows from its start is wanted, and with which descriptors. What it
 * starts is the daemon's own child, so that the daemon hears how each one ended.
 */
#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/passing.h"

#define CHILDREN       16
#define CHILD_NOT_HERE 77 /* its exit status when it could not give up what it must */
#define CHILD_FDS      8

struct event;
struct event_base;
struct children;

struct child {
	/* Filled in before children_start(), and the keeper's from then on, too. */
	const char *name;    /* in log and status: "filer" */
	const char *process; /* the process's: "spoolgate-file" */
	const char *loss;    /* "no override is kept": in the log, while it is away */
	/* In the process: give up what it does not need. Returns 0 or -errno. */
	int (*shed)(const char *user);
	const char *user;
	void (*run)(const struct child *child); /* in the process: to its end */
	void *data;
	/* In the keeper, each second: what was STARTED with GIVEN does not go on. Or NULL. */
	bool (*hangs)(const int given[CHILD_FDS], int64_t started_ns);
	int own_fd; /* of the daemon's before children_start(), which it has, too; 0: none */
	bool lasts; /* it goes on without the daemon, to the end of what it was asked */
	bool once;  /* it ends by itself, and is not started again */
	/* In the daemon: there is another process now, or (ONCE) there is none. Or NULL. */
	void (*changed)(void *context);
	void *context;

	bool late; /* set by who waits for it: it takes long */

	/* To be read. */
	int fd;		      /* to the other end, of sequenced packets; -1: it wants none */
	int given[CHILD_FDS]; /* in the process: the descriptors that it was started with */
	uint64_t deaths;      /* that nobody asked for */

	/* child.c's own. */
	struct children *all;
	unsigned int number;
	int other_fd; /* the process's end */
	bool wanted;
	bool renewed;	    /* it was asked to end, to be started with other descriptors */
	bool told;	    /* the log has its end, and not yet the next one's start */
	bool said;	    /* that it is away for long */
	uint32_t starts;    /* that the log has */
	int64_t away_ns;    /* since when there is no process; 0: there is one */
	int64_t stopped_ns; /* since when it is stopped; 0: it is not */
};

/* What the keeper tells of each, in memory of both. */
struct child_state {
	pid_t pid, former_pid;
	uint32_t starts;
};

struct children {
	struct child *list[CHILDREN];
	unsigned int count;
	struct child_state *states; /* shared */
	pid_t keeper;
	int lifeline;
	bool keeper_stopped;
	bool failed; /* the keeper is gone: nothing is kept, end */
	struct event_base *base;
	struct event *lifeline_event, *signal_event, *timer;
};

/* A child of whom all are told at the start; it is not started yet. NO_CHANNEL: it wants none. */
void children_add(struct children *children, struct child *child, bool no_channel);

/*
 * Start the keeper, first of all: it inherits what is open. SHED leaves it what the children's own
 * need, or is NULL. Returns 0 or -errno.
 */
int children_start(struct children *children, int (*shed)(const char *user), const char *user);

/* Hear from the keeper and of the children's ends. Returns 0 or -errno. */
int children_attach(struct children *children, struct event_base *base);

/*
 * CHILD is wanted, with COUNT descriptors: one that is there is ended first. The caller's own
 * descriptors stay the caller's. Returns 0 or -errno.
 */
int child_start(struct child *child, const int *fds, unsigned int count);

/* CHILD is not wanted any more, and the keeper lets go of its descriptors. */
void child_end(struct child *child);

/* Should CHILD be dead and not to be waited for, as a thread of it hangs in the kernel: start it.
 */
void child_check(struct child *child);

/* "away", "stopped", "late" or "running"; and since when it is not, in *SINCE_NS. */
const char *child_state(const struct child *child, int64_t *since_ns);

/* The daemon ends: all that does not last is ended, and what lasts waited for, for half a second.
 */
void children_stop(struct children *children);

/* keeper.c's: the process, until the other end of LIFELINE is closed. */
enum keeper_order {
	KEEPER_START, /* with descriptors */
	KEEPER_END,
	KEEPER_AGAIN, /* end it, and start another one */
	KEEPER_CHECK,
};
struct keeper_request {
	unsigned int number;
	enum keeper_order order;
};
void keeper(const struct children *children, int lifeline, pid_t daemon) __attribute__((noreturn));

#endif
