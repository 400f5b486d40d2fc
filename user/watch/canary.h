/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The canary: one real write in a watched filesystem, to see whether the kernel tells of it,
 * and which device it is charged to. A probe can attach and never fire.
 */
#ifndef WATCH_CANARY_H
#define WATCH_CANARY_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

struct event;
struct filesystem;
struct scout_reply;

/* What a canary found out about the probes on a filesystem. */
enum proof {
	PROOF_PENDING,	/* no canary has come back yet */
	PROOF_FIRED,	/* the kernel told of the write, and of which device */
	PROOF_SILENT,	/* the write went through and the kernel told nothing: poll */
	PROOF_UNPROVEN, /* no write was possible (full, read-only, slow): poll beside the probe */
};

#define CANARY_LATE_NS	(1 * NS_PER_S)	/* a probe is taken for unproven until it comes back */
#define CANARY_RETRY_NS (60 * NS_PER_S) /* an unproven probe is tried again */

struct canary {
	enum proof proof;
	bool wanted;
	uint64_t added;	 /* the serial with which its thread was asked for */
	uint32_t tid;	 /* the thread; 0: it has not answered yet */
	uint64_t serial; /* of the request under way; 0: none */
	int64_t sent_ns;
	uint32_t device;       /* as the kernel holds it; 0: not known */
	bool fired[WRITES];    /* which ways of writing it was heard on */
	bool syncs_heard;      /* its fsync was */
	uint64_t base[WRITES]; /* the ledger's counts before it */
	uint64_t base_syncs;
	struct event *late_timer;
};

int canary_open(struct filesystem *fs);
void canary_close(struct filesystem *fs);

/* What was learned is void: another filesystem may be at the path, or another probe is attached. */
void canary_void(struct filesystem *fs);

/* Send it if it is wanted, or due again, and possible. */
void canary_tick(struct filesystem *fs);

/* The scout's reply to it, or the word that its thread is there. */
void canary_reply(struct filesystem *fs, const struct scout_reply *reply);

#endif
