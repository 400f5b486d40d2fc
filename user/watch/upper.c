/* SPDX-License-Identifier: GPL-2.0-only */
/* What is beneath an overlay: by the device that its writes are charged to, or by its size. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "watch/mount_of.h"
#include "watch/upper.h"

/* A host of containers has thousands of mounts: they are not read at each of 100 looks a second. */
#define KEPT_NS (5 * NS_PER_S)

struct found {
	int64_t since_ns; /* 0: nothing yet */
	uint32_t device;
	int64_t size_bytes;
	enum upper_type type;
	uint8_t uuid[BTRFS_UUID];
	bool mounted;
	struct mount_of mount;
};

static _Thread_local struct found kept;

static enum upper_type type_of(const char *name)
{
	if (!strcmp(name, "btrfs"))
		return UPPER_BTRFS;
	if (!strcmp(name, "overlay")) /* its own, taken for the upper's: nothing was heard */
		return UPPER_UNCERTAIN;
	return strcmp(name, "ext4") ? UPPER_OTHER : UPPER_EXT4;
}

static bool learn_uuid(const struct upper_clues *clues, struct found *found)
{
	int fd = mount_of_open(&found->mount);

	if (fd < 0)
		return false;
	found->mounted = !btrfs_uuid(fd, clues->sysfs, found->uuid);
	close(fd);
	return found->mounted;
}

/* The type, and of a btrfs the first mount that can be asked which one it is. */
static void find_mount(const struct upper_clues *clues, struct found *found)
{
	FILE *mountinfo = clues->device ? fopen(clues->mountinfo, "re") : NULL;

	if (!mountinfo)
		return;
	while (mount_of_next(mountinfo, clues->device, &found->mount)) {
		found->type = type_of(found->mount.type);
		if (found->type != UPPER_BTRFS || learn_uuid(clues, found))
			break;
	}
	fclose(mountinfo);
}

/*
 * It is mounted where we do not see it, as beneath a container. A btrfs has no inodes to count and
 * no device number that is a disk's; the tree in sysfs is the whole host's.
 */
static enum upper_type find_by_size(const struct upper_clues *clues, uint8_t uuid[BTRFS_UUID])
{
	if (clues->inodes || clues->device >> 20)
		return UPPER_OTHER;
	switch (btrfs_by_size(clues->sysfs, clues->size_bytes, uuid)) {
	case 0:
		return UPPER_BTRFS;
	case -ENOENT:
		return UPPER_OTHER;
	}
	return UPPER_UNCERTAIN;
}

static void find(const struct upper_clues *clues, struct found *found)
{
	memset(found, 0, sizeof(*found));
	found->since_ns = monotonic_ns();
	found->device = clues->device;
	found->size_bytes = clues->size_bytes;
	found->type = UPPER_UNCERTAIN;
	find_mount(clues, found);
	if (found->type == UPPER_UNCERTAIN || (found->type == UPPER_BTRFS && !found->mounted))
		found->type = find_by_size(clues, found->uuid);
}

void upper_find(const struct upper_clues *clues, struct upper *upper)
{
	if (!kept.since_ns || monotonic_ns() - kept.since_ns > KEPT_NS ||
	    kept.device != clues->device || kept.size_bytes != clues->size_bytes)
		find(clues, &kept);
	upper->type = kept.type;
	upper->fd = kept.mounted ? mount_of_open(&kept.mount) : -1;
	memcpy(upper->uuid, kept.uuid, BTRFS_UUID);
}
