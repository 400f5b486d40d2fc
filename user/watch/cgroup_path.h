/* SPDX-License-Identifier: GPL-2.0-only */
/* From the id of a cgroup (v2) to its path, for people. */
#ifndef WATCH_CGROUP_PATH_H
#define WATCH_CGROUP_PATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATHS	 32
#define CGROUP_PATH_SIZE 256

struct cgroup_paths {
	char mount[CGROUP_PATH_SIZE]; /* "" when there is no v2 hierarchy */
	dev_t device;
	int64_t searched_ns;
	unsigned int next; /* place to be replaced */
	struct {
		uint64_t id;
		char path[CGROUP_PATH_SIZE];
	} known[CGROUP_PATHS];
};

/* Find the mount. */
void cgroup_paths_init(struct cgroup_paths *paths);

/*
 * The path of cgroup ID below the mount ("/system.slice/postfix.service"; "/" for the root), or
 * "id:N" when it is gone. Searched at most once in five seconds, and never more than 4096
 * directories; what was found is remembered. Returns BUF.
 */
char *cgroup_path(struct cgroup_paths *paths, uint64_t id, int64_t now_ns, char *buf, size_t size);

#endif
