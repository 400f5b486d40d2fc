/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the truth of one filesystem: statfs, and what it does not tell. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h> /* ST_RDONLY */
#include <unistd.h>

#include "watch/look.h"

static int64_t saturate(unsigned __int128 value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void read_btrfs_uuid(const char *path, struct look *look)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (!ioctl(fd, BTRFS_IOC_FS_INFO, &info)) {
		memcpy(look->uuid, info.fsid, LOOK_UUID);
		look->has_uuid = true;
	}
	close(fd); /* never held: it would keep the filesystem from being unmounted */
}

static int64_t read_number(const char *path)
{
	char text[32];
	ssize_t length;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return -EIO;
	text[length] = '\0';
	return strtoll(text, NULL, 10);
}

/*
 * btrfs does not count dirty data in f_bavail: it moves when the data has been written out
 * (ENOSPC was seen with 823 MiB shown as free). The space reserved for it is in sysfs. It
 * counts as it stands, whatever the profile: both are bytes of data, not of raw disk
 * (RAID1, 100 MiB dirtied: bytes_may_use 100 MiB, and f_bavail 100 MiB less after the sync).
 */
static int64_t btrfs_promised_bytes(const uint8_t uuid[LOOK_UUID])
{
	static const char *const kinds[] = { "data", "mixed" }; /* mixed: mkfs.btrfs --mixed */
	static const char *const counts[] = { "bytes_may_use", "bytes_reserved" };
	char path[128];
	int64_t sum = 0, bytes;
	size_t kind, count;

	for (kind = 0; kind < 2; kind++) {
		for (count = 0; count < 2; count++) {
			snprintf(path, sizeof(path),
				 "/sys/fs/btrfs/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
				 "%02x%02x%02x%02x%02x%02x/allocation/%s/%s",
				 uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6],
				 uuid[7], uuid[8], uuid[9], uuid[10], uuid[11], uuid[12], uuid[13],
				 uuid[14], uuid[15], kinds[kind], counts[count]);
			bytes = read_number(path);
			if (bytes > 0)
				sum += bytes;
		}
	}
	return sum;
}

/*
 * ext4 keeps blocks for root: empty, 95 % of it are available. Once those are all that is left
 * f_bavail stays 0, and their number cannot be told any more.
 */
static int64_t capacity_bytes(const struct statfs *fs, int64_t block)
{
	uint64_t kept = fs->f_bfree > fs->f_bavail ? fs->f_bfree - fs->f_bavail : 0;

	if (!fs->f_bavail || kept > fs->f_blocks)
		return 0;
	return saturate((unsigned __int128)(fs->f_blocks - kept) * (uint64_t)block);
}

int look_at(const char *path, struct look *look)
{
	struct statfs fs;
	struct stat st;
	int64_t block;

	memset(look, 0, sizeof(*look));
	if (stat(path, &st) || statfs(path, &fs))
		return -errno;
	block = fs.f_frsize ? fs.f_frsize : fs.f_bsize;
	look->size_bytes = saturate((unsigned __int128)fs.f_blocks * (uint64_t)block);
	look->capacity_bytes = capacity_bytes(&fs, block);
	look->available_bytes = saturate((unsigned __int128)fs.f_bavail * (uint64_t)block);
	look->inodes = saturate(fs.f_files);
	look->free_inodes = saturate(fs.f_ffree);
	look->device = st.st_dev;
	look->type = (uint64_t)fs.f_type;
	look->read_only = fs.f_flags & ST_RDONLY;
	/* Only ext4 is known to take a page for a page; XFS preallocates up to as much again. */
	look->growth = look->type == EXT4_SUPER_MAGIC || look->type == BTRFS_SUPER_MAGIC ? 1 : 2;
	if (look->type == BTRFS_SUPER_MAGIC) {
		int64_t promised_bytes;

		read_btrfs_uuid(path, look);
		promised_bytes = look->has_uuid ? btrfs_promised_bytes(look->uuid) : 0;
		look->available_bytes -= promised_bytes < look->available_bytes
						 ? promised_bytes
						 : look->available_bytes;
		look->inodes = look->free_inodes = 0;
	}
	return 0;
}

/*
 * unlink() asks for write access to the mount, which waits while the filesystem is frozen,
 * before it looks the name up: removing what is not there changes nothing and still shows
 * a freeze (seen on ext4, XFS and btrfs; statfs answers all the while).
 */
int look_touch(const char *path)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof(name), "%s/.spoolgate-does-not-exist", path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	if (!unlink(name))
		return 0;
	switch (errno) {
	case ENOENT:
	case ENOTDIR: /* a single file is watched */
	case EISDIR:  /* somebody made a directory of that name */
	case EBUSY:   /* and mounted something there */
	case EACCES:
	case EPERM:
	case EROFS: /* look_at() sees that */
		return 0;
	}
	return -errno;
}

/* How many directories above the watched one are tried for the canary. */
#define ABOVE_MOST 64

/* An unnamed file in DIRECTORY. Where O_TMPFILE is not known, one that is unlinked at once. */
static int open_unnamed(int directory)
{
	char name[64];
	int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d/.spoolgate-canary-XXXXXX", directory);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

/*
 * From DIRECTORY to the one above it on the same filesystem; false where there is none. By its
 * "..": the path that led to it may go through symbolic links, and so from elsewhere.
 */
static bool go_up(int *directory)
{
	int parent = openat(*directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, above;

	if (parent < 0)
		return false;
	if (fstat(*directory, &here) || fstat(parent, &above) || above.st_dev != here.st_dev ||
	    above.st_ino == here.st_ino) {
		close(parent);
		return false;
	}
	close(*directory);
	*directory = parent;
	return true;
}

/* mkfs.ext4 leaves a directory of root's in the filesystem's own root. */
static int open_in_lost_and_found(int root)
{
	int fd, directory =
			openat(root, "lost+found", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0)
		return -EACCES;
	fd = open_unnamed(directory);
	close(directory);
	return fd;
}

/*
 * The scout may not write everywhere (a spool that belongs to the mail server's user): any
 * directory above on the same filesystem rings the same probe, and so does one below its root.
 */
static int open_near(const char *path)
{
	int fd, steps, directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		return -errno;
	fd = open_unnamed(directory);
	for (steps = 0; (fd == -EACCES || fd == -EPERM) && steps < ABOVE_MOST; steps++) {
		if (!go_up(&directory))
			break;
		fd = open_unnamed(directory);
	}
	if (fd == -EACCES)
		fd = open_in_lost_and_found(directory);
	close(directory);
	return fd;
}

int look_canary(const char *path)
{
	void *page = NULL;
	int fd, error = 0;

	fd = open_near(path);
	if (fd < 0)
		return fd;
	if (posix_memalign(&page, 4096, 4096)) {
		close(fd);
		return -ENOMEM;
	}
	memset(page, 0, 4096);
	if (pwrite(fd, page, 4096, 0) != 4096 || fsync(fd))
		error = errno ? -errno : -EIO;
	/* These are optional signals: a filesystem that refuses has nothing to tell there. */
	if (!error && !fallocate(fd, 0, 4096, 4096) && !fcntl(fd, F_SETFL, O_DIRECT))
		(void)!pwrite(fd, page, 4096, 8192);
	free(page);
	close(fd);
	return error;
}
