/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether mail can be written at a watched path, by what the scout's write probes came to, and when
 * the next one with sync is due. A page is written at every safety look; waiting for the disk is
 * for a thread of its own, and seldom where the disk is slow.
 */
#ifndef WATCH_WRITABLE_H
#define WATCH_WRITABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/units.h"
#include "watch/write_probe.h"

struct filesystem;
struct scout_reply;

#define WRITABLE_IDLE_NS    (30 * NS_PER_S)   /* between two syncs where nobody writes */
#define WRITABLE_CHEAP_NS   (500 * NS_PER_MS) /* slower ones are so far apart, too */
#define WRITABLE_BUSY_PAGES 8		      /* dirtied since the last probe: others write */
#define WRITABLE_LATE_NS    (1 * NS_PER_S)  /* a sync under way is looked after every second then */
#define WRITABLE_STUCK_NS   (10 * NS_PER_S) /* and hung: its disk completed no other so long */
#define WRITABLE_HUNG_NS    (30 * NS_PER_S) /* where it cannot be seen what the disk does */
#define WRITABLE_TICK_NS    (7 * NS_PER_S)  /* safety looks are closer: we were stopped */
#define WRITABLE_FAILED_NS  (5 * NS_PER_S)  /* between two where it has failed for longer */
#define WRITABLE_ERROR_NS   (60 * NS_PER_S) /* after an error every tick writes and syncs so long */

struct writable {
	int error; /* the errno with which mail cannot be written; 0: it can be, or not known */
	int64_t since_ns;	  /* since when */
	bool proven;		  /* the directory's owner could write in it, once */
	bool reached;		  /* and could come there */
	struct write_probe_as as; /* that owner, who is to be able to still */
	bool said_denied;	  /* the log has it that its owner cannot */
	bool named;	   /* trial files have names there: a directory's lock holds them up */
	bool said_held;	   /* the log has it that one is */
	uint64_t serial;   /* of the probe with sync that is under way; 0: none */
	int64_t sent_ns;   /* when it was sent, or the last one */
	int64_t took_ns;   /* the last one */
	int64_t waited_ns; /* for the one under way, and the disk completed nothing meanwhile */
	int64_t tick_ns;   /* when that was seen last */
	uint64_t pages;	   /* dirtied on the filesystem when the last probe came back */
	int64_t writes;	   /* that the disk had completed then; -1: it cannot be seen */
};

/* Another filesystem is at the path, or none: nothing is known. */
void writable_void(struct filesystem *fs);

/* A probe came back: of a touch, or with SYNCED of one that waited for the disk. */
void writable_take(struct filesystem *fs, const struct write_probe *probe, bool synced);

/* The scout's reply to a probe with sync. */
void writable_reply(struct filesystem *fs, const struct scout_reply *reply);

/*
 * The sync under way does not come back for a disk that hangs: at NOW it has completed so many
 * writes, or -1.
 */
bool writable_hangs(struct writable *writable, int64_t completed, int64_t now);

/* Send a probe with sync if one is due. SAFETY: it is time for a safety look. */
void writable_tick(struct filesystem *fs, bool safety);

/* A reload: who owns the directory now may be the right one. */
void writable_forget_owner(struct filesystem *fs);

/* The kernel told of an error on FS's filesystem: send one for each path on it now. */
void writable_suspect(struct filesystem *fs);

/* The one under way takes its time. */
bool writable_is_late(const struct filesystem *fs);

/* Mail cannot be written, or lately something went wrong: looks at it write, too. */
bool writable_is_suspect(const struct filesystem *fs);

#endif
