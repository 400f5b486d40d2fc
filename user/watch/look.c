/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the truth of one filesystem: statfs, and what it does not tell. */
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h> /* ST_RDONLY */
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "watch/btrfs.h"
#include "watch/look.h"
#include "watch/upper.h"

/* XFS preallocates up to as much again as is written; of others nobody knows. */
#define GROWTH_EXT4   1
#define GROWTH_OTHERS 2

static int64_t saturate(unsigned __int128 value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/*
 * What a server has less than none of (AFS, CephFS, NFS with the reserve in use) comes as a number
 * with the top bit set: as df shows it, negative, and no room.
 */
static uint64_t count_of(uint64_t value)
{
	return value > INT64_MAX ? 0 : value;
}

/* A filesystem of several devices is asked what each has left no more often than so. */
#define DEVICES_NS (5 * NS_PER_S)

/* By the slot's thread: its path is one filesystem, but for a mount. */
static _Thread_local struct {
	int64_t since_ns;
	uint8_t uuid[LOOK_UUID];
	bool asked;
	struct btrfs_devices devices;
} asked_last;

/* NULL: it is one device, and the sums say all; or they cannot be asked. */
static const struct btrfs_devices *devices_of(int fd, const struct btrfs_space *space,
					      const uint8_t uuid[LOOK_UUID])
{
	if (fd < 0 || space->devices < 2)
		return NULL;
	if (!asked_last.since_ns || monotonic_ns() - asked_last.since_ns > DEVICES_NS ||
	    memcmp(asked_last.uuid, uuid, LOOK_UUID) != 0) {
		asked_last.since_ns = monotonic_ns();
		memcpy(asked_last.uuid, uuid, LOOK_UUID);
		asked_last.asked = !btrfs_devices(fd, BTRFS_SYSFS, uuid, &asked_last.devices);
	}
	return asked_last.asked ? &asked_last.devices : NULL;
}

static void take_btrfs(int fd, const uint8_t uuid[LOOK_UUID], struct look *look)
{
	const struct btrfs_devices *devices;
	struct btrfs_space space;
	int64_t unallocated, asked;

	look->inodes = look->free_inodes = 0;
	look->has_uuid = true;
	memcpy(look->uuid, uuid, LOOK_UUID);
	if (btrfs_space(BTRFS_SYSFS, uuid, &space)) {
		look->room = LOOK_ROOM_NO_SYSFS;
		return;
	}
	devices = devices_of(fd, &space, uuid);
	unallocated = btrfs_unallocated(&space, NULL);
	asked = devices ? btrfs_unallocated(&space, devices) : unallocated;
	look->available_bytes = btrfs_room(&space, asked < unallocated ? asked : unallocated,
					   look->available_bytes, &look->growth);
}

static void look_at_btrfs(const char *path, struct look *look)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	uint8_t uuid[LOOK_UUID];

	if (fd >= 0 && !btrfs_uuid(fd, BTRFS_SYSFS, uuid))
		take_btrfs(fd, uuid, look);
	else
		look->room = LOOK_ROOM_NO_SYSFS;
	if (fd >= 0)
		close(fd); /* never held: it would keep the filesystem from being unmounted */
}

static void look_at_overlay(uint32_t device, struct look *look)
{
	const struct upper_clues clues = {
		.mountinfo = "/proc/self/mountinfo",
		.sysfs = BTRFS_SYSFS,
		.device = device,
		.size_bytes = look->size_bytes,
		.inodes = look->inodes,
	};
	struct upper upper;

	upper_find(&clues, &upper);
	if (upper.type == UPPER_EXT4)
		look->growth = GROWTH_EXT4;
	if (upper.type == UPPER_BTRFS)
		take_btrfs(upper.fd, upper.uuid, look);
	if (upper.type == UPPER_UNCERTAIN)
		look->room = LOOK_ROOM_NO_UPPER;
	if (upper.fd >= 0)
		close(upper.fd);
}

/* What statfs does not tell, and what its numbers mean. */
static void look_deeper(const char *path, uint32_t device, struct look *look)
{
	look->growth = GROWTH_OTHERS;
	switch (look->type) {
	case EXT4_SUPER_MAGIC:
		look->growth = GROWTH_EXT4;
		break;
	case BTRFS_SUPER_MAGIC:
		look_at_btrfs(path, look);
		break;
	case OVERLAYFS_SUPER_MAGIC:
		look_at_overlay(device, look);
		break;
	}
}

/*
 * ext4 keeps blocks for root: empty, 95 % of it are available. Once those are all that is left
 * f_bavail stays 0, and their number cannot be told any more.
 */
static int64_t capacity_bytes(const struct statfs *fs, int64_t block)
{
	uint64_t available = count_of(fs->f_bavail), free = count_of(fs->f_bfree);
	uint64_t kept = free > available ? free - available : 0;

	if (!available || kept > fs->f_blocks)
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

int look_at(const char *path, uint32_t device, struct look *look)
{
	struct statfs fs;
	struct stat st;
	int64_t block;

	memset(look, 0, sizeof(*look));
	if (stat(path, &st) || statfs(path, &fs))
		return -errno;
	block = fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize;
	look->size_bytes = saturate((unsigned __int128)fs.f_blocks * (uint64_t)block);
	look->capacity_bytes = capacity_bytes(&fs, block);
	look->available_bytes =
		saturate((unsigned __int128)count_of(fs.f_bavail) * (uint64_t)block);
	look->inodes = saturate(fs.f_files);
	look->free_inodes = (int64_t)count_of(fs.f_ffree);
	look->device = st.st_dev;
	look->mounted = is_mounted_at(path, &st);
	look->type = (uint64_t)fs.f_type;
	look->read_only = fs.f_flags & ST_RDONLY;
	look_deeper(path, device, look);
	return 0;
}
