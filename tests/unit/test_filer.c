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
#include "publish/filer_internal.h"

#define HANG_NS (300 * NS_PER_MS)

static char directory[] = "/tmp/filer.XXXXXX", path[64];
static struct filer *filer;
static struct child child;
static struct children children;
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
	memset(&children, 0, sizeof(children));
	assert_int_equal(filer_new(&filer, &child, shed, "nobody"), 0);
	children_add(&children, &child, false);
	assert_int_equal(children_start(&children, NULL, NULL), 0);
	assert_int_equal(child_start(&child, NULL, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	filer_free(filer);
	children_stop(&children);
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

static struct unix_socket_rule rule_of(const char *where)
{
	return (struct unix_socket_rule){
		.path = where, .mode = 0600, .owner = "", .group = "", .user = "", .backlog = 4
	};
}

static void test_places_finds_and_removes_a_socket(void **state)
{
	const struct unix_socket_rule rule = rule_of(path);
	struct unix_socket made;
	struct stat there;
	int fd;

	(void)state;
	assert_int_equal(unix_socket_new(&made, path), 0);
	assert_int_equal(filer_place(filer, &made, &rule, take_placed, &placed), 0);
	assert_true(filer_wait(filer));
	assert_int_equal(placed.error, 0);
	assert_int_equal(stat(path, &there), 0);
	assert_int_equal(placed.socket.inode, there.st_ino);
	assert_int_equal(there.st_mode & 0777, 0600);
	assert_int_equal(connects(), 0);
	fd = made.fd;
	made = placed.socket;
	made.fd = fd;
	assert_int_equal(filer_find(filer, &made, &rule, take_placed, &placed), 0);
	assert_true(filer_wait(filer));
	assert_int_equal(placed.found, SOCKET_HERE);
	filer_remove(filer, &made);
	assert_true(filer_wait(filer));
	assert_int_equal(made.fd, -1);
	assert_int_equal(access(path, F_OK), -1);
}

/* Nobody hears of what he is no longer there to hear of. */
static void test_forgets(void **state)
{
	const struct unix_socket_rule rule = rule_of(path);
	struct unix_socket made;
	unsigned int before = placed_count;

	(void)state;
	assert_int_equal(unix_socket_new(&made, path), 0);
	assert_int_equal(filer_place(filer, &made, &rule, take_placed, &placed), 0);
	filer_forget(filer, &placed);
	assert_true(filer_wait(filer));
	assert_int_equal(placed_count, before);
	close(made.fd);
}

/* What there is at the path of a socket that was placed. */
static void test_finds(void **state)
{
	const struct unix_socket_rule rule = rule_of(path);
	struct unix_socket made, other;
	char moved[80];

	(void)state;
	assert_int_equal(unix_socket_new(&made, path), 0);
	assert_int_equal(unix_socket_place(&made, &rule), 0);
	assert_int_equal(unix_socket_find(&made), SOCKET_HERE);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(unix_socket_find(&made), SOCKET_HERE);
	snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(unix_socket_find(&made), SOCKET_REMOVED);
	assert_int_equal(unix_socket_new(&other, path), 0);
	assert_int_equal(unix_socket_place(&other, &rule), 0);
	assert_int_equal(unix_socket_find(&made), SOCKET_REPLACED);
	unix_socket_close(&other);
	assert_int_equal(rename(moved, path), 0);
	assert_int_equal(unix_socket_find(&made), SOCKET_HERE);
	made.beside++; /* as if its directory were on another device now */
	assert_int_equal(unix_socket_find(&made), SOCKET_HERE);
	unlink(path);
	assert_int_equal(unix_socket_find(&made), SOCKET_HIDDEN);
	unix_socket_close(&made);
}

/* Of a directory that is gone, only our own is made: by ourselves, or by our name. */
static void test_makes_its_own_directory_again(void **state)
{
	static const struct {
		const char *name;
		bool made_by_us;
		int error;
	} rows[] = {
		{ "theirs", false, -ENOENT },
		{ "ours", true, 0 },
		{ "spoolgate", false, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char where[80], below[70];
		struct unix_socket_rule rule = rule_of(where);
		struct unix_socket made;
		bool own;

		snprintf(below, sizeof(below), "%s/%s", directory, rows[i].name);
		snprintf(where, sizeof(where), "%s/s", below);
		if (!rows[i].made_by_us)
			assert_int_equal(mkdir(below, 0755), 0);
		assert_int_equal(unix_socket_new(&made, where), 0);
		assert_int_equal(unix_socket_place(&made, &rule), 0);
		own = made.own_directory;
		unix_socket_close(&made);
		assert_int_equal(rmdir(below), 0);
		assert_int_equal(unix_socket_new(&made, where), 0);
		rule.again = true;
		made.own_directory = own;
		assert_int_equal(unix_socket_place(&made, &rule), rows[i].error);
		unix_socket_close(&made);
		rmdir(below);
	}
}

static bool is_raised;
static unsigned int raised_count;

static void raise_here(bool raised)
{
	is_raised = raised;
	raised_count += raised;
}

/* The placer does what it knows, as it knows it, whatever else is asked. */
static void test_placer_does_what_it_knows(void **state)
{
	struct unix_socket_rule rule = rule_of(path);
	const struct filer_placer placer = { .rules = &rule, .count = 1, .raise = raise_here };
	struct filer_known *known = calloc(1, sizeof(*known));
	struct filer_request request = { .operation = FILER_WRITE, .known = 1 };
	struct filer_reply reply = { 0 };
	struct unix_socket made;
	struct stat there;

	(void)state;
	assert_int_equal(filer_known_take(known, &placer), 0);
	assert_int_equal(filer_known_find(known, &rule), 1);
	rule.mode = 0666;
	assert_int_equal(filer_known_find(known, &rule), 0);

	strcpy(request.text, "x");
	snprintf(request.path, sizeof(request.path), "%s", path);
	filer_do_known(known, &request, &reply);
	assert_int_equal(access(path, F_OK), -1);

	request.operation = FILER_PLACE;
	request.known = 2;
	filer_do_known(known, &request, &reply);
	assert_int_equal(reply.error, -EPERM);

	/* Somewhere else, for everybody: no. */
	request.known = 1;
	request.mode = 0666;
	assert_int_equal(unix_socket_new(&made, "/tmp/another"), 0);
	request.socket = made;
	filer_do_known(known, &request, &reply);
	assert_int_equal(reply.error, 0);
	assert_int_equal(access("/tmp/another", F_OK), -1);
	assert_int_equal(lstat(path, &there), 0);
	assert_int_equal(there.st_mode & 0777, 0600);
	assert_false(is_raised);
	assert_true(raised_count > 0);
	unlink(path);
	close(made.fd);
	free(known);
}

/* Whoever may change the way to a directory could have us write somewhere else. */
static void test_way(void **state)
{
	char way[128], link[80];

	(void)state;
	assert_true(filer_way_is_roots("/socket"));
	assert_true(filer_way_is_roots("/usr/nobody-has-made-this/socket"));
	assert_true(filer_way_is_roots("/usr/share/socket"));
	assert_true(filer_way_is_roots("/tmp/socket")); /* what is in it is what may be changed */
	assert_false(filer_way_is_roots("/tmp/nobody-has-made-this/socket"));
	snprintf(way, sizeof(way), "%s/socket", directory);
	assert_int_equal(filer_way_is_roots(way), !geteuid());
	snprintf(way, sizeof(way), "%s/directory/socket", directory);
	assert_int_equal(filer_way_is_roots(way), !geteuid());
	assert_false(filer_way_is_roots("/usr/nobody-has-made-this/neither/socket"));
	assert_false(filer_way_is_roots("/etc/passwd/socket"));
	assert_false(filer_way_is_roots("socket"));
	if (geteuid()) {
		print_message("links: needs root\n");
		skip();
	}
	/* By links of root's, as /var/run is, to where root alone decides. */
	snprintf(link, sizeof(link), "/usr/share/%s", strrchr(directory, '/') + 1);
	assert_int_equal(symlink("../share", link), 0);
	snprintf(way, sizeof(way), "%s/man/socket", link);
	assert_true(filer_way_is_roots(way));
	assert_int_equal(lchown(link, 1, 1), 0);
	assert_false(filer_way_is_roots(way));
	unlink(link);
	assert_int_equal(chown(directory, 1, 1), 0);
	snprintf(way, sizeof(way), "%s/directory/socket", directory);
	assert_false(filer_way_is_roots(way));
	assert_int_equal(symlink(directory, link), 0);
	snprintf(way, sizeof(way), "%s/directory/socket", link);
	assert_false(filer_way_is_roots(way));
	unlink(link);
	assert_int_equal(symlink(link, link), 0);
	assert_false(filer_way_is_roots(way));
	unlink(link);
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
	for (int i = 0; i < 1000 && !children.states[child.number].starts; i++)
		usleep(10000);
	filer_pid = children.states[child.number].pid;
	assert_true(filer_pid > 0);
}

/* One that is stopped is as one that hangs on a disk. */
static void test_a_hang_is_waited_for_once(void **state)
{
	int64_t begin_ns;

	(void)state;
	find_filer();
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

/* What one that is killed was asked is done by the next. */
static void test_another_one_does_the_rest(void **state)
{
	(void)state;
	filer_write(filer, path, "first", "not written");
	find_filer();
	kill(filer_pid, SIGSTOP);
	filer_write(filer, path, "not this", "while it hangs");
	filer_write(filer, path, NULL, "while it hangs");
	kill(filer_pid, SIGKILL);
	for (unsigned int i = 0; i < 1000 && !filer_wait(filer); i++)
		usleep(10000);
	assert_int_equal(access(path, F_OK), -1);
	filer_write(filer, path, "second", "not written");
	assert_holds("second");
	assert_int_equal(children.states[child.number].starts, 2);
}

/* What it was asked is done though nobody hears the answers any more. */
static void test_does_all_before_it_ends(void **state)
{
	(void)state;
	find_filer();
	kill(filer_pid, SIGSTOP);
	for (unsigned int i = 0; i < 3; i++)
		filer_write(filer, path, i < 2 ? "not this" : "all", "while it hangs");
	kill(filer_pid, SIGCONT);
	filer_free(filer);
	filer = NULL;
	children_stop(&children);
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
		cmocka_unit_test_setup_teardown(test_places_finds_and_removes_a_socket, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_makes_its_own_directory_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_placer_does_what_it_knows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removes_no_other_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_hang_is_waited_for_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_one_does_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_does_all_before_it_ends, setup, teardown),
		cmocka_unit_test(test_apart),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("filer", tests, NULL, NULL);
}
