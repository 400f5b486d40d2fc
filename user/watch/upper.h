/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is beneath an overlay. Its statfs gives the numbers of the filesystem that its upper
 * directory is on, and a type of its own: what they mean has to be found out.
 */
#ifndef WATCH_UPPER_H
#define WATCH_UPPER_H

#include <stdint.h>

#include "watch/btrfs.h"

enum upper_type {
	UPPER_EXT4,
	UPPER_BTRFS,
	UPPER_OTHER,	/* none of these, or nobody knows */
	UPPER_UNCERTAIN /* maybe a btrfs, and which one cannot be told */
};

struct upper {
	enum upper_type type;
	uint8_t uuid[BTRFS_UUID]; /* of a btrfs */
	int fd;			  /* on it, to be closed; -1: it cannot be seen from here */
};

/* Where to read; the size and the inodes that statfs tells of the overlay. */
struct upper_clues {
	const char *mountinfo, *sysfs;
	uint32_t device; /* that the kernel charges writes to; 0: not known */
	int64_t size_bytes;
	int64_t inodes;
};

/* Costs a file that is opened: what was found out last is kept for some seconds, by each thread. */
void upper_find(const struct upper_clues *clues, struct upper *upper);

#endif
