/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that is watched, together: the scout's replies, the kernel's bell, the
 * safety look, the mount table. Runs on the event loop.
 */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "watch/kernel.h"
#include "watch/scout.h"
#include "watch/sink.h"

struct event_base;
struct watch;

#define WATCH_SAFETY_NS (5 * NS_PER_S) /* a look at everything, whatever the kernel says */
#define WATCH_POLL_NS	(1 * NS_PER_S) /* what no working probe tells of */
#define WATCH_FIRST_LOOKS_NS \
	(2 * NS_PER_S) /* how long a start waits for canaries and first looks */

/*
 * Start watching what CONFIG names (borrowed until watch_reload or watch_stop). SCOUT has
 * been started before anything else was opened; SINK is copied. Where the kernel's
 * side cannot be had all is polled, and the log says so once. Returns 0 or -errno.
 */
int watch_start(struct watch **watch, struct event_base *base, const struct scout *scout,
		const struct config *config, const struct watch_sink *sink);
void watch_stop(struct watch *watch);

/*
 * Run the event loop until every filesystem has been looked at and every probe has proven
 * itself or been replaced by the next in its list; at most about WATCH_FIRST_LOOKS_NS a
 * round. To be called once, while the process still has its capabilities.
 */
void watch_settle(struct watch *watch);

/* Other filesystems to watch. Probes stay as they are. */
void watch_reload(struct watch *watch, const struct config *config);

/* Look at everything now: a deadline of the policy has come. */
void watch_sample(struct watch *watch);

/* Where SIGNAL comes from: a probe's name or "poll"; and where memory stalls come from. */
const char *watch_backend(const struct watch *watch, enum signal_id signal);
const char *watch_stall_backend(const struct watch *watch);

/* The kernel's side; NULL when BPF could not be had. */
struct kernel *watch_kernel(struct watch *watch);

/* How the filesystem at INDEX is watched, in words, for the banner at start. Returns BUF. */
char *watch_describe(const struct watch *watch, unsigned int index, char *buf, size_t size);

/* Who fills the filesystem at INDEX, the largest first. */
struct watch_writer {
	char cgroup[256]; /* its path, or "id:N" */
	char comm[17];
	uint64_t bytes_per_s;
};
#define WATCH_WRITERS 5

/* The path (by its index) that the filesystem of path INDEX is looked at by, and writers are of. */
unsigned int watch_primary(const struct watch *watch, unsigned int index);

/* Returns how many of WRITERS were filled in: WATCH_WRITERS at most, none without a probe. */
unsigned int watch_writers(struct watch *watch, unsigned int index,
			   struct watch_writer writers[WATCH_WRITERS]);

/* Bytes written since the last call to the filesystems that messages have to fit into. */
int64_t watch_written(struct watch *watch, int64_t now);

/* Look at those, as soon as may be. */
void watch_look_mail(struct watch *watch);

struct watch_counters {
	uint64_t looks;		/* answers from the scout with values */
	uint64_t late_looks;	/* that took longer than a second */
	uint64_t rings;		/* marks that rang */
	uint64_t ring_failures; /* that could not, for a full ring buffer */
	uint64_t dirtied_pages; /* on all watched filesystems */
	uint64_t reclaims;
	uint64_t scout_starts;
};
void watch_counters(const struct watch *watch, struct watch_counters *counters);

#endif
