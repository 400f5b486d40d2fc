/* SPDX-License-Identifier: GPL-2.0-only */
/* What watch.c (the events) and watch_report.c (what there is to tell of them) share. */
#ifndef WATCH_INTERNAL_H
#define WATCH_INTERNAL_H

#include "watch/cgroup_path.h"
#include "watch/cgroup_watch.h"
#include "watch/filesystem.h"
#include "watch/io.h"
#include "watch/loader.h"
#include "watch/memory.h"
#include "watch/proc.h"
#include "watch/queue.h"
#include "watch/unwatched.h"
#include "watch/watch.h"
#include "watch/writers.h"
#include "watch/written.h"

struct watch {
	struct filesystem_set set;
	struct filesystem filesystems[CONFIG_FILESYSTEMS];
	struct queue_set queues;
	struct procs procs;
	struct unwatched unwatched;
	struct memory memory;
	struct cgroup_watch cgroup;
	struct io io;
	struct writers writers;
	struct written written;
	struct cgroup_paths cgroup_paths;
	struct watch_sink sink;
	struct event *bell_event;
	struct event *scout_event;
	struct event *tick_event;
	struct event *mounts_event;
	struct loader loader;
	struct event *loader_event;
	int mounts_fd;
	int mounts_epoll_fd;
	int64_t safety_ns; /* when the last safety look was */
	int64_t tick_ns;   /* when the last tick was, safety or not */
	uint64_t rings;
	uint64_t scout_starts;
	bool settled;
};

/* The kernel's side: open it, and have its programs attached (programs.c). */
void programs_open(struct watch *watch);
void programs_close(struct watch *watch);

/* When to tick next: a safety look is due, or something is urgent. Nothing before the start is
 * over. */
void watch_set_tick(struct watch *watch);

#endif
