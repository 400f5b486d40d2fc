/* SPDX-License-Identifier: GPL-2.0-only */
/* The room of a btrfs: its numbers out of a tree as sysfs has it, and what follows from them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/units.h"
#include "watch/btrfs.h"
#include "watch/upper.h"

#define NAME "5a3247d7-0f4b-4125-a700-298c2430ba53"

static const uint8_t uuid[BTRFS_UUID] = { 0x5a, 0x32, 0x47, 0xd7, 0x0f, 0x4b, 0x41, 0x25,
					  0xa7, 0x00, 0x29, 0x8c, 0x24, 0x30, 0xba, 0x53 };
static char root[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/spoolgate-btrfs-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

/* VALUE into a file of the filesystem NAME; directories are made as needed. */
static void put(const char *name, const char *file, int64_t value)
{
	char path[256], *slash;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s/%s", root, name, file);
	for (slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "%lld\n", (long long)value);
	assert_int_equal(fclose(out), 0);
}

/* As `mkfs.btrfs -m dup`, 1 GiB, makes it; with a little in it. */
static void make(const char *name)
{
	put(name, "allocation/data/total_bytes", 100 * MIB);
	put(name, "allocation/data/bytes_used", 60 * MIB);
	put(name, "allocation/data/bytes_may_use", 7 * MIB);
	put(name, "allocation/data/bytes_reserved", MIB);
	put(name, "allocation/data/disk_total", 100 * MIB);
	put(name, "allocation/data/single/total_bytes", 100 * MIB);
	put(name, "allocation/metadata/total_bytes", 50 * MIB);
	put(name, "allocation/metadata/bytes_used", 6 * MIB);
	put(name, "allocation/metadata/bytes_may_use", 30 * MIB);
	put(name, "allocation/metadata/bytes_reserved", MIB);
	put(name, "allocation/metadata/bytes_pinned", 2 * MIB);
	put(name, "allocation/metadata/bytes_readonly", MIB);
	put(name, "allocation/metadata/disk_total", 100 * MIB);
	put(name, "allocation/metadata/dup/total_bytes", 50 * MIB);
	put(name, "allocation/system/disk_total", 16 * MIB);
	put(name, "allocation/global_rsv_size", 6 * MIB);
	put(name, "devices/loop0/size", GIB / 512);
}

static void numbers_are_read(void **state)
{
	struct btrfs_space space;

	(void)state;
	make(NAME);
	assert_int_equal(btrfs_space(root, uuid, &space), 0);
	assert_int_equal(space.data_used, 60 * MIB);
	assert_int_equal(space.data_promised, 8 * MIB);
	assert_int_equal(space.data_copies, 1);
	assert_true(space.has_metadata);
	assert_int_equal(space.metadata_used, 6 * MIB);
	/* What is reserved for a moment, or freed by the next commit, is not gone. */
	assert_int_equal(space.metadata_free, (50 - 6 - 1 - 1 - 6) * MIB);
	assert_int_equal(space.metadata_copies, 2);
	assert_int_equal(space.raw_size, GIB);
	assert_int_equal(space.raw_allocated, 216 * MIB);
	put(NAME, "allocation/metadata/raid1c3/total_bytes", 0);
	assert_int_equal(btrfs_space(root, uuid, &space), 0);
	assert_int_equal(space.metadata_copies, 3);
	put(NAME, "allocation/metadata/raid6/total_bytes", 0);
	assert_int_equal(btrfs_space(root, uuid, &space), 0);
	assert_int_equal(space.metadata_parity, 2);
}

static void one_room_for_both(void **state)
{
	struct btrfs_space space;
	unsigned int growth;

	(void)state;
	put(NAME, "allocation/mixed/total_bytes", 100 * MIB);
	put(NAME, "allocation/mixed/bytes_may_use", 7 * MIB);
	put(NAME, "allocation/mixed/bytes_reserved", 0);
	assert_int_equal(btrfs_space(root, uuid, &space), 0);
	assert_false(space.has_metadata);
	assert_int_equal(btrfs_room(&space, 0, 50 * MIB, &growth), 43 * MIB);
	assert_int_equal(growth, 1);
}

static void what_is_not_there_is_an_error(void **state)
{
	struct btrfs_space space;

	(void)state;
	assert_int_equal(btrfs_space(root, uuid, &space), -ENOENT);
	assert_int_equal(btrfs_space("/nowhere", uuid, &space), -ENOENT);
	put(NAME, "features/foo", 0);
	assert_int_equal(btrfs_space(root, uuid, &space), -ENODATA);
}

static int64_t unallocated(unsigned int copies, unsigned int parity, unsigned int count,
			   const int64_t *left)
{
	struct btrfs_space space = { .metadata_copies = copies, .metadata_parity = parity };
	struct btrfs_devices devices = { .count = count };

	memcpy(devices.left, left, count * sizeof(*left));
	return btrfs_unallocated(&space, &devices);
}

static void copies_want_devices_of_their_own(void **state)
{
	static const int64_t even[] = { 100, 100, 100 }, uneven[] = { 1000, 100, 50 };

	(void)state;
	assert_int_equal(unallocated(1, 0, 1, even), 100); /* single */
	assert_int_equal(unallocated(2, 0, 1, even), 50);  /* DUP */
	assert_int_equal(unallocated(1, 0, 3, even), 300);
	assert_int_equal(unallocated(2, 0, 3, even), 150); /* RAID1 */
	assert_int_equal(unallocated(2, 0, 3, uneven), 150);
	assert_int_equal(unallocated(3, 0, 3, even), 100); /* RAID1C3 */
	assert_int_equal(unallocated(3, 0, 3, uneven), 50);
	assert_int_equal(unallocated(3, 0, 2, even), 0);
	assert_int_equal(unallocated(1, 1, 3, even), 200); /* RAID5 */
	assert_int_equal(unallocated(1, 1, 3, uneven), 150);
	assert_int_equal(unallocated(1, 2, 3, even), 100); /* RAID6 */
	assert_int_equal(unallocated(2, 0, 0, even), 0);
}

static void devices_that_cannot_be_asked(void **state)
{
	struct btrfs_space space;

	(void)state;
	make(NAME);
	assert_int_equal(btrfs_space(root, uuid, &space), 0);
	assert_int_equal(btrfs_unallocated(&space, NULL), (1024 - 216 - 1) * MIB / 2);
	space.raw_allocated = 2 * GIB;
	assert_int_equal(btrfs_unallocated(&space, NULL), 0);
}

static void the_smaller_room_counts(void **state)
{
	struct btrfs_space space = {
		.has_metadata = true,
		.data_used = 100 * MIB,
		.data_promised = 10 * MIB,
		.metadata_used = 10 * MIB,
		.metadata_free = 24 * MIB,
	};
	unsigned int growth;

	(void)state;
	/* Ten bytes of mail to one of metadata so far. */
	assert_int_equal(btrfs_room(&space, 0, 110 * MIB, &growth), 100 * MIB);
	assert_int_equal(growth, 3); /* 100 MiB of 20 MiB, half a page a page */
	assert_int_equal(btrfs_room(&space, 0, 500 * MIB, &growth), 200 * MIB);
	assert_int_equal(growth, 5);
	/* What no room has yet is room for metadata. */
	assert_int_equal(btrfs_room(&space, 100 * MIB, 500 * MIB, &growth), 490 * MIB);
	assert_int_equal(btrfs_room(&space, 0, 5 * MIB, &growth), 0);
	/* At the end nothing can be reserved, though something is left. */
	space.metadata_free = 4 * MIB;
	assert_int_equal(btrfs_room(&space, 0, 500 * MIB, &growth), 0);
	assert_int_equal(growth, 1);
	space.metadata_free = -4 * MIB;
	assert_int_equal(btrfs_room(&space, 0, 500 * MIB, &growth), 0);
	assert_int_equal(btrfs_room(&space, INT64_MAX / 2, INT64_MAX, &growth),
			 INT64_MAX - 10 * MIB);
}

static void the_weight_has_bounds(void **state)
{
	struct btrfs_space space = { .has_metadata = true, .metadata_free = 14 * MIB };
	unsigned int growth;

	(void)state;
	/* Nothing there yet, or no more: no way to know. */
	assert_int_equal(btrfs_room(&space, 0, GIB, &growth), 160 * MIB);
	assert_int_equal(growth, 8);
	space.metadata_used = 4 * MIB - 1;
	assert_int_equal(btrfs_room(&space, 0, GIB, &growth), 160 * MIB);
	space.metadata_used = 4 * MIB;
	assert_int_equal(btrfs_room(&space, 0, GIB, &growth), 40 * MIB); /* only small mails */
	assert_int_equal(growth, 2);
	space.metadata_used = 10 * MIB;
	space.data_used = 100 * GIB;
	assert_int_equal(btrfs_room(&space, 0, GIB, &growth), 320 * MIB);
	assert_int_equal(growth, 16);
}

static void found_by_its_size(void **state)
{
	static const char other[] = "00000000-0f4b-4125-a700-298c2430ba53";
	uint8_t found[BTRFS_UUID];

	(void)state;
	assert_int_equal(btrfs_by_size(root, GIB, found), -ENOENT); /* no btrfs on this host */
	assert_int_equal(btrfs_by_size("/no/sysfs", GIB, found), -EIO);
	put("features", "foo", 1);
	assert_int_equal(btrfs_by_size(root, GIB, found), -ENOENT);
	make(NAME);
	assert_int_equal(btrfs_by_size(root, GIB, found), 0);
	assert_memory_equal(found, uuid, BTRFS_UUID);
	assert_int_equal(btrfs_by_size(root, GIB - 4096, found), 0);
	assert_int_equal(btrfs_by_size(root, GIB + 4096, found), -ESRCH);
	make(other);
	assert_int_equal(btrfs_by_size(root, GIB, found), -ESRCH);
	put(other, "devices/loop1/size", GIB / 512);
	assert_int_equal(btrfs_by_size(root, GIB, found), 0);
	assert_memory_equal(found, uuid, BTRFS_UUID);
	/* Two copies of all data: statfs tells half. */
	put(other, "allocation/data/raid1/total_bytes", 0);
	assert_int_equal(btrfs_by_size(root, GIB, found), -ESRCH);
}

static enum upper_type upper(const char *mounts, uint32_t device, int64_t inodes, int64_t size)
{
	char path[128];
	struct upper_clues clues = {
		.mountinfo = path,
		.sysfs = root,
		.device = device,
		.size_bytes = size,
		.inodes = inodes,
	};
	struct upper result;
	FILE *out;

	snprintf(path, sizeof(path), "%s/mountinfo", root);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(mounts, out);
	fclose(out);
	upper_find(&clues, &result);
	if (result.fd >= 0)
		close(result.fd);
	return result.type;
}

/* Each asks of another device: what was found out of one is kept for seconds. */
static void what_is_beneath_an_overlay(void **state)
{
	static const char mounts[] = "20 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
				     "21 1 254:2 / /a rw shared:1 - xfs /dev/vda2 rw\n"
				     "22 1 0:41 / /ov rw - overlay overlay rw,upperdir=/a\n"
				     "23 1 0:50 / /nowhere/at\\040all rw - btrfs /dev/vdb rw\n";

	(void)state;
	assert_int_equal(upper(mounts, 254 << 20 | 1, 100, GIB), UPPER_EXT4);
	assert_int_equal(upper(mounts, 254 << 20 | 2, 100, GIB), UPPER_OTHER);
	/* Seen nowhere: a disk's own number, or inodes that are counted, are no btrfs'. */
	assert_int_equal(upper(mounts, 254 << 20 | 3, 0, GIB), UPPER_OTHER);
	assert_int_equal(upper(mounts, 60, 100, GIB), UPPER_OTHER);
	assert_int_equal(upper(mounts, 61, 0, GIB), UPPER_OTHER); /* and no btrfs on the host */
	make(NAME);
	assert_int_equal(upper(mounts, 62, 0, GIB), UPPER_BTRFS);
	assert_int_equal(upper(mounts, 41, 0, GIB), UPPER_BTRFS);
	assert_int_equal(upper(mounts, 0, 0, GIB), UPPER_BTRFS);
	assert_int_equal(upper(mounts, 50, 0, GIB), UPPER_BTRFS);
	assert_int_equal(upper(mounts, 62, 0, 2 * GIB), UPPER_UNCERTAIN);
	assert_int_equal(upper(mounts, 50, 0, 2 * GIB), UPPER_UNCERTAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_are_read),
		TEST(one_room_for_both),
		TEST(what_is_not_there_is_an_error),
		TEST(copies_want_devices_of_their_own),
		TEST(devices_that_cannot_be_asked),
		TEST(the_smaller_room_counts),
		TEST(the_weight_has_bounds),
		TEST(found_by_its_size),
		TEST(what_is_beneath_an_overlay),
	};

	return cmocka_run_group_tests_name("btrfs", tests, NULL, NULL);
}
