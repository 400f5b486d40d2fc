/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's memory: what is available, how much of the time everything waits for it,
 * and OOM kills.
 */
#ifndef WATCH_MEMORY_H
#define WATCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/kernel.h"
#include "watch/proc.h"
#include "watch/psi.h"
#include "watch/reclaim.h"
#include "watch/sink.h"
#include "watch/window.h"

struct event_base;

#define MEMORY_KILLS 64

struct memory {
	const struct watch_sink *sink;
	void (*hurry)(void *context);
	void *hurry_context;
	struct kernel *kernel; /* may be NULL */
	struct procs *procs;
	struct psi psi;
	struct reclaim reclaim;	       /* where PSI is off */
	struct window window;	       /* of that */
	int64_t hurry_until_ns;	       /* sample every second until then: something rang */
	int64_t kills_seen;	       /* vmstat's counter at the last sample; -1: not read yet */
	int64_t kill_ns[MEMORY_KILLS]; /* times of the last kills */
	bool near;		       /* little is left before the next level */
	bool said_unknown;	       /* that meminfo does not tell what is available */
};

/*
 * Set the PSI trigger, where the kernel has one. HURRY is called when it fired: memory_hurried()
 * has become true.
 */
void memory_open(struct memory *memory, struct event_base *base, struct kernel *kernel,
		 struct procs *procs, const struct watch_sink *sink, void (*hurry)(void *context),
		 void *hurry_context);
void memory_close(struct memory *memory);

/* Read everything and tell the sink. Does not block. */
void memory_sample(struct memory *memory);

/* The kernel rang about memory: sample now, and every second for a while. */
void memory_ring(struct memory *memory);

/* A sample a second is called for. */
bool memory_hurried(const struct memory *memory, int64_t now_ns);

/* Where the stall times come from: "psi-trigger", "poll" or the reclaim probe's name. */
const char *memory_stall_backend(const struct memory *memory);

#endif
