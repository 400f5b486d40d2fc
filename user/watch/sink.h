/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the watchers put what they see, and the one question they ask back. */
#ifndef WATCH_SINK_H
#define WATCH_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/resource.h"

/*
 * INDEX is the filesystem's or the queue's in the configuration, 0 for the host, CGROUP_INDEX
 * for the memory of the mail server's cgroup. All calls come from the
 * event loop.
 */
struct watch_sink {
	void *context;

	/* So much of the object can be free at most; 0: it cannot be seen now. Before its value. */
	void (*capacity)(void *context, enum resource_id id, unsigned int index, int64_t capacity);

	/* Why its value is what it is: an errno, or 0 where the value says all. Before its value. */
	void (*cause)(void *context, enum resource_id id, unsigned int index, int error);

	/* A value was seen, of an object of SIZE (0 where it has none), by BACKEND (static). */
	void (*value)(void *context, enum resource_id id, unsigned int index, int64_t value,
		      int64_t size, const char *backend);

	/* The object has no such value now. */
	void (*absent)(void *context, enum resource_id id, unsigned int index);

	/* The object has not answered since SINCE_NS. */
	void (*stalled)(void *context, enum resource_id id, unsigned int index, int64_t since_ns);

	/*
	 * All values of one look are in: judge them. Called before marks are set, since
	 * distance() is asked next.
	 */
	void (*judge)(void *context);

	/* A mail server's queue directory is on the filesystem at INDEX. */
	void (*queue)(void *context, unsigned int index);

	/* Filesystems were mounted or unmounted. */
	void (*mounts)(void *context);

	/*
	 * How far the resource is from its next higher level, in its own unit; INT64_MAX
	 * when there is none.
	 */
	int64_t (*distance)(void *context, enum resource_id id, unsigned int index);

	/* How far the resource is from level high; INT64_MAX when it has none. */
	int64_t (*room)(void *context, enum resource_id id, unsigned int index);

	/*
	 * Some resource is above normal (no mark tells of a deletion, and senders wait), or a
	 * filesystem fills fast: look every second then.
	 */
	bool (*pressed)(void *context);
};

#endif
