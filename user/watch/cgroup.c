/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of one cgroup, in the kernel's files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "watch/cgroup.h"
#include "watch/keyed.h"

#include "ledger.h"

/* How the two versions say the same. */
struct dialect {
	const char *limit, *usage;
	const char *throttle;	       /* where the kernel slows down instead; NULL: it does not */
	const char *inactive, *active; /* file pages, in memory.stat; of the whole subtree */
	const char *kills;	       /* the file with an `oom_kill` line */
};

static const struct dialect v1 = {
	.limit = "memory.limit_in_bytes",
	.usage = "memory.usage_in_bytes",
	.inactive = "total_inactive_file ",
	.active = "total_active_file ",
	.kills = "memory.oom_control",
};

static const struct dialect v2 = {
	.limit = "memory.max",
	.usage = "memory.current",
	.throttle = "memory.high",
	.inactive = "inactive_file ",
	.active = "active_file ",
	.kills = "memory.events",
};

static const struct dialect *dialect_of(const struct cgroup_mounts *mounts)
{
	return mounts->v1 ? &v1 : &v2;
}

/* WORD is one of the words in the comma-separated LIST. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word), at;

	for (; *list; list += at + (list[at] == ',')) {
		at = strcspn(list, ",");
		if (at == length && !strncmp(list, word, length))
			return true;
	}
	return false;
}

/* A line of mountinfo. */
struct mount {
	char *root, *point, *kind, *options;
	dev_t device;
};

/* "0:28" */
static dev_t parse_device(const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10);

	return makedev(major, *end ? strtoul(end + 1, NULL, 10) : 0);
}

/* "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,memory_localevents" */
static bool parse_mount(struct mount *mount, char *line)
{
	char *save, *field, *end = strstr(line, " - ");
	unsigned int number;

	if (!end)
		return false;
	*end = '\0';
	field = strtok_r(line, " ", &save);
	for (number = 1; field && number < 3; number++)
		field = strtok_r(NULL, " ", &save);
	mount->device = field ? parse_device(field) : 0;
	mount->root = field ? strtok_r(NULL, " ", &save) : NULL;
	mount->point = mount->root ? strtok_r(NULL, " ", &save) : NULL;
	mount->kind = strtok_r(end + 3, " ", &save);
	strtok_r(NULL, " ", &save);
	mount->options = strtok_r(NULL, " ", &save);
	return mount->point && mount->kind && mount->options;
}

/* The first of each counts: a later one is another's (a chroot's), and may go. */
static void take_mount(struct cgroup_mounts *mounts, const struct mount *mount)
{
	if (!*mounts->unified && !strcmp(mount->kind, "cgroup2")) {
		snprintf(mounts->unified, sizeof(mounts->unified), "%s", mount->point);
		mounts->unified_device = mount->device;
		mounts->kills_by_cgroup |= has_word(mount->options, "memory_localevents");
	} else if (!mounts->v1 && !strcmp(mount->kind, "cgroup") &&
		   has_word(mount->options, "memory")) {
		snprintf(mounts->memory, sizeof(mounts->memory), "%s", mount->point);
		mounts->memory_device = mount->device;
		mounts->v1 = true;
		mounts->kills_by_cgroup = true;
	}
}

/* Of whole hierarchies, or of the PARTS of some that are mounted. */
static void take_mounts(struct cgroup_mounts *mounts, const char *mountinfo, bool parts,
			bool (*is_mounted)(const char *point, dev_t device))
{
	char *text = strdup(mountinfo), *line, *save;
	struct mount mount;

	if (!text)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (parse_mount(&mount, line) && (parts || !strcmp(mount.root, "/")) &&
		    !strncmp(mount.kind, "cgroup", 6) && is_mounted(mount.point, mount.device))
			take_mount(mounts, &mount);
	free(text);
}

void cgroup_find(struct cgroup_mounts *mounts, const char *mountinfo,
		 bool (*is_mounted)(const char *point, dev_t device))
{
	memset(mounts, 0, sizeof(*mounts));
	take_mounts(mounts, mountinfo, false, is_mounted);
	/* A container without a cgroup namespace sees its own part alone: paths are below it. */
	if (!*mounts->unified && !mounts->v1)
		take_mounts(mounts, mountinfo, true, is_mounted);
	if (mounts->v1)
		return;
	strcpy(mounts->memory, mounts->unified);
	mounts->memory_device = mounts->unified_device;
}

/* lxcfs mounted its own over them once. What it says of itself, asked as here, needs no answer. */
bool cgroup_is_mounted(const char *point, dev_t device)
{
	struct statx stx;

	return !statx(AT_FDCWD, point, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &stx) &&
	       makedev(stx.stx_dev_major, stx.stx_dev_minor) == device;
}

bool cgroup_find_now(struct cgroup_mounts *mounts)
{
	bool cut = false;
	char *text = keyed_read_all("/proc/self/mountinfo", CGROUP_MOUNTINFO_BYTES, &cut);

	cgroup_find(mounts, text ? text : "", cgroup_is_mounted);
	free(text);
	return !cut;
}

bool cgroup_are_mounted(const struct cgroup_mounts *mounts)
{
	return (!*mounts->memory || cgroup_is_mounted(mounts->memory, mounts->memory_device)) &&
	       (!*mounts->unified || cgroup_is_mounted(mounts->unified, mounts->unified_device));
}

/* Opens NAME of the cgroup at PATH. A path too long is of nothing that is there. */
static int open_file(const char *mount, const char *path, const char *name, int flags)
{
	char file[PATH_MAX];

	if (!*mount ||
	    snprintf(file, sizeof(file), "%s%s/%s", mount, path, name) >= (int)sizeof(file))
		return -1;
	return open(file, flags | O_CLOEXEC);
}

uint64_t cgroup_id(const char *mount, const char *path)
{
	int fd = open_file(mount, path, "", O_PATH | O_DIRECTORY);
	uint64_t id = 0;
	struct stat st;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st))
		id = st.st_ino;
	close(fd);
	return id;
}

static bool has_file(const struct cgroup_mounts *mounts, const char *path, const char *name)
{
	int fd = open_file(mounts->memory, path, name, O_PATH);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* v1 has a file that is in the host's alone, v2 one that is in all others. */
bool cgroup_is_host(const struct cgroup_mounts *mounts, const char *path)
{
	if (strcmp(path, "/") != 0 || !*mounts->memory)
		return false;
	if (mounts->v1)
		return has_file(mounts, path, "release_agent");
	return !has_file(mounts, path, "cgroup.events");
}

/* The id of the host's "/" in v2: all tasks are in it, and no ancestor of theirs is told by it. */
#define HOST_ID 1

uint64_t cgroup_tasks(const struct cgroup_mounts *mounts, const char *path)
{
	uint64_t id = cgroup_id(mounts->unified, path);

	if (id == HOST_ID)
		return SYNCS_OF_ALL;
	if (id)
		return id;
	if (!*mounts->unified || (mounts->v1 && cgroup_id(mounts->memory, path)))
		return SYNCS_OF_ALL;
	return SYNCS_OF_NONE;
}

static bool read_file(const struct cgroup_mounts *mounts, const char *path, const char *name,
		      char text[KEYED_BYTES])
{
	int fd = open_file(mounts->memory, path, name, O_RDONLY);
	bool read;

	if (fd < 0)
		return false;
	read = keyed_read(fd, text);
	close(fd);
	return read;
}

/* KEY "": the number that is all of the file ("max" is none). -1 when there is none. */
static int64_t read_number(const struct cgroup_mounts *mounts, const char *path, const char *name,
			   const char *key)
{
	char text[KEYED_BYTES];

	if (!read_file(mounts, path, name, text) || !strncmp(text, "max", 3))
		return -1;
	return keyed_number(text, key);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* -1: none. */
static int64_t read_limit(const struct cgroup_mounts *mounts, const char *path)
{
	const struct dialect *dialect = dialect_of(mounts);
	int64_t limit = read_number(mounts, path, dialect->limit, "");
	int64_t throttle =
		dialect->throttle ? read_number(mounts, path, dialect->throttle, "") : -1;

	if (limit < 0 || throttle < 0)
		return limit < 0 ? throttle : limit;
	return smaller(limit, throttle);
}

/*
 * The page cache, by TEXT of memory.stat: what the kernel gives up before anything runs short, as
 * it counts for MemAvailable too. Active pages as well: mail that has been read again is on that
 * list (118 MiB read three times: all of it), and while it is written reclaim puts what waits for
 * the disk there. Shared memory is on neither list. That pages in use are given up over and over is
 * what memory-stall tells.
 */
static int64_t page_cache(const struct dialect *dialect, const char *text)
{
	int64_t inactive = keyed_number(text, dialect->inactive);
	int64_t active = keyed_number(text, dialect->active);

	return (inactive > 0 ? inactive : 0) + (active > 0 ? active : 0);
}

/*
 * One level of the hierarchy; false when it has no limit. Usage is read on both sides of what it
 * is compared with: a cache that is dropped in between is not taken for memory in use.
 */
static bool read_level(const struct cgroup_mounts *mounts, const char *path, int64_t host_bytes,
		       struct cgroup_memory *level)
{
	const struct dialect *dialect = dialect_of(mounts);
	int64_t limit = read_limit(mounts, path), usage, cache;
	char text[KEYED_BYTES];

	if (limit < 0 || limit >= host_bytes)
		return false;
	usage = read_number(mounts, path, dialect->usage, "");
	cache = read_file(mounts, path, "memory.stat", text) ? page_cache(dialect, text) : 0;
	usage = smaller(usage, read_number(mounts, path, dialect->usage, ""));
	if (usage < 0)
		return false;
	level->limit_bytes = limit;
	level->available_bytes = limit - (usage - smaller(cache, usage));
	if (level->available_bytes < 0)
		level->available_bytes = 0;
	return true;
}

int cgroup_read_memory(const struct cgroup_mounts *mounts, const char *path, int64_t host_bytes,
		       struct cgroup_memory *memory)
{
	struct cgroup_memory level;
	char at[PATH_MAX];

	memset(memory, 0, sizeof(*memory));
	if (!cgroup_id(mounts->memory, path))
		return -ENOENT;
	if (read_number(mounts, path, dialect_of(mounts)->usage, "") < 0)
		return -ENODATA;
	snprintf(at, sizeof(at), "%s", strcmp(path, "/") ? path : "");
	for (;; *strrchr(at, '/') = '\0') {
		if (read_level(mounts, at, host_bytes, &level) &&
		    (!memory->limit_bytes || level.available_bytes < memory->available_bytes))
			*memory = level;
		if (!*at)
			return 0; /* at the mount point: in a container, the container's */
	}
}

/* Of the cgroup at PATH alone, or of its subtree: as the kernel counts. */
static unsigned int add_kills(const struct cgroup_mounts *mounts, const char *path,
			      struct cgroup_kills *kills)
{
	int64_t count = read_number(mounts, path, dialect_of(mounts)->kills, "oom_kill ");

	if (count < 0)
		return 0;
	kills->id = cgroup_id(mounts->memory, path);
	kills->count = count;
	return !!kills->id;
}

/*
 * Recursion goes CGROUP_DEPTH deep. ROOM is 1 at least; PATH has room for PATH_MAX, and is as it
 * was on return.
 */
static unsigned int read_subtree(const struct cgroup_mounts *mounts, char *path, unsigned int depth,
				 struct cgroup_kills kills[], unsigned int room)
{
	unsigned int made = add_kills(mounts, path, kills);
	int fd = made && depth < CGROUP_DEPTH
			 ? open_file(mounts->memory, path, "", O_RDONLY | O_DIRECTORY)
			 : -1;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	size_t length = strlen(path);
	struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return made;
	}
	while (made < room && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    length + strlen(entry->d_name) + 2 > PATH_MAX)
			continue;
		sprintf(path + length, "/%s", entry->d_name);
		made += read_subtree(mounts, path, depth + 1, kills + made, room - made);
		path[length] = '\0';
	}
	closedir(directory);
	return made;
}

unsigned int cgroup_read_kills(const struct cgroup_mounts *mounts, const char *path,
			       struct cgroup_kills kills[CGROUP_KILLS])
{
	char at[PATH_MAX];

	if (!mounts->kills_by_cgroup)
		return add_kills(mounts, path, kills);
	snprintf(at, sizeof(at), "%s", path);
	return read_subtree(mounts, at, 0, kills, CGROUP_KILLS);
}
