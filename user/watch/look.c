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

/* By the ".." of what PATH leads to; a single file has none. */
static bool is_mounted_at(const char *path, const struct stat *st)
{
	char parent[PATH_MAX];
	struct stat above;

	return snprintf(parent, sizeof(parent), "%s/..", path) < (int)sizeof(parent) &&
	       !stat(parent, &above) && above.st_dev != st->st_dev;
}

bool look_same(const struct look *a, const struct look *b)
{
	if (a->has_uuid && b->has_uuid)
		return !memcmp(a->uuid, b->uuid, LOOK_UUID);
	return a->device == b->device;
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
	look->mounted = is_mounted_at(path, &st);
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
