/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's files under /proc. In a container another's may be mounted over them (lxcfs, by
 * FUSE): such a one can hang whoever reads it, be restarted and leave every descriptor of it dead.
 * So the daemon reads the kernel's own alone, and has the scout read what is not; and what cannot
 * be read any more is told, and counts for a while only.
 */
#ifndef WATCH_PROC_H
#define WATCH_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/units.h"
#include "watch/keyed.h"
#include "watch/scout.h"

enum proc_name {
	PROC_MEMINFO,
	PROC_VMSTAT,
	PROC_MEMORY_PRESSURE,
	PROC_IO_PRESSURE,
	PROC_FILES,
};

/* What was read last counts for so long: with a look every 5 s, less than a minute. */
#define PROC_COUNTS_NS (45 * NS_PER_S)

/* The scout is asked for a file this often at most, and takes long when it takes longer. */
#define PROC_GAP_NS  (900 * NS_PER_MS)
#define PROC_LATE_NS (5 * NS_PER_S)

struct procs;

struct proc_file {
	const char *path;
	const char *tells; /* what is known by it */
	struct procs *procs;
	unsigned int slot; /* the scout's */
	int fd;		   /* of the kernel's own; -1: none */
	bool foreign;	   /* something else is there: the scout reads it */
	uint64_t device;   /* of what is there */
	bool added;	   /* the scout has a thread for it */
	bool waiting;	   /* for the scout */
	uint64_t serial;
	int64_t asked_ns;
	int64_t read_ns; /* when it was last read; 0: never */
	int error;	 /* of the scout's last reply */
	bool said;	 /* that it cannot be read */
	bool said_lost;	 /* that what was read does not count any more */
	char *text;	 /* as the scout has read it; NULL: not yet */
};

struct procs {
	const struct scout *scout;
	bool ready; /* the scout is there */
	struct proc_file files[PROC_FILES];
};

void procs_open(struct procs *procs, const struct scout *scout);
void procs_close(struct procs *procs);

/* The mount table has changed: see what is there now. */
void procs_mounted(struct procs *procs);

/* The scout knows none of them (any more). */
void procs_add(struct procs *procs);

/* The scout's reply: its slot is SCOUT_FILES or above. True when there is something to sample. */
bool procs_reply(struct procs *procs, const struct scout_reply *reply);

/* A start need not wait: whatever the scout was asked for first is there. */
bool procs_are_in(const struct procs *procs);

/*
 * What FILE says into TEXT: now, or as the scout has read it about a second ago. -EAGAIN: it
 * cannot be had at the moment, and what was taken from it last counts; -ENODATA: it does not any
 * more. Never blocks.
 */
int proc_read(struct proc_file *file, int64_t now_ns, char text[KEYED_BYTES]);

#endif
