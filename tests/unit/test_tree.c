/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting the files in a directory tree. On whatever filesystem is at hand. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/queue.h"
#include "watch/tree.h"

struct fixture {
	char path[64];
	struct tree *tree;
	struct tree_count count;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	/* In memory, where there is room for so many directories in no time. */
	strcpy(fixture->path, access("/dev/shm", W_OK) ? "/tmp/spoolgate-tree-XXXXXX"
						       : "/dev/shm/spoolgate-tree-XXXXXX");
	if (!mkdtemp(fixture->path) || chdir(fixture->path))
		return -1;
	fixture->tree = tree_new(fixture->path);
	*state = fixture;
	return fixture->tree ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	int status;

	tree_free(fixture->tree);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->path);
	status = system(command);
	free(fixture);
	return status;
}

static void make_directory(const char *name)
{
	assert_int_equal(mkdir(name, 0700), 0);
}

static void make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_files(const char *directory, unsigned int count)
{
	char name[128];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%u", directory, i);
		make_file(name);
	}
}

/* Everything that has changed is read, in as many rounds as it takes: one, without a bound. */
static int64_t count_all(struct fixture *fixture)
{
	assert_int_equal(tree_count(fixture->tree, TREE_UNBOUNDED, &fixture->count), 0);
	assert_false(fixture->count.behind);
	return fixture->count.files;
}

static void files_are_counted_at_every_depth(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(count_all(fixture), 0);
	assert_int_equal(fixture->count.directories, 1);
	make_files(".", 3);
	make_directory("A");
	make_directory("A/B");
	make_directory("A/B/C");
	make_files("A", 5);
	make_files("A/B/C", 7);
	assert_int_equal(count_all(fixture), 15);
	assert_int_equal(fixture->count.directories, 4);
	assert_false(fixture->count.clipped || fixture->count.unreadable);
}

static void what_is_no_file_is_not_counted(void **state)
{
	struct fixture *fixture = *state;

	make_directory("A");
	make_files("A", 2);
	assert_int_equal(symlink("A", "to-a-directory"), 0);
	assert_int_equal(symlink("A/0", "to-a-file"), 0);
	assert_int_equal(symlink(".", "A/loop"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(count_all(fixture), 2);
	assert_int_equal(fixture->count.directories, 2);
}

/* The top may be one: /var/spool/mqueue that points to another disk. */
static void a_link_to_the_top_is_followed(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	struct tree *tree;

	make_directory("real");
	make_files("real", 4);
	assert_int_equal(symlink("real", "queue"), 0);
	snprintf(path, sizeof(path), "%s/queue", fixture->path);
	tree = tree_new(path);
	assert_int_equal(tree_count(tree, TREE_UNBOUNDED, &fixture->count), 0);
	assert_int_equal(fixture->count.files, 4);
	tree_free(tree);
}

static void changes_are_followed(void **state)
{
	struct fixture *fixture = *state;

	make_directory("A");
	make_directory("B");
	make_directory("B/C");
	make_files("A", 4);
	make_files("B/C", 6);
	assert_int_equal(count_all(fixture), 10);
	assert_int_equal(unlink("A/0"), 0);
	assert_int_equal(count_all(fixture), 9);
	assert_int_equal(rename("A/1", "B/C/moved"), 0);
	assert_int_equal(count_all(fixture), 9);
	assert_int_equal(rename("B", "A/B"), 0);
	assert_int_equal(count_all(fixture), 9);
	assert_int_equal(fixture->count.directories, 4);
	make_directory("B");
	make_files("B", 1);
	assert_int_equal(count_all(fixture), 10);
	assert_int_equal(system("rm -r A"), 0);
	assert_int_equal(count_all(fixture), 1);
	assert_int_equal(fixture->count.directories, 2);
}

/* Whoever owns the queue may put a link in a directory's place: between two looks, too. */
static void a_link_in_place_of_a_directory_is_not_followed(void **state)
{
	struct fixture *fixture = *state;

	make_directory("queue");
	make_directory("queue/A");
	make_directory("secret");
	make_files("queue/A", 5);
	make_files("secret", 9);
	count_all(fixture);
	assert_int_equal(fixture->count.files, 14);
	assert_int_equal(rename("queue/A", "A"), 0);
	assert_int_equal(symlink("../secret", "queue/A"), 0);
	/* What it is in is not read again yet. */
	assert_int_equal(tree_count(fixture->tree, 0, &fixture->count), 0);
	assert_int_equal(fixture->count.files, 9);
	assert_int_equal(count_all(fixture), 14);
}

/* An idle tree costs a look at each directory, as soon as no change can hide in its clock's grain.
 */
static void only_what_has_changed_is_read_again(void **state)
{
	struct fixture *fixture = *state;

	make_directory("A");
	make_directory("B");
	make_files("A", 3);
	make_files("B", 3);
	count_all(fixture);
	count_all(fixture);
	assert_int_equal(fixture->count.directories_read, 3); /* too young to tell */
	sleep(3);
	count_all(fixture);
	assert_int_equal(count_all(fixture), 6);
	assert_int_equal(fixture->count.directories_read, 0);
	make_file("A/new");
	assert_int_equal(count_all(fixture), 7);
	assert_int_equal(fixture->count.directories_read, 1);
	/* A second change in the same tick of the clock. */
	make_file("A/newer");
	assert_int_equal(count_all(fixture), 8);
}

/* Every directory has its turn, however many change all the time. */
static void a_bounded_round_leaves_the_rest_to_the_next(void **state)
{
	struct fixture *fixture = *state;
	unsigned int rounds = 0, i;
	char name[16];

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%02u", i);
		make_directory(name);
	}
	assert_int_equal(count_all(fixture), 0);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%02u", i);
		make_files(name, 100);
	}
	do {
		assert_int_equal(tree_count(fixture->tree, NS_PER_MS / 4, &fixture->count), 0);
		assert_int_equal(fixture->count.files % 100, 0);
	} while (fixture->count.behind && ++rounds < 1000);
	assert_int_equal(fixture->count.files, 4000);
	assert_in_range(rounds, 1, 200);
}

static void no_budget_reads_nothing(void **state)
{
	struct fixture *fixture = *state;

	make_files(".", 10);
	count_all(fixture);
	make_file("new");
	assert_int_equal(tree_count(fixture->tree, 0, &fixture->count), 0);
	assert_true(fixture->count.behind);
	assert_int_equal(fixture->count.files, 10);
	assert_int_equal(count_all(fixture), 11);
}

static void depth_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	char path[64] = "d";

	for (unsigned int i = 0; i < TREE_DEPTH; i++, strcat(path, "/d")) {
		make_directory(path);
		make_files(path, 1);
	}
	assert_int_equal(count_all(fixture), TREE_DEPTH);
	assert_false(fixture->count.clipped);
	make_directory(path);
	make_files(path, 1);
	assert_int_equal(count_all(fixture), TREE_DEPTH);
	assert_true(fixture->count.clipped);
}

static void the_number_of_directories_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	char path[16];

	for (unsigned int i = 1; i < TREE_DIRECTORIES; i++) {
		snprintf(path, sizeof(path), "%u", i);
		make_directory(path);
	}
	count_all(fixture);
	assert_int_equal(fixture->count.directories, TREE_DIRECTORIES);
	assert_false(fixture->count.clipped);
	make_directory("one-more");
	count_all(fixture);
	assert_int_equal(fixture->count.directories, TREE_DIRECTORIES);
	assert_true(fixture->count.clipped);
}

/* Of the name that is told, the end is what is seen. */
static void what_is_elsewhere_is_told(void **state)
{
	struct fixture *fixture = *state;
	char name[256], path[1024];

	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		print_message("needs root\n");
		skip();
	}
	make_directory("A");
	make_directory("A/B");
	make_files("A/B", 3);
	make_files(".", 2);
	assert_int_equal(mount("none", "A/B", "tmpfs", 0, NULL), 0);
	make_files("A/B", 9);
	assert_int_equal(count_all(fixture), 2);
	assert_int_equal(fixture->count.elsewhere, 1);
	assert_string_equal(fixture->count.elsewhere_name, "A/B");
	assert_int_equal(umount("A/B"), 0);
	assert_int_equal(count_all(fixture), 5);
	assert_int_equal(fixture->count.elsewhere, 0);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	make_directory(name);
	snprintf(path, sizeof(path), "%s/mount", name);
	make_directory(path);
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	count_all(fixture);
	assert_int_equal(umount(path), 0);
	assert_int_equal(fixture->count.elsewhere, 1);
	assert_int_equal(strlen(fixture->count.elsewhere_name), TREE_NAME - 1);
	assert_string_equal(fixture->count.elsewhere_name + TREE_NAME - 1 - 9, "nnn/mount");
	assert_false(fixture->count.clipped);
}

static void it_may_come_and_go(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(fixture->path), 0);
	assert_int_equal(tree_count(fixture->tree, TREE_UNBOUNDED, &fixture->count), -ENOENT);
	make_file(fixture->path);
	assert_int_equal(tree_count(fixture->tree, TREE_UNBOUNDED, &fixture->count), -ENOTDIR);
	assert_int_equal(unlink(fixture->path), 0);
	make_directory(fixture->path);
	make_files(fixture->path, 3);
	assert_int_equal(count_all(fixture), 3);
}

/* 0.5 % of a processor for all queues, 5 % of a disk for each. */
static void a_round_is_rested_from(void **state)
{
	(void)state;
	assert_int_equal(queue_rest_ns(0, 0, 1), 0);
	assert_int_equal(queue_rest_ns(25 * NS_PER_MS, 25 * NS_PER_MS, 1), 4975 * NS_PER_MS);
	assert_int_equal(queue_rest_ns(NS_PER_S, NS_PER_S, 1), 199 * NS_PER_S);
	assert_int_equal(queue_rest_ns(NS_PER_S, NS_PER_S, 8), 1599 * NS_PER_S);
	assert_int_equal(queue_rest_ns(NS_PER_S, 30 * NS_PER_S, 1), 570 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_counted_at_every_depth, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_to_the_top_is_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_are_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_in_place_of_a_directory_is_not_followed,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_what_has_changed_is_read_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_bounded_round_leaves_the_rest_to_the_next, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(no_budget_reads_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(depth_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_number_of_directories_is_bounded, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_elsewhere_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_may_come_and_go, set_up, tear_down),
		cmocka_unit_test(a_round_is_rested_from),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
