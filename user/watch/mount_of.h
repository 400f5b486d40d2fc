/* SPDX-License-Identifier: GPL-2.0-only */
/* Which mounts show a device: of what type it is, and where it can be asked. */
#ifndef WATCH_MOUNT_OF_H
#define WATCH_MOUNT_OF_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct mount_of {
	int id;
	char type[32];
	char point[PATH_MAX];
};

/*
 * The next mount of DEVICE (as the kernel holds it: major << 20 | minor) in an open mountinfo.
 * False past the last.
 */
bool mount_of_next(FILE *mountinfo, uint32_t device, struct mount_of *mount);

/*
 * A descriptor to read from at the mount's point; -errno where it cannot be had, or where something
 * else is mounted over it.
 */
int mount_of_open(const struct mount_of *mount);

#endif
