/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the id of a cgroup to its path. The id is the inode number of its directory; to open by
 * it would take a capability that we gave up, so the tree is searched.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/units.h"
#include "watch/cgroup.h"
#include "watch/cgroup_path.h"

#define SEARCH_NS   (5 * NS_PER_S)
#define DIRECTORIES 4096
#define DEPTH	    16

void cgroup_paths_init(struct cgroup_paths *paths)
{
	struct cgroup_mounts mounts;

	memset(paths, 0, sizeof(*paths));
	cgroup_find_now(&mounts);
	if (strlen(mounts.unified) >= sizeof(paths->mount))
		return;
	strcpy(paths->mount, mounts.unified);
	paths->device = mounts.unified_device;
}

/* PATH is grown and shrunk in place. True when it has become the directory with inode ID. */
static bool search(char path[CGROUP_PATH_SIZE], uint64_t id, unsigned int depth,
		   unsigned int *directories)
{
	size_t length = strlen(path);
	struct dirent *entry;
	struct stat st;
	bool found = false;
	DIR *directory;

	if (stat(path, &st))
		return false;
	if (st.st_ino == id)
		return true;
	if (!depth || !*directories || !(directory = opendir(path)))
		return false;
	(*directories)--;
	while (!found && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (snprintf(path + length, CGROUP_PATH_SIZE - length, "/%s", entry->d_name) <
		    (int)(CGROUP_PATH_SIZE - length))
			found = search(path, id, depth - 1, directories);
		if (!found)
			path[length] = '\0';
	}
	closedir(directory);
	return found;
}

static const char *recall(const struct cgroup_paths *paths, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < CGROUP_PATHS; i++)
		if (paths->known[i].id == id)
			return paths->known[i].path;
	return NULL;
}

static const char *find(struct cgroup_paths *paths, uint64_t id)
{
	unsigned int directories = DIRECTORIES, place = paths->next;
	char path[CGROUP_PATH_SIZE];

	strcpy(path, paths->mount);
	/* What is mounted over it may hang. */
	if (!cgroup_is_mounted(path, paths->device) || !search(path, id, DEPTH, &directories))
		return NULL;
	paths->next = (place + 1) % CGROUP_PATHS;
	paths->known[place].id = id;
	strcpy(paths->known[place].path,
	       path[strlen(paths->mount)] ? path + strlen(paths->mount) : "/");
	return paths->known[place].path;
}

char *cgroup_path(struct cgroup_paths *paths, uint64_t id, int64_t now_ns, char *buf, size_t size)
{
	const char *known = recall(paths, id);

	if (!known && paths->mount[0] &&
	    (!paths->searched_ns || now_ns - paths->searched_ns >= SEARCH_NS)) {
		known = find(paths, id);
		/* What is not there any more would be searched for at every request. */
		if (!known)
			paths->searched_ns = now_ns;
	}
	if (known)
		snprintf(buf, size, "%s", known);
	else
		snprintf(buf, size, "id:%" PRIu64, id);
	return buf;
}
