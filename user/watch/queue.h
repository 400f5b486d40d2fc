/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lengths of the queues: when to have the scout count, and what comes of it. The daemon
 * itself never touches a queue.
 */
#ifndef WATCH_QUEUE_H
#define WATCH_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "watch/filesystem.h"
#include "watch/scout.h"

/* A round of a count is asked for this often at most, when something may have changed. */
#define QUEUE_ROUND_NS (5 * NS_PER_S)

/* Deletions and renames dirty no page: without a word from the ledger, look all the same. */
#define QUEUE_UNTOLD_NS (30 * NS_PER_S)

/* A start waits so long for first counts. */
#define QUEUE_FIRST_NS (2 * NS_PER_S)

/* A count that takes longer is told. It may be right: a million files on a cold, slow disk. */
#define QUEUE_LATE_NS (60 * NS_PER_S)

/*
 * All queues together may use up to 1/200 of a core, and each keep a disk busy up to 1/20 of
 * the time: so long is rested after a round.
 */
#define QUEUE_CPU_PARTS	 200
#define QUEUE_WALL_PARTS 20

struct queue {
	unsigned int index; /* in the configuration; the slot follows from it */
	uint32_t operation; /* the request under way; 0: none */
	uint64_t serial;
	int64_t asked_ns;
	int64_t due_ns;		/* not before */
	uint64_t device;	/* st_dev of the tree */
	uint64_t dirtied_pages; /* of its filesystem, before the last count was asked for */
	bool told;		/* the ledger tells of writes to it */
	bool behind;
	bool counted; /* once at least since it was there */
	bool late;
	bool said_missing;
	bool said_clipped;
	bool said_unreadable;
	bool said_elsewhere;
};

struct queue_set {
	struct filesystem_set *filesystems;
	unsigned int count;
	struct queue queues[CONFIG_QUEUES];
};

/* The queues of FILESYSTEMS' configuration, in place of those there were. */
void queues_open(struct queue_set *set, struct filesystem_set *filesystems);

/* FILESYSTEMS has another configuration than BEFORE: other queues are counted anew. */
void queues_reload(struct queue_set *set, const struct config *before);

/* The scout knows none of them (any more): have all counted. */
void queues_add(struct queue_set *set);

/* Have those counted that are due. PRESSED: a level waits for them to drain. */
void queues_tick(struct queue_set *set, bool pressed);

/* The scout's reply to a request of ours: its slot is SCOUT_QUEUES or above. */
void queues_reply(struct queue_set *set, const struct scout_reply *reply);

/* A start need not wait: no first count is under way, or it has taken QUEUE_FIRST_NS. */
bool queues_are_in(const struct queue_set *set);

/* How long after a round that took so much no other of this queue, one of QUEUES, may begin. Pure.
 */
int64_t queue_rest_ns(int64_t cpu_ns, int64_t wall_ns, unsigned int queues);

#endif
