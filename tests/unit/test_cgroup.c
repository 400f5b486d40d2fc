/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory of a cgroup, read from files as v1 and v2 have them, and kills counted. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/units.h"
#include "watch/cgroup_watch.h"

#include "ledger.h"

#define HOST (16 * GIB)
#define S    NS_PER_S

struct fixture {
	char path[64];
	struct cgroup_mounts mounts;
	struct cgroup_memory memory;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	strcpy(fixture->path, "/tmp/spoolgate-cgroup-XXXXXX");
	if (!mkdtemp(fixture->path) || chdir(fixture->path))
		return -1;
	strcpy(fixture->mounts.memory, fixture->path);
	strcpy(fixture->mounts.unified, fixture->path);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	int status;

	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->path);
	status = system(command);
	free(fixture);
	return status;
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	mkdir(directory, 0755);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* Sizes in MiB; LIMIT is text, since it may be "max". */
static void put_v2(const char *directory, const char *limit, int usage, int inactive)
{
	char text[256];

	put(directory, "memory.max", limit);
	snprintf(text, sizeof(text), "%lld\n", (long long)usage * MIB);
	put(directory, "memory.current", text);
	snprintf(text, sizeof(text),
		 "anon 4096\nfile 8192\ninactive_anon 1\nactive_anon 2\n"
		 "inactive_file %lld\nactive_file 7\n",
		 (long long)inactive * MIB);
	put(directory, "memory.stat", text);
}

static void put_v1(const char *directory, const char *limit, int usage, int inactive)
{
	char text[256];

	put(directory, "memory.limit_in_bytes", limit);
	snprintf(text, sizeof(text), "%lld\n", (long long)usage * MIB);
	put(directory, "memory.usage_in_bytes", text);
	/* Its own comes first, the subtree's is what counts. */
	snprintf(text, sizeof(text),
		 "cache 1\ninactive_file 3\ntotal_cache 1\n"
		 "total_inactive_file %lld\n",
		 (long long)inactive * MIB);
	put(directory, "memory.stat", text);
}

static int read_memory(struct fixture *fixture, const char *path)
{
	return cgroup_read_memory(&fixture->mounts, path, HOST, &fixture->memory);
}

static void assert_memory(struct fixture *fixture, const char *path, int available, int limit)
{
	assert_int_equal(read_memory(fixture, path), 0);
	assert_int_equal(fixture->memory.available_bytes / MIB, available);
	assert_int_equal(fixture->memory.limit_bytes / MIB, limit);
}

static bool is_mounted(const char *point, dev_t device)
{
	(void)device;
	return strncmp(point, "/hidden", 7) != 0;
}

static void find(struct cgroup_mounts *mounts, const char *mountinfo)
{
	cgroup_find(mounts, mountinfo, is_mounted);
}

static void mounts_are_found(void **state)
{
	struct cgroup_mounts mounts;

	(void)state;
	find(&mounts, "22 1 0:21 / /proc rw - proc proc rw\n"
		      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
		      "rw,nsdelegate,memory_recursiveprot\n");
	assert_string_equal(mounts.memory, "/sys/fs/cgroup");
	assert_string_equal(mounts.unified, "/sys/fs/cgroup");
	assert_false(mounts.v1 || mounts.kills_by_cgroup);

	find(&mounts, "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup "
		      "rw,memory\n"
		      "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
		      "41 31 0:38 / /sys/fs/cgroup/unified rw shared:3 master:1 - cgroup2 "
		      "cgroup2 rw\n");
	assert_string_equal(mounts.memory, "/sys/fs/cgroup/memory");
	assert_string_equal(mounts.unified, "/sys/fs/cgroup/unified");
	assert_true(mounts.v1 && mounts.kills_by_cgroup);

	find(&mounts, "1 2 0:3 / /cg rw - cgroup2 none rw,memory_localevents\n");
	assert_true(!mounts.v1 && mounts.kills_by_cgroup);
	find(&mounts, "1 2 0:3 / /cg rw - cgroup none rw,name=memory\n");
	assert_string_equal(mounts.memory, "");
	find(&mounts, "");
	assert_string_equal(mounts.unified, "");
	/* A chroot's, which goes with it: of a part, and of the whole. */
	find(&mounts, "9 1 0:9 /jail /chroot/a rw - cgroup2 none rw\n"
		      "1 2 0:3 / /cg rw - cgroup2 none rw\n"
		      "4 2 0:4 / /cg1 rw - cgroup none rw,memory\n"
		      "5 2 0:3 / /chroot/b rw - cgroup2 none rw,memory_localevents\n"
		      "6 2 0:4 /jail /chroot/c rw - cgroup none rw,memory\n"
		      "7 2 0:4 / /chroot/d rw - cgroup none rw,memory\n");
	assert_string_equal(mounts.unified, "/cg");
	assert_string_equal(mounts.memory, "/cg1");
	find(&mounts, "5 2 0:3 / /cg rw - cgroup2 none rw\n"
		      "5 2 0:3 / /chroot/b rw - cgroup2 none rw,memory_localevents\n");
	assert_string_equal(mounts.memory, "/cg");
	assert_false(mounts.kills_by_cgroup);
	/* A container that sees no other. */
	find(&mounts, "1 2 0:3 /docker/1 /cg rw - cgroup2 none rw\n");
	assert_string_equal(mounts.unified, "/cg");
	find(&mounts, "1 2 - cgroup2\n - \n1 2 3 4 5 6\n");
	assert_string_equal(mounts.memory, "");
}

/* A FUSE filesystem mounted over them can hang; it is told by its device. */
static void what_is_mounted_over_is_not_taken(void **state)
{
	struct cgroup_mounts mounts;
	struct stat proc;

	(void)state;
	find(&mounts, "1 2 0:3 / /hidden rw - cgroup2 none rw\n"
		      "2 1 0:9 / /hidden rw - fuse.lxcfs lxcfs rw\n"
		      "4 2 0:77 / /hidden/1 rw - cgroup none rw,memory\n");
	assert_string_equal(mounts.memory, "");
	assert_true(cgroup_are_mounted(&mounts));
	find(&mounts, "1 2 0:3 / /hidden rw - cgroup2 none rw\n"
		      "4 2 0:77 / /cg rw - cgroup2 none rw\n");
	assert_string_equal(mounts.memory, "/cg");
	assert_int_equal(mounts.memory_device, makedev(0, 77));
	assert_int_equal(mounts.unified_device, makedev(0, 77));
	assert_false(cgroup_are_mounted(&mounts));
	assert_int_equal(stat("/proc", &proc), 0);
	assert_true(cgroup_is_mounted("/proc", proc.st_dev));
	assert_false(cgroup_is_mounted("/proc", proc.st_dev + 1));
	assert_false(cgroup_is_mounted("/proc/none", proc.st_dev));
}

/* Kernel programs know v2's cgroups only; what v2 does not have is either v1's, or nowhere. */
static void tasks_are_known_by_v2_alone(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup_mounts *mounts = &fixture->mounts;
	struct stat st;

	assert_int_equal(mkdir("mta", 0755), 0);
	assert_int_equal(stat("mta", &st), 0);
	assert_int_equal(cgroup_tasks(mounts, "/mta"), st.st_ino);
	assert_int_equal(cgroup_tasks(mounts, "/gone"), SYNCS_OF_NONE);

	mounts->v1 = true;
	strcat(mounts->memory, "/v1");
	assert_int_equal(mkdir("v1", 0755) || mkdir("v1/old", 0755), 0);
	assert_int_equal(cgroup_tasks(mounts, "/mta"), st.st_ino);
	assert_int_equal(cgroup_tasks(mounts, "/old"), SYNCS_OF_ALL);
	assert_int_equal(cgroup_tasks(mounts, "/gone"), SYNCS_OF_NONE);
	mounts->unified[0] = '\0';
	assert_int_equal(cgroup_tasks(mounts, "/gone"), SYNCS_OF_ALL);
}

/* Mail that is read again, or waits to be written while memory is reclaimed. */
static void active_page_cache_is_available(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "134217728\n", 127, 0);
	put("mta", "memory.stat", "inactive_file 52428800\nactive_file 76546048\n");
	assert_memory(fixture, "/mta", 124, 128);
	fixture->mounts.v1 = true;
	put_v1("mta", "134217728\n", 127, 0);
	put("mta", "memory.stat",
	    "active_file 1\ntotal_inactive_file 0\ntotal_active_file 104857600\n");
	assert_memory(fixture, "/mta", 101, 128);
}

/* A page cache full of mail is no pressure: memory.current as it stands would say 24 MiB. */
static void page_cache_is_available(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "1073741824\n", 1000, 800);
	assert_memory(fixture, "/mta", 824, 1024);
	put_v2("mta", "1073741824\n", 1000, 10);
	assert_memory(fixture, "/mta", 34, 1024);
	fixture->mounts.v1 = true;
	put_v1("old", "1073741824\n", 1000, 800);
	assert_memory(fixture, "/old", 824, 1024);
}

/* The counts are not of one moment. */
static void counts_that_contradict_each_other_are_bounded(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "1073741824\n", 100, 200);
	assert_memory(fixture, "/mta", 1024, 1024);
	put_v2("mta", "1073741824\n", 1500, 0);
	assert_memory(fixture, "/mta", 0, 1024);
}

static void the_nearest_limit_above_counts(void **state)
{
	struct fixture *fixture = *state;

	put_v2("a", "2147483648\n", 1900, 0);
	put_v2("a/b", "max\n", 600, 0);
	put_v2("a/b/c", "1073741824\n", 500, 0);
	assert_memory(fixture, "/a/b/c", 148, 2048); /* its neighbours fill the slice */
	put_v2("a", "2147483648\n", 600, 0);
	assert_memory(fixture, "/a/b/c", 524, 1024);
	assert_memory(fixture, "/a/b", 1448, 2048);
}

/* memory.max is there for the day that memory.high does not hold: the server crawls before that. */
static void where_the_kernel_throttles_is_a_limit(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "max\n", 90, 0);
	put("mta", "memory.high", "104857600\n");
	assert_memory(fixture, "/mta", 10, 100);
	put("mta", "memory.high", "max\n");
	assert_memory(fixture, "/mta", 0, 0);
	put_v2("mta", "209715200\n", 90, 0);
	assert_memory(fixture, "/mta", 110, 200);
	put("mta", "memory.high", "104857600\n");
	assert_memory(fixture, "/mta", 10, 100);
	put("mta", "memory.high", "419430400\n");
	assert_memory(fixture, "/mta", 110, 200);
	put("mta", "memory.high", "17179869184\n"); /* all the host has */
	assert_memory(fixture, "/mta", 110, 200);
	put_v2("mta/below", "max\n", 10, 0);
	put("mta", "memory.high", "94371840\n");
	assert_memory(fixture, "/mta/below", 0, 90);
	/* v1's soft limit throttles nothing. */
	fixture->mounts.v1 = true;
	put_v1("mta", "209715200\n", 90, 0);
	assert_memory(fixture, "/mta", 110, 200);
}

/* In a cgroup namespace the container's own limit is that of the mount point. */
static void the_limit_at_the_mount_point_counts(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "max\n", 100, 0);
	assert_memory(fixture, "/mta", 0, 0);
	put_v2(".", "134217728\n", 110, 0);
	assert_memory(fixture, "/mta", 18, 128);
	assert_memory(fixture, "/", 18, 128);
	assert_int_equal(cgroup_id(fixture->mounts.memory, "/"),
			 cgroup_id(fixture->mounts.memory, ""));
	fixture->mounts.v1 = true;
	put_v1("mta", "9223372036854771712\n", 100, 0);
	put_v1(".", "134217728\n", 120, 0);
	assert_memory(fixture, "/mta", 8, 128);
	assert_memory(fixture, "/", 8, 128);
}

/* The host's "/" is told from a container's by what the kernel leaves out there. */
static void the_host_is_told_from_a_container(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir("mta", 0755), 0);
	assert_true(cgroup_is_host(&fixture->mounts, "/"));
	assert_false(cgroup_is_host(&fixture->mounts, "/mta"));
	put(".", "cgroup.events", "populated 1\nfrozen 0\n");
	assert_false(cgroup_is_host(&fixture->mounts, "/"));
	fixture->mounts.v1 = true;
	assert_false(cgroup_is_host(&fixture->mounts, "/"));
	put(".", "release_agent", "\n");
	assert_true(cgroup_is_host(&fixture->mounts, "/"));
	fixture->mounts.memory[0] = '\0';
	assert_false(cgroup_is_host(&fixture->mounts, "/"));
}

static void no_limit_is_none(void **state)
{
	struct fixture *fixture = *state;

	put_v2("mta", "max\n", 600, 0);
	assert_memory(fixture, "/mta", 0, 0);
	put_v2("mta", "17179869184\n", 600, 0); /* all the host has */
	assert_memory(fixture, "/mta", 0, 0);
	fixture->mounts.v1 = true;
	put_v1("old", "9223372036854771712\n", 600, 0);
	assert_memory(fixture, "/old", 0, 0);
}

static void what_is_not_there_is_told_apart(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(read_memory(fixture, "/mta"), -ENOENT);
	assert_int_equal(mkdir("mta", 0755), 0);
	assert_int_equal(read_memory(fixture, "/mta"), -ENODATA);
	put_v2("mta", "max\n", 1, 0);
	assert_int_equal(read_memory(fixture, "/mta"), 0);
	fixture->mounts.memory[0] = '\0';
	assert_int_equal(read_memory(fixture, "/mta"), -ENOENT);
	assert_int_equal(cgroup_id("", "/"), 0);
}

static void kills_are_read(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup_kills kills[CGROUP_KILLS];
	char name[32];

	put("mta", "memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n");
	assert_int_equal(mkdir("mta/one", 0755), 0);
	put("mta/one", "memory.events", "oom_kill 2\n");
	assert_int_equal(cgroup_read_kills(&fixture->mounts, "/mta", kills), 1);
	assert_int_equal(kills[0].count, 2);
	assert_int_equal(kills[0].id, cgroup_id(fixture->mounts.memory, "/mta"));
	assert_int_equal(cgroup_read_kills(&fixture->mounts, "/none", kills), 0);

	fixture->mounts.v1 = fixture->mounts.kills_by_cgroup = true;
	put("old", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	put("old/a", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
	put("old/a/b", "memory.oom_control", "oom_kill 8\n");
	assert_int_equal(cgroup_read_kills(&fixture->mounts, "/old", kills), 3);
	assert_int_equal(kills[0].count + kills[1].count + kills[2].count, 13);
	for (int i = 0; i < CGROUP_KILLS; i++) {
		snprintf(name, sizeof(name), "old/%d", i);
		put(name, "memory.oom_control", "oom_kill 1\n");
	}
	assert_int_equal(cgroup_read_kills(&fixture->mounts, "/old", kills), CGROUP_KILLS);
}

/* One entry, as v2 has it. */
static int64_t count_one(struct cgroup_count *count, uint64_t id, int64_t killed, int64_t now)
{
	const struct cgroup_kills kills = { .id = id, .count = killed };

	return cgroup_count_kills(count, &kills, !!id, now);
}

static void kills_count_for_a_minute(void **state)
{
	struct cgroup_count count = { 0 };

	(void)state;
	assert_int_equal(count_one(&count, 7, 5, 100 * S), 0); /* of some time before */
	assert_int_equal(count_one(&count, 7, 6, 110 * S), 1);
	assert_int_equal(count_one(&count, 7, 8, 120 * S), 3);
	assert_int_equal(count_one(&count, 7, 8, 170 * S - 1), 3);
	assert_int_equal(count_one(&count, 7, 8, 170 * S), 2);
	assert_int_equal(count_one(&count, 7, 8, 180 * S), 0);
}

static void a_cgroup_created_anew_starts_from_nothing(void **state)
{
	struct cgroup_count count = { 0 };

	(void)state;
	assert_int_equal(count_one(&count, 7, 5, 100 * S), 0);
	assert_int_equal(count_one(&count, 0, 0, 101 * S), 0); /* gone */
	assert_int_equal(count_one(&count, 8, 0, 102 * S), 0);
	assert_int_equal(count_one(&count, 8, 1, 103 * S), 1);
	assert_int_equal(count_one(&count, 9, 2, 104 * S), 3); /* unseen between */
	assert_int_equal(count_one(&count, 0, 0, 105 * S), 3); /* killed and gone: still counts */
}

static void a_neighbour_that_goes_hides_no_kill(void **state)
{
	const struct cgroup_kills before[] = { { 1, 0 }, { 2, 3 }, { 3, 0 } };
	const struct cgroup_kills after[] = { { 1, 0 }, { 3, 1 } };
	struct cgroup_count count = { 0 };

	(void)state;
	assert_int_equal(cgroup_count_kills(&count, before, 3, 100 * S), 0);
	assert_int_equal(cgroup_count_kills(&count, after, 2, 101 * S), 1);
}

static void a_burst_is_bounded(void **state)
{
	struct cgroup_count count = { 0 };

	(void)state;
	assert_int_equal(count_one(&count, 7, 0, 100 * S), 0);
	assert_int_equal(count_one(&count, 7, INT64_MAX, 101 * S), CGROUP_RECENT);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_are_found),
		cmocka_unit_test(what_is_mounted_over_is_not_taken),
		WITH_FIXTURE(tasks_are_known_by_v2_alone),
		WITH_FIXTURE(page_cache_is_available),
		WITH_FIXTURE(active_page_cache_is_available),
		WITH_FIXTURE(counts_that_contradict_each_other_are_bounded),
		WITH_FIXTURE(the_nearest_limit_above_counts),
		WITH_FIXTURE(where_the_kernel_throttles_is_a_limit),
		WITH_FIXTURE(the_limit_at_the_mount_point_counts),
		WITH_FIXTURE(the_host_is_told_from_a_container),
		WITH_FIXTURE(no_limit_is_none),
		WITH_FIXTURE(what_is_not_there_is_told_apart),
		WITH_FIXTURE(kills_are_read),
		cmocka_unit_test(kills_count_for_a_minute),
		cmocka_unit_test(a_cgroup_created_anew_starts_from_nothing),
		cmocka_unit_test(a_neighbour_that_goes_hides_no_kill),
		cmocka_unit_test(a_burst_is_bounded),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
