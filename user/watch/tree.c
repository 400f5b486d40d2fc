/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting the files in a directory tree. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "watch/tree.h"

/* A million names are about 40 MB: some 160 system calls. */
#define BUFFER_BYTES (256 * 1024)

/*
 * Change times are as coarse as a filesystem likes (2 s at worst). One that was younger
 * than that when the directory was read may be that of a later change, too.
 */
#define GRAIN_NS (2 * NS_PER_S)

struct directory {
	struct directory *above; /* NULL: it is the top */
	struct directory *first; /* child */
	struct directory *next;	 /* sibling */
	int64_t files;		 /* in it, when it was last read */
	int64_t changed_ns;	 /* its ctime then: no tool can set it back, as it can mtime */
	bool settled;		 /* that ctime can be told from that of any later change */
	bool found;		 /* while its parent is read */
	uint32_t cycle;		 /* when it was last read */
	char name[];
};

struct tree {
	struct directory *top; /* its name is the path */
	uint64_t device;       /* of the top */
	bool has_subvolumes;
	uint8_t fsid[BTRFS_FSID_SIZE]; /* then: the filesystem's, whichever subvolume is asked */
	uint32_t cycle; /* ends when nothing is left behind; in each a directory is read once */
	unsigned int directories;
	bool clipped;
	int64_t deadline_ns; /* of CPU time, for this round */
	struct tree_count count;
	char buffer[BUFFER_BYTES];
};

static int64_t ns_of(const struct timespec *time)
{
	return time->tv_sec * NS_PER_S + time->tv_nsec;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return ns_of(&now);
}

static struct directory *directory_new(struct tree *tree, const char *name)
{
	size_t size = strlen(name) + 1;
	struct directory *directory = calloc(1, sizeof(*directory) + size);

	if (!directory)
		return NULL;
	memcpy(directory->name, name, size);
	directory->cycle = tree->cycle - 1;
	tree->directories++;
	return directory;
}

/* Recursion goes as deep as the tree: TREE_DEPTH. */
static void drop(struct tree *tree, struct directory *directory)
{
	struct directory *child, *next;

	for (child = directory->first; child; child = next) {
		next = child->next;
		drop(tree, child);
	}
	free(directory);
	tree->directories--;
}

static void drop_children(struct tree *tree, struct directory *directory, bool all)
{
	struct directory **link = &directory->first, *child;

	while ((child = *link)) {
		if (child->found && !all) {
			link = &child->next;
			continue;
		}
		*link = child->next;
		drop(tree, child);
	}
}

/* What was known of it is void: gone, or another filesystem is mounted over it. */
static void forget(struct tree *tree, struct directory *directory)
{
	drop_children(tree, directory, true);
	directory->files = 0;
	directory->settled = false;
}

/* A directory while it is read. */
struct reading {
	struct tree *tree;
	struct directory *directory;
	unsigned int depth;
	unsigned int unseen;   /* children of last time that have not come up yet */
	struct directory **at; /* names come in the order of last time, mostly: the next is here */
};

static void begin_reading(struct reading *reading)
{
	struct directory *child;

	reading->at = &reading->directory->first;
	for (child = *reading->at; child; child = child->next) {
		child->found = false;
		reading->unseen++;
	}
}

static struct directory **find_child(const struct reading *reading, const char *name)
{
	struct directory **link;

	for (link = reading->at; *link; link = &(*link)->next)
		if (!strcmp((*link)->name, name))
			return link;
	for (link = &reading->directory->first; link != reading->at; link = &(*link)->next)
		if (!strcmp((*link)->name, name))
			return link;
	return NULL;
}

static void note_child(struct reading *reading, const char *name)
{
	struct directory **link = reading->unseen ? find_child(reading, name) : NULL;
	struct tree *tree = reading->tree;
	struct directory *child;

	if (link) {
		reading->unseen -= !(*link)->found;
		(*link)->found = true;
		reading->at = &(*link)->next;
		return;
	}
	child = NULL;
	if (reading->depth < TREE_DEPTH && tree->directories < TREE_DIRECTORIES)
		child = directory_new(tree, name);
	if (!child) {
		tree->clipped = true;
		return;
	}
	child->found = true;
	child->above = reading->directory;
	child->next = *reading->at;
	*reading->at = child;
	reading->at = &child->next;
}

/* The type of an entry; some filesystems leave it out. What has vanished is of none. */
static unsigned char type_of(int fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type;
	if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
		return DT_UNKNOWN;
	return IFTODT(st.st_mode);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Returns 0 or -errno. */
static int read_entries(struct reading *reading, int fd)
{
	char *buffer = reading->tree->buffer;
	int64_t files = 0;
	ssize_t length, at;

	while ((length = getdents64(fd, buffer, BUFFER_BYTES)) > 0) {
		for (at = 0; at < length;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			unsigned char type = type_of(fd, entry);

			at += entry->d_reclen;
			if (type == DT_REG)
				files++;
			else if (type == DT_DIR && !is_dots(entry->d_name))
				note_child(reading, entry->d_name);
		}
	}
	reading->directory->files = files;
	return length < 0 ? -errno : 0;
}

/* One that cannot be read is tried again in every cycle. */
static void read_directory(struct tree *tree, struct directory *directory, int parent,
			   const struct stat *st, unsigned int depth)
{
	int64_t changed_ns = ns_of(&st->st_ctim);
	bool old = clock_ns(CLOCK_REALTIME_COARSE) - changed_ns > GRAIN_NS;
	int error, fd = openat(parent, directory->name,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
	struct reading reading = { .tree = tree, .directory = directory, .depth = depth };

	directory->cycle = tree->cycle;
	tree->count.directories_read++;
	if (fd < 0) {
		tree->count.unreadable |= errno != ENOENT;
		forget(tree, directory);
		return;
	}
	begin_reading(&reading);
	error = read_entries(&reading, fd);
	close(fd);
	drop_children(tree, directory, false);
	tree->count.unreadable |= !!error;
	directory->changed_ns = changed_ns;
	directory->settled = old && !error;
}

static bool has_changed(const struct directory *directory, const struct stat *st)
{
	return !directory->settled || directory->changed_ns != ns_of(&st->st_ctim);
}

static bool has_budget(const struct tree *tree)
{
	return tree->deadline_ns == TREE_UNBOUNDED ||
	       clock_ns(CLOCK_THREAD_CPUTIME_ID) < tree->deadline_ns;
}

/* Of the btrfs that DIRECTORY's PATH is on; false: it is on none. No other is opened: it may hang.
 */
static bool read_fsid(int directory, const char *path, int flags, uint8_t fsid[BTRFS_FSID_SIZE])
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	int fd = -1, path_fd = openat(directory, path, flags | O_PATH | O_CLOEXEC);
	struct statfs fs;
	bool is_read = false;

	if (path_fd >= 0 && !fstatfs(path_fd, &fs) && fs.f_type == BTRFS_SUPER_MAGIC)
		fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		is_read = !ioctl(fd, BTRFS_IOC_FS_INFO, &info);
	if (is_read)
		memcpy(fsid, info.fsid, BTRFS_FSID_SIZE);
	if (fd >= 0)
		close(fd);
	if (path_fd >= 0)
		close(path_fd);
	return is_read;
}

/* A subvolume has a device number of its own. */
static bool is_subvolume(const struct tree *tree, const struct directory *directory, int parent)
{
	uint8_t fsid[BTRFS_FSID_SIZE];

	return tree->has_subvolumes && read_fsid(parent, directory->name, O_NOFOLLOW, fsid) &&
	       !memcmp(fsid, tree->fsid, sizeof(fsid));
}

static void note_elsewhere(struct tree *tree, const struct directory *directory)
{
	char *start = tree->count.elsewhere_name, *at = start + TREE_NAME - 1;
	size_t length, room;

	if (tree->count.elsewhere++)
		return;
	for (*at = '\0'; directory->above && at > start; directory = directory->above) {
		if (*at)
			*--at = '/';
		length = strlen(directory->name);
		room = (size_t)(at - start);
		if (length > room)
			length = room;
		at -= length;
		memcpy(at, directory->name + strlen(directory->name) - length, length);
	}
	memmove(start, at, strlen(at) + 1);
}

static void visit(struct tree *tree, struct directory *directory, int parent, uint64_t device,
		  unsigned int depth);

static void visit_children(struct tree *tree, struct directory *directory, int parent,
			   uint64_t device, unsigned int depth)
{
	struct directory *child;
	int fd;

	if (!directory->first)
		return;
	fd = openat(parent, directory->name,
		    O_PATH | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
	if (fd < 0)
		return; /* gone this moment: the next round sees it */
	for (child = directory->first; child; child = child->next)
		visit(tree, child, fd, device, depth + 1);
	close(fd);
}

/* DEVICE is its parent's, which is on the tree's filesystem. */
static void visit(struct tree *tree, struct directory *directory, int parent, uint64_t device,
		  unsigned int depth)
{
	struct stat st;

	if (fstatat(parent, directory->name, &st, depth ? AT_SYMLINK_NOFOLLOW : 0) ||
	    !S_ISDIR(st.st_mode)) {
		forget(tree, directory);
		return;
	}
	if (st.st_dev != device && st.st_dev != tree->device &&
	    !is_subvolume(tree, directory, parent)) {
		forget(tree, directory);
		note_elsewhere(tree, directory);
		return;
	}
	if (has_changed(directory, &st) && directory->cycle != tree->cycle) {
		if (has_budget(tree))
			read_directory(tree, directory, parent, &st, depth);
		else
			tree->count.behind = true;
	}
	tree->count.files += directory->files;
	visit_children(tree, directory, parent, st.st_dev, depth);
}

int tree_count(struct tree *tree, int64_t budget_ns, struct tree_count *count)
{
	int64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_ns = monotonic_ns();
	struct stat st;

	if (stat(tree->top->name, &st) || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR))) {
		int error = -errno;

		forget(tree, tree->top);
		return error;
	}
	if (st.st_dev != tree->device) {
		forget(tree, tree->top);
		tree->has_subvolumes = read_fsid(AT_FDCWD, tree->top->name, 0, tree->fsid);
	}
	tree->device = st.st_dev;
	tree->deadline_ns = budget_ns == TREE_UNBOUNDED ? TREE_UNBOUNDED : cpu_ns + budget_ns;
	tree->count = (struct tree_count){ .device = st.st_dev };
	visit(tree, tree->top, AT_FDCWD, st.st_dev, 0);
	if (!tree->count.behind)
		tree->cycle++;
	tree->count.clipped = tree->clipped;
	tree->count.directories = tree->directories;
	tree->count.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	tree->count.wall_ns = monotonic_ns() - wall_ns;
	*count = tree->count;
	return 0;
}

struct tree *tree_new(const char *path)
{
	struct tree *tree = malloc(sizeof(*tree)); /* the buffer is touched as far as it is used */

	if (!tree)
		return NULL;
	memset(tree, 0, offsetof(struct tree, buffer));
	tree->cycle = 1;
	tree->top = directory_new(tree, path);
	if (tree->top)
		return tree;
	free(tree);
	return NULL;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	drop(tree, tree->top);
	free(tree);
}
