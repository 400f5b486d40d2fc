/* SPDX-License-Identifier: GPL-2.0-only */
/* Meeting errors: a disk that refuses to write a sector, and ext4 that finds a fault. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "act.h"

/* One byte of each disk, or rather its sector, refuses to be written: see the runner. */
static uint64_t bad_byte(void)
{
	const char *text = getenv("bad_byte");

	return text ? strtoull(text, NULL, 10) : 0;
}

static int write_bad(int fd, off_t at)
{
	if (pwrite(fd, act_buffer(), PAGE, at) != PAGE)
		return -errno;
	return fsync(fd) ? 0 : -ENODEV;
}

/* Where in the file the bad block is, or -1. */
static off_t find_bad(int fd)
{
	static __u64 memory[1024]; /* fiemap ends with as many extents as there is room for */
	struct fiemap *map = (struct fiemap *)memory;
	const struct fiemap_extent *extent = map->fm_extents;
	uint64_t bad = bad_byte() / PAGE * PAGE;

	memset(map, 0, sizeof(*map));
	map->fm_length = FIEMAP_MAX_OFFSET;
	map->fm_extent_count = (sizeof(memory) - sizeof(*map)) / sizeof(*extent);
	if (ioctl(fd, FS_IOC_FIEMAP, map))
		return -1;
	for (; extent < map->fm_extents + map->fm_mapped_extents; extent++)
		if (bad >= extent->fe_physical && bad - extent->fe_physical < extent->fe_length)
			return (off_t)(extent->fe_logical + bad - extent->fe_physical);
	return -1;
}

/* A file that takes nearly all the room there is, and so the bad block. */
int act_bad_block(const char *directory)
{
	int fd = act_file(directory, 0, 0), error = -ENODATA;
	struct statfs fs;
	off_t at = -1;

	if (fd >= 0 && !fstatfs(fd, &fs) &&
	    !fallocate(fd, 0, 0, (off_t)(fs.f_bavail / 16 * 15 * (uint64_t)fs.f_bsize)))
		at = find_bad(fd);
	if (at >= 0)
		error = write_bad(fd, at);
	if (fd >= 0)
		close(fd);
	return error;
}

/*
 * As ext4 writes metadata: through the block device's own inode. But on XFS, which has no use
 * for that and does not mind: newer ext4 turns read-only.
 */
int act_bad_metadata(const char *directory)
{
	char path[64];
	struct stat st;
	int fd, error;

	if (stat(directory, &st))
		return -errno;
	snprintf(path, sizeof(path), "/tmp/block-%u-%u", major(st.st_dev), minor(st.st_dev));
	if (mknod(path, S_IFBLK | 0600, st.st_dev) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = write_bad(fd, (off_t)(bad_byte() / PAGE * PAGE));
	close(fd);
	return error;
}

/* What is refused under NAME must be told by the fsync, as WHAT. */
static int write_refused(const char *directory, const char *name, int what)
{
	char path[256];
	int fd, error = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, act_buffer(), PAGE, 0) != PAGE)
		error = -errno;
	else if (!fsync(fd) || errno != what)
		error = -ENODATA;
	close(fd);
	unlink(path);
	return error;
}

int act_over_quota(const char *directory)
{
	return write_refused(directory, "edquot", EDQUOT);
}

int act_no_room(const char *directory)
{
	return write_refused(directory, "enospc", ENOSPC);
}

int act_refused(const char *directory)
{
	return write_refused(directory, "eio", EIO);
}

/* The kernel's own way to have ext4 find an error; with errors=continue that is all it does. */
int act_ext4_error(const char *directory)
{
	char path[64], device[256], trigger[320];
	struct stat st;
	ssize_t length;

	if (stat(directory, &st))
		return -errno;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	length = readlink(path, device, sizeof(device) - 1);
	if (length < 0)
		return -errno;
	device[length] = '\0';
	snprintf(trigger, sizeof(trigger), "/sys/fs/ext4/%s/trigger_fs_error",
		 strrchr(device, '/') + 1);
	return act_put(trigger, "a trial");
}
