/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mail server's cgroup: its memory, as the same resources as the host's, beside them, at
 * index 1; and whose fsyncs the kernel is to count, which are its own. The cgroup comes and goes
 * with its service, and its absence is no error.
 */
#ifndef WATCH_CGROUP_WATCH_H
#define WATCH_CGROUP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/cgroup.h"
#include "watch/psi.h"
#include "watch/sink.h"

struct event_base;
struct kernel;

#define CGROUP_INDEX 1 /* the host's is 0 */

/* Recent kills, by the time they were seen. Of more than there is room for the last are kept. */
#define CGROUP_RECENT 64

struct cgroup_count {
	bool begun;	   /* what is there first has no known time, and is not counted */
	unsigned int seen; /* entries of BEFORE */
	struct cgroup_kills before[CGROUP_KILLS];
	unsigned int next;
	int64_t kill_ns[CGROUP_RECENT];
};

struct cgroup_watch {
	struct event_base *base;
	struct kernel *kernel; /* may be NULL */
	const struct watch_sink *sink;
	void (*hurry)(void *context);
	void *hurry_context;
	char path[PATH_MAX]; /* "": none is watched */
	struct cgroup_mounts mounts;
	int64_t found_ns; /* when they were */
	int64_t host_bytes;
	struct psi psi;
	uint64_t psi_id; /* the cgroup that PSI was opened for; 0: closed */
	struct cgroup_count kills;
	int64_t sampled_ns;
	int64_t hurry_until_ns;
	bool near; /* little is left before the next level */
	bool said_missing;
	bool said_unaccounted;
	bool said_unlimited;
	bool said_host;
	bool said_many;
	bool said_cut;
	bool said_all_syncs;
};

/*
 * Watch the cgroup at PATH ("": none) from now on, in place of another. HURRY is called when
 * its PSI trigger fired: cgroup_watch_hurried() has become true.
 */
void cgroup_watch_open(struct cgroup_watch *watch, struct event_base *base, struct kernel *kernel,
		       const struct watch_sink *sink, void (*hurry)(void *context), void *context);
void cgroup_watch_path(struct cgroup_watch *watch, const char *path);
void cgroup_watch_close(struct cgroup_watch *watch);

/* Read everything and tell the sink; judging is left to the caller. Does not block. */
void cgroup_watch_sample(struct cgroup_watch *watch);

/* A kill or a stall was told: look before the service manager has removed the cgroup. */
void cgroup_watch_ring(struct cgroup_watch *watch);

/* A sample a second is called for. */
bool cgroup_watch_hurried(const struct cgroup_watch *watch, int64_t now_ns);

/*
 * Take what was read at NOW. Returns the kills that were seen in the last 60 s, those of cgroups
 * that are gone meanwhile included. Pure.
 */
int64_t cgroup_count_kills(struct cgroup_count *count, const struct cgroup_kills kills[],
			   unsigned int made, int64_t now_ns);

#endif
