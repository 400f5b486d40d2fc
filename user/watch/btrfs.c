/* SPDX-License-Identifier: GPL-2.0-only */
/* How much mail a btrfs can still take: its numbers, and what follows from them. */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/units.h"
#include "watch/btrfs.h"

/* What an operation must be able to reserve: ENOSPC came with 3.7 MiB left, 2 and 40 writers. */
#define OPERATION (4 * MIB)

/*
 * How many bytes of mail go with a byte of metadata. A mail of 1,500 bytes took 2.0 KB of it, one
 * of 4,000 0.6 and one of 50,000 0.7: 0.7, 6.5 and 76 bytes for one. What lies there already is
 * the best guess at what comes. No less than 4: else the metadata that every new btrfs begins with
 * would count for less than the data beside it. No more than 32 (mails of 20 KB), for there must be
 * some way left when small mails come instead; and those shift the ratio themselves.
 */
#define WEIGHT_LEAST 4
#define WEIGHT_MOST  32

/*
 * Where hardly any metadata is in use nothing lies there to guess by: mails of 10 KB. A btrfs that
 * was filled and emptied is like that, and for half a minute all of its space still is data's.
 */
#define WEIGHT_UNKNOWN 16
#define UNKNOWN	       (4 * MIB)

/* Metadata that goes with a dirtied page: 0.5 pages at most (mails of 2,000 bytes). */
#define METADATA_SHARE 2

/* The first 1 MiB of a device is never allocated. */
#define KEPT MIB

struct profile {
	const char *name;
	unsigned int copies, parity;
};

/* What a new piece is made as where several are in use, as while converting: the kernel's order. */
static const struct profile profiles[] = {
	{ "raid1c4", 4, 0 }, { "raid6", 1, 2 },	 { "raid1c3", 3, 0 },
	{ "raid5", 1, 1 },   { "raid10", 2, 0 }, { "raid1", 2, 0 },
	{ "dup", 2, 0 },     { "raid0", 1, 0 },	 { "single", 1, 0 },
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

/* The directory of the filesystem in SYSFS. */
static int open_tree(const char *sysfs, const uint8_t uuid[BTRFS_UUID])
{
	char path[PATH_MAX];
	int fd, at = snprintf(path, sizeof(path), "%s/", sysfs);
	unsigned int i;

	if (at < 0 || at + 2 * BTRFS_UUID + 5 > (int)sizeof(path))
		return -ENAMETOOLONG;
	for (i = 0; i < BTRFS_UUID; i++)
		at += sprintf(path + at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      uuid[i]);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The number in a file; NOTHING where there is no such file (kernels differ). */
static int64_t read_number(int directory, const char *name, int64_t nothing)
{
	char text[32];
	ssize_t length;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return nothing;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return nothing;
	text[length] = '\0';
	return strtoll(text, NULL, 10);
}

static int64_t number_of(int tree, const char *kind, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "allocation/%s/%s", kind, name);
	return read_number(tree, path, 0);
}

/* Not by access(): the scout's system calls are few. */
static bool is_there(int tree, const char *path)
{
	struct stat st;

	return !fstatat(tree, path, &st, 0);
}

static const struct profile *profile_of(int tree, const char *kind)
{
	char path[64];
	size_t i;

	for (i = 0; i < PROFILES - 1; i++) {
		snprintf(path, sizeof(path), "allocation/%s/%s", kind, profiles[i].name);
		if (is_there(tree, path))
			break;
	}
	return &profiles[i];
}

static bool has(int tree, const char *kind)
{
	char path[64];

	snprintf(path, sizeof(path), "allocation/%s/total_bytes", kind);
	return is_there(tree, path);
}

/* Statfs counts data when it has been written out; until then its room is only promised. */
static void add_data(int tree, const char *kind, struct btrfs_space *space)
{
	if (!has(tree, kind))
		return;
	space->data_used += number_of(tree, kind, "bytes_used");
	space->data_promised +=
		number_of(tree, kind, "bytes_may_use") + number_of(tree, kind, "bytes_reserved");
	space->data_copies = profile_of(tree, kind)->copies;
}

/*
 * Its bytes_may_use is no use of it: under many small mails operations reserve all that is free,
 * from the first second on, and are made to give it back (of 51 MiB 36 were "in use" with 1 used;
 * ENOSPC came at 42 used). Pinned is what a commit frees, and the kernel commits before it fails.
 * The global reserve is kept for deleting when all else is full.
 */
static void take_metadata(int tree, struct btrfs_space *space)
{
	static const char kind[] = "metadata";
	const struct profile *profile;

	space->has_metadata = has(tree, kind);
	if (!space->has_metadata)
		return;
	profile = profile_of(tree, kind);
	space->metadata_copies = profile->copies;
	space->metadata_parity = profile->parity;
	space->metadata_used = number_of(tree, kind, "bytes_used");
	space->metadata_free = number_of(tree, kind, "total_bytes") - space->metadata_used -
			       number_of(tree, kind, "bytes_reserved") -
			       number_of(tree, kind, "bytes_readonly") -
			       number_of(tree, kind, "bytes_zone_unusable") -
			       read_number(tree, "allocation/global_rsv_size", 0);
}

static int64_t sum_of_devices(int tree, unsigned int *devices)
{
	int fd = openat(tree, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int64_t sectors = 0;
	char path[300];

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/size", entry->d_name);
		sectors += read_number(fd, path, 0);
		(*devices)++;
	}
	closedir(directory);
	return sectors * 512;
}

int btrfs_space(const char *sysfs, const uint8_t uuid[BTRFS_UUID], struct btrfs_space *space)
{
	static const char *const kinds[] = { "data", "metadata", "mixed", "system" };
	int tree = open_tree(sysfs, uuid);
	size_t i;

	memset(space, 0, sizeof(*space));
	if (tree < 0)
		return tree;
	add_data(tree, "data", space);
	add_data(tree, "mixed", space);
	take_metadata(tree, space);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		space->raw_allocated += number_of(tree, kinds[i], "disk_total");
	space->raw_size = sum_of_devices(tree, &space->devices);
	close(tree);
	return space->data_copies ? 0 : -ENODATA;
}

static int ask_devices(int fd, const char *sysfs, const uint8_t uuid[BTRFS_UUID],
		       struct btrfs_devices *devices)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	int tree = open_tree(sysfs, uuid);
	char path[64];
	uint64_t id, found = 0;

	devices->count = 0;
	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info)) {
		if (tree >= 0)
			close(tree);
		return -errno;
	}
	/* Ids are given out upwards, and not again after a device was removed. */
	for (id = 1; id <= info.max_id && id < 1024 && found < info.num_devices; id++) {
		struct btrfs_ioctl_dev_info_args device = { .devid = id };

		if (ioctl(fd, BTRFS_IOC_DEV_INFO, &device))
			continue;
		found++;
		snprintf(path, sizeof(path), "devinfo/%u/writeable", (unsigned int)id);
		if (device.bytes_used + KEPT >= device.total_bytes || !read_number(tree, path, 1) ||
		    devices->count == BTRFS_DEVICES)
			continue;
		devices->left[devices->count++] =
			(int64_t)(device.total_bytes - device.bytes_used - KEPT);
	}
	if (tree >= 0)
		close(tree);
	return found ? 0 : -ENODEV;
}

int btrfs_devices(int fd, const char *sysfs, const uint8_t uuid[BTRFS_UUID],
		  struct btrfs_devices *devices)
{
	int file = openat(fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int error = ask_devices(file < 0 ? fd : file, sysfs, uuid, devices);

	if (file >= 0)
		close(file);
	return error;
}

static bool parse_uuid(const char *text, uint8_t uuid[BTRFS_UUID])
{
	unsigned int i, byte;

	for (i = 0; i < BTRFS_UUID; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return false;
		if (sscanf(text, "%2x", &byte) != 1)
			return false;
		uuid[i] = (uint8_t)byte;
		text += 2;
	}
	return !*text;
}

/* A filesystem may leave less than a sector of each device, or what a copy does not fill. */
static bool is_of_size(const struct btrfs_space *space, int64_t size_bytes)
{
	int64_t less = space->raw_size / space->data_copies - size_bytes;

	return less >= 0 && less < MIB;
}

/* Without the module there is no such directory; where there is no sysfs either, nobody knows. */
static int no_tree(const char *sysfs, int error)
{
	char above[PATH_MAX];
	struct stat st;

	if (error != ENOENT || strlen(sysfs) >= sizeof(above))
		return -error;
	strcpy(above, sysfs);
	return stat(dirname(above), &st) ? -EIO : -ENOENT;
}

/* The first half of what statfs calls it by; the second has the subvolume's number in it. */
static uint32_t statfs_id(const uint8_t uuid[BTRFS_UUID])
{
	uint32_t word[BTRFS_UUID / 4];

	memcpy(word, uuid, sizeof(word));
	return be32toh(word[0]) ^ be32toh(word[2]);
}

int btrfs_uuid(int fd, const char *sysfs, uint8_t uuid[BTRFS_UUID])
{
	struct dirent *entry;
	struct statfs fs;
	int error = -ESRCH;
	uint32_t id;
	DIR *directory;

	if (fstatfs(fd, &fs))
		return -errno;
	directory = opendir(sysfs);
	if (!directory)
		return -errno;
	memcpy(&id, &fs.f_fsid, sizeof(id));
	while (error && (entry = readdir(directory)))
		if (strlen(entry->d_name) == 2 * BTRFS_UUID + 4 &&
		    parse_uuid(entry->d_name, uuid) && statfs_id(uuid) == id)
			error = 0;
	closedir(directory);
	return error;
}

int btrfs_by_size(const char *sysfs, int64_t size_bytes, uint8_t uuid[BTRFS_UUID])
{
	DIR *directory = opendir(sysfs);
	unsigned int seen = 0, same = 0;
	struct btrfs_space space;
	uint8_t candidate[BTRFS_UUID];
	struct dirent *entry;

	if (!directory)
		return no_tree(sysfs, errno);
	while ((entry = readdir(directory))) {
		if (strlen(entry->d_name) != 2 * BTRFS_UUID + 4 ||
		    !parse_uuid(entry->d_name, candidate))
			continue;
		seen++;
		if (btrfs_space(sysfs, candidate, &space) || !is_of_size(&space, size_bytes))
			continue;
		same++;
		memcpy(uuid, candidate, BTRFS_UUID);
	}
	closedir(directory);
	if (!seen)
		return -ENOENT;
	return same == 1 ? 0 : -ESRCH;
}

/*
 * What COPIES on as many devices can take of all: no device holds more than one, so of a device
 * that is larger than the others together a part stays unused. The largest N for which the sum of
 * min(left, N) is COPIES times N.
 */
static int64_t spread(const struct btrfs_devices *devices, unsigned int copies, int64_t most)
{
	int64_t low = 0, high = most, middle, sum;
	unsigned int i;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		for (i = 0, sum = 0; i < devices->count; i++)
			sum += devices->left[i] < middle ? devices->left[i] : middle;
		if (sum / copies >= middle)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* All but what parity takes: as much as the largest, or the two largest, have. */
static int64_t less_parity(const struct btrfs_devices *devices, unsigned int parity, int64_t sum)
{
	int64_t first = 0, second = 0;
	unsigned int i;

	for (i = 0; i < devices->count; i++) {
		int64_t left = devices->left[i];

		if (left > first) {
			second = first;
			first = left;
		} else if (left > second) {
			second = left;
		}
	}
	return sum - first - (parity > 1 ? second : 0);
}

int64_t btrfs_unallocated(const struct btrfs_space *space, const struct btrfs_devices *devices)
{
	int64_t sum = 0;
	unsigned int i;

	if (!devices)
		sum = space->raw_size - space->raw_allocated - KEPT;
	for (i = 0; devices && i < devices->count; i++)
		sum += devices->left[i];
	if (sum < 0)
		sum = 0;
	if (space->metadata_parity && devices)
		return less_parity(devices, space->metadata_parity, sum);
	/* The two copies of DUP may lie on one device. */
	if (space->metadata_copies < 2 || !devices || devices->count < 2)
		return sum / (space->metadata_copies ? space->metadata_copies : 1);
	return spread(devices, space->metadata_copies, sum / space->metadata_copies);
}

static int64_t weight_of(const struct btrfs_space *space)
{
	int64_t weight = space->metadata_used > 0 ? space->data_used / space->metadata_used : 0;
	int64_t least = space->metadata_used < UNKNOWN ? WEIGHT_UNKNOWN : WEIGHT_LEAST;

	if (weight > WEIGHT_MOST)
		return WEIGHT_MOST;
	return weight < least ? least : weight;
}

int64_t btrfs_room(const struct btrfs_space *space, int64_t unallocated, int64_t available_bytes,
		   unsigned int *growth)
{
	int64_t data = available_bytes - space->data_promised;
	int64_t metadata = space->metadata_free + unallocated - OPERATION;
	int64_t weight = weight_of(space), room;

	*growth = 1;
	if (data < 0)
		data = 0;
	if (!space->has_metadata)
		return data;
	if (metadata < 0)
		metadata = 0;
	room = metadata > INT64_MAX / weight ? INT64_MAX : metadata * weight;
	if (data < room)
		room = data;
	/* Pages of metadata come METADATA_SHARE to one that is dirtied, and weigh more than that.
	 */
	if (metadata < INT64_MAX / METADATA_SHARE && room > metadata * METADATA_SHARE)
		*growth =
			metadata ? (unsigned int)((room - 1) / (metadata * METADATA_SHARE) + 1) : 1;
	return room;
}
