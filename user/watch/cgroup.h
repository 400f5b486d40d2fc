/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel tells of the memory of one cgroup, by v1's or v2's files. No state: each
 * call opens what it reads by its path, since a service that is restarted has another
 * cgroup under the same name. None of this is on a disk, so it cannot hang; what may be mounted
 * over it is not the kernel's, and can: cgroup_are_mounted().
 */
#ifndef WATCH_CGROUP_H
#define WATCH_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_mounts {
	char memory[PATH_MAX];	/* where memory is accounted; "": nowhere */
	char unified[PATH_MAX]; /* v2, which knows pressure, whoever accounts memory; "": none */
	dev_t memory_device;
	dev_t unified_device;
	bool v1;	      /* `memory` is v1's */
	bool kills_by_cgroup; /* the kernel does not add up the kills of a subtree: we do */
};

/* What is seen at POINT now is on DEVICE: nothing else is mounted over it. Never hangs. */
bool cgroup_is_mounted(const char *point, dev_t device);

/*
 * Find them in the text of /proc/self/mountinfo: the first mount of a whole hierarchy; where there
 * is none, of a part. Only where IS_MOUNTED says so.
 */
void cgroup_find(struct cgroup_mounts *mounts, const char *mountinfo,
		 bool (*is_mounted)(const char *point, dev_t device));

/* Of a mount table that is longer than this the rest is not read; a host of containers has 650 KiB.
 */
#define CGROUP_MOUNTINFO_BYTES (16 * 1024 * 1024)

/* Find them as they are mounted now. False when the mount table is too long to be read to its end.
 */
bool cgroup_find_now(struct cgroup_mounts *mounts);

/* All that was found is still what is seen there. */
bool cgroup_are_mounted(const struct cgroup_mounts *mounts);

/*
 * A name for the cgroup that is at PATH in the hierarchy mounted at MOUNT now; 0: there is
 * none. One that is created anew under the same path has another.
 */
uint64_t cgroup_id(const char *mount, const char *path);

/*
 * PATH is "/", and that of the host: it has no limit, and all processes are in it. In a container
 * "/" is the container's.
 */
bool cgroup_is_host(const struct cgroup_mounts *mounts, const char *path);

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
 * What the cgroup at PATH may still take: the least of what it and the cgroups it is in may, that
 * at the mount point included, as far as they can be seen. v2's memory.high is a limit as
 * memory.max is: above it the kernel lets processes stand still, and kills none. The page cache is
 * not in use: limit less usage and cache. Limits of HOST_BYTES or more are none. Returns 0, -ENOENT
 * when it is not there, or -ENODATA when its memory is not accounted.
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
