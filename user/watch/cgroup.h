/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tells of the memory of one cgroup, by v1's or v2's files. No state: each
 * call opens what it reads by its path, since a service that is restarted has another
 * cgroup under the same name. None of this is on a disk, so it cannot hang.
 */
#ifndef WATCH_CGROUP_H
#define WATCH_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct cgroup_mounts {
	char memory[PATH_MAX];	/* where memory is accounted; "": nowhere */
	char unified[PATH_MAX]; /* v2, which knows pressure, whoever accounts memory; "": none */
	bool v1;		/* `memory` is v1's */
	bool kills_by_cgroup;	/* the kernel does not add up the kills of a subtree: we do */
};

/*
 * Find them in the text of /proc/self/mountinfo: the first mount of a whole hierarchy; where there
 * is none, of a part.
 */
void cgroup_find(struct cgroup_mounts *mounts, const char *mountinfo);

/*
 * A name for the cgroup that is at PATH in the hierarchy mounted at MOUNT now; 0: there is
 * none. One that is created anew under the same path has another.
 */
uint64_t cgroup_id(const char *mount, const char *path);

/*
 * The id under which kernel programs know the tasks of the cgroup at PATH: v2's. SYNCS_OF_ALL
 * when they know none (it is v1's alone), SYNCS_OF_NONE when it is not there.
 */
uint64_t cgroup_tasks(const struct cgroup_mounts *mounts, const char *path);

struct cgroup_memory {
	int64_t available_bytes; /* limit - (usage - page cache), of the level where that is least
				  */
	int64_t limit_bytes;	 /* of that level; 0: no level is limited */
};

/*
 * What the cgroup at PATH may still take: the least of what it and the cgroups it is in may.
 * The page cache is not in use: limit less usage and cache. Limits of HOST_BYTES or more are none.
 * Returns 0, -ENOENT when it is not there, or -ENODATA when its memory is not accounted.
 */
int cgroup_read_memory(const struct cgroup_mounts *mounts, const char *path, int64_t host_bytes,
		       struct cgroup_memory *memory);

#define CGROUP_KILLS 128 /* cgroups of a subtree */
#define CGROUP_DEPTH 8

/* How many processes of a cgroup were OOM-killed since it was created. */
struct cgroup_kills {
	uint64_t id;
	int64_t count;
};

/*
 * The kills in the cgroup at PATH: its own and, where the kernel does not add them up, those of
 * up to CGROUP_KILLS cgroups in it, CGROUP_DEPTH deep. Returns how many entries it has made.
 */
unsigned int cgroup_read_kills(const struct cgroup_mounts *mounts, const char *path,
			       struct cgroup_kills kills[CGROUP_KILLS]);

#endif
