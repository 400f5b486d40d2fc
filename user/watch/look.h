/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the truth of one filesystem. All of this may block for as long as the disk
 * pleases, so only the scout calls it, a thread for each filesystem.
 */
#ifndef WATCH_LOOK_H
#define WATCH_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#define LOOK_UUID 16

/* Whether available_bytes is what can really be written. */
enum look_room {
	LOOK_ROOM_KNOWN,
	LOOK_ROOM_NO_SYSFS, /* a btrfs, and its numbers cannot be read */
	LOOK_ROOM_NO_UPPER, /* an overlay, maybe on a btrfs, and nobody knows which */
};

struct look {
	int64_t size_bytes;	 /* of the filesystem; 0: it has no space to run out of (procfs) */
	int64_t capacity_bytes;	 /* of these, what is available when it is empty; 0: not known */
	int64_t available_bytes; /* effective: what can really still be written */
	int64_t inodes;		 /* 0: the filesystem does not count them (btrfs) */
	int64_t free_inodes;
	uint64_t device;     /* st_dev of the path */
	uint64_t type;	     /* f_type */
	unsigned int growth; /* pages of space that one dirtied page can take: 2 on XFS */
	enum look_room room;
	bool read_only;
	bool mounted; /* the directory above is on another: unmounted, it would be on that */
	bool has_uuid;
	uint8_t uuid[LOOK_UUID]; /* btrfs: the filesystem's, the same for all its subvolumes */
};

/*
 * Look at the filesystem that PATH is on. DEVICE is that to which the kernel charges what is
 * written there, as it holds it; 0: not known. Returns 0 or -errno (-ENOENT, -ENOTCONN, …).
 */
int look_at(const char *path, uint32_t device, struct look *look);

/* Both are of one filesystem, whichever subvolume of it. */
bool look_same(const struct look *a, const struct look *b);

#endif
