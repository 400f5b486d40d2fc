/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much mail a btrfs can still take. It has a room for data and one for metadata, and mail runs
 * out of the smaller: small mails lie in the metadata whole. Statfs tells of the first alone, and
 * of that only when data has been written out.
 *
 * The numbers are in /sys/fs/btrfs/UUID, for everybody to read. What each of its devices has left
 * for either room, the filesystem itself is asked.
 */
#ifndef WATCH_BTRFS_H
#define WATCH_BTRFS_H

#include <stdbool.h>
#include <stdint.h>

#define BTRFS_SYSFS   "/sys/fs/btrfs"
#define BTRFS_UUID    16
#define BTRFS_DEVICES 32 /* of more than so many the rest has nothing left, as far as we say */

/* Bytes as a user counts them: one each, however many copies are kept. */
struct btrfs_space {
	int64_t data_used;
	int64_t data_promised; /* of what is dirty, and not yet allocated */
	bool has_metadata;     /* a room of its own: not where it shares the data's (--mixed) */
	int64_t metadata_free;
	int64_t metadata_used;
	unsigned int metadata_copies; /* of a new piece of metadata: DUP and RAID1 have two */
	unsigned int metadata_parity; /* devices that parity takes: RAID5 one, RAID6 two */
	unsigned int data_copies;
	unsigned int devices;
	int64_t raw_size;      /* of all devices */
	int64_t raw_allocated; /* to either room, copies included */
};

struct btrfs_devices {
	unsigned int count;
	int64_t left[BTRFS_DEVICES]; /* bytes of the device that are allocated to nothing yet */
};

/*
 * Which filesystem of those in the tree at SYSFS a descriptor is on, O_PATH or not. No directory of
 * it is opened: btrfs waits then for its lock, which whoever may read it can hold. Returns 0,
 * -ESRCH where it is none of them, or -errno.
 */
int btrfs_uuid(int fd, const char *sysfs, uint8_t uuid[BTRFS_UUID]);

/*
 * What its devices have left: of those that can be written. Of a directory (O_PATH) a file without
 * a name is asked, for the same reason. Returns 0 or -errno.
 */
int btrfs_devices(int fd, const char *sysfs, const uint8_t uuid[BTRFS_UUID],
		  struct btrfs_devices *devices);

/* Its numbers, out of the tree at SYSFS. Returns 0 or -errno: the least of them are missing. */
int btrfs_space(const char *sysfs, const uint8_t uuid[BTRFS_UUID], struct btrfs_space *space);

/*
 * The one filesystem in the tree at SYSFS which has SIZE_BYTES as statfs tells them. Returns 0,
 * -ENOENT where there is no btrfs at all, -ESRCH where none is of that size, or more than one;
 * or -errno.
 */
int btrfs_by_size(const char *sysfs, int64_t size_bytes, uint8_t uuid[BTRFS_UUID]);

/*
 * How much metadata the devices still have room for, with its copies on so many of them. Without
 * DEVICES (they could not be asked) as if there were one of all: RAID1 on unequal ones has less.
 */
int64_t btrfs_unallocated(const struct btrfs_space *space, const struct btrfs_devices *devices);

/*
 * Bytes of mail that fit, where statfs says AVAILABLE_BYTES and so much UNALLOCATED may become
 * metadata. Into GROWTH how many pages of that one dirtied page takes at most.
 */
int64_t btrfs_room(const struct btrfs_space *space, int64_t unallocated, int64_t available_bytes,
		   unsigned int *growth);

#endif
