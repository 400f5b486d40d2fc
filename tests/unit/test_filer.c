/* SPDX-License-Identifier: GPL-2.0-only */
/* The filer: files made and removed by another process, in order, and after the daemon's end too.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/apart.h"
#include "common/clock.h"
#include "common/units.h"
#include "publish/filer.h"

#define HANG_NS (300 * NS_PER_MS)

static char directory[] = "/tmp/filer.XXXXXX", path[64];
static struct filer *filer;
static pid_t filer_pid;

static int shed(const char *user)
{
	assert_string_equal(user, "nobody");
	return 0;
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
	assert_int_equal(filer_start(&filer, shed, "nobody"), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	filer_stop(filer);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
	return 0;
}

static void assert_holds(const char *text)
{
	char bytes[256] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
	close(fd);
	assert_string_equal(bytes, text);
}

static void test_writes_and_removes(void **state)
{
	(void)state;
	filer_write(filer, path, "one", "not written");
	assert_holds("one");
	filer_write(filer, path, "two", "not written");
	assert_holds("two");
	filer_write(filer, path, NULL, "not removed");
	assert_int_equal(access(path, F_OK), -1);
	filer_write(filer, path, NULL, "what is not there is removed");
	filer_write(filer, "/no/such/place/file", "x", "not written: /no/such/place/file");
	assert_true(filer_wait(filer));
}

static struct filer_reply placed;
static unsigned int placed_count;

static void take_placed(void *context, const struct filer_reply *reply)
{
	assert_ptr_equal(context, &placed);
	placed = *reply;
	placed_count++;
}

static int connects(void)
{
	struct unix_socket other;
	int ret;

	assert_int_equal(unix_socket_new(&other, path), 0);
	ret = connect(other.fd, (struct sockaddr *)&other.address, sizeof(other.address));
	close(other.fd);
	return ret ? -errno : 0;
}

static void test_places_and_removes_a_socket(void **state)
{
	const struct unix_socket_rule rule = {
		.path = path, .mode = 0600, .owner = "", .group = "", .user = "", .backlog = 4
	};
	struct unix_socket made;
	struct stat there;
	uint32_t serial;

	(void)state;
	assert_int_equal(unix_socket_new(&made, path), 0);
	serial = filer_place(filer, &made, &rule, take_placed, &placed);
	assert_int_not_equal(serial, 0);
	assert_true(filer_wait(filer));
	assert_int_equal(placed.serial, serial);
	assert_int_equal(placed.error, 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(placed.inode, there.st_ino);
	assert_int_equal(there.st_mode & 0777, 0600);
	assert_int_equal(connects(), 0);
	made.device = placed.device;
	made.inode = placed.inode;
	filer_remove(filer, &made);
	assert_true(filer_wait(filer));
	assert_int_equal(made.fd, -1);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_removes_no_other_socket(void **state)
{
	struct unix_socket made;

	(void)state;
	assert_int_equal(unix_socket_new(&made, path), 0);
	filer_write(filer, path, "another", "not written");
	made.inode = 1;
	filer_remove(filer, &made);
	assert_true(filer_wait(filer));
	assert_holds("another");
}

static void find_filer(void)
{
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/self/task/%d/children", getpid());
	file = fopen(name, "r");
	if (!file || fscanf(file, "%d", &filer_pid) != 1)
		filer_pid = 0;
	if (file)
		fclose(file);
}

/* One that is stopped is as one that hangs on a disk. */
static void test_a_hang_is_waited_for_once(void **state)
{
	int64_t begin_ns;

	(void)state;
	find_filer();
	if (!filer_pid) {
		print_message("needs /proc/PID/task/TID/children\n");
		skip();
	}
	kill(filer_pid, SIGSTOP);
	begin_ns = monotonic_ns();
	for (unsigned int i = 0; i < 20; i++)
		filer_write(filer, path, i % 2 ? NULL : "hung", "while it hangs");
	assert_true(monotonic_ns() - begin_ns < HANG_NS);
	assert_false(filer_wait(filer));
	assert_int_equal(access(path, F_OK), -1);
	filer_write(filer, path, "last", "while it hangs");
	kill(filer_pid, SIGCONT);
	/* It hangs until it has said otherwise: the loop hears that. */
	for (unsigned int i = 0; i < 1000 && !filer_wait(filer); i++)
		usleep(10000);
	assert_holds("last");
}

/* What it was asked is done though nobody hears the answers any more. */
static void test_does_all_before_it_ends(void **state)
{
	(void)state;
	find_filer();
	if (filer_pid)
		kill(filer_pid, SIGSTOP);
	for (unsigned int i = 0; i < 3; i++)
		filer_write(filer, path, i < 2 ? "not this" : "all", "while it hangs");
	if (filer_pid)
		kill(filer_pid, SIGCONT);
	filer_stop(filer);
	filer = NULL;
	assert_holds("all");
}

static int hang(void *data)
{
	(void)data;
	pause();
	return 0;
}

static int add(void *data)
{
	*(int *)data += 1;
	return -ENOENT;
}

static void test_apart(void **state)
{
	int number = 1;

	(void)state;
	assert_int_equal(apart(add, &number, sizeof(number), -1, 10000), -ENOENT);
	assert_int_equal(number, 2);
	assert_int_equal(apart(hang, &number, sizeof(number), -1, 50), -ETIMEDOUT);
	assert_int_equal(number, 2);
	assert_int_equal(apart(add, &number, APART_MOST, -1, 50), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_writes_and_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places_and_removes_a_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removes_no_other_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_hang_is_waited_for_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_does_all_before_it_ends, setup, teardown),
		cmocka_unit_test(test_apart),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("filer", tests, NULL, NULL);
}
