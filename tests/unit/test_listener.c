/* SPDX-License-Identifier: GPL-2.0-only */
/* The listeners: who may connect, who stays, and what a reload changes. */
#include <grp.h>

#include "listener_server.h"

/* Asks and hears that all is open: the connection lives. */
static void ask(int fd)
{
	say_policy(fd, "RCPT", "192.0.2.2", "", 1, "");
	assert_heard(fd, DUNNO);
}

static void policy_start(struct house *house)
{
	house_listener(house, PROTOCOL_POSTFIX_POLICY, "policy");
	house_start(house);
}

static void test_tcp(void **state)
{
	struct house *house = *state;
	int fds[2];

	house_tcp(house, AF_INET);
	house_tcp(house, AF_INET6);
	house_start(house);
	for (unsigned int i = 0; i < 2; i++) {
		fds[i] = house_dial(house, i);
		assert_true(fds[i] >= 0);
		ask(fds[i]);
		close(fds[i]);
	}
	wait_connections(house, 0);
	house_stop(house);
}

static void test_mode_owner_group(void **state)
{
	struct house *house = *state;
	struct config_listener *listener = house_listener(house, PROTOCOL_POSTFIX_POLICY, "policy");
	const char *path = listener->address + strlen("unix:");
	struct group *group = getgrnam("mail");
	struct stat made;

	need_root();
	listener->mode = 0620;
	strcpy(listener->owner, "daemon");
	strcpy(listener->group, group ? "mail" : "root");
	house_start(house);
	assert_int_equal(stat(path, &made), 0);
	assert_int_equal(made.st_mode & 07777, 0620);
	assert_int_equal(made.st_uid, 1);
	assert_int_equal(made.st_gid, group ? group->gr_gid : 0);
	house_stop(house);
	assert_int_equal(stat(path, &made), -1);
}

/* The directory below the queue is the daemon's own, and postfix may go through it. */
static void test_directory(void **state)
{
	struct house *house = *state;
	struct config_listener *listener =
		house_listener(house, PROTOCOL_POSTFIX_POLICY, "spoolgate/policy");
	char directory[100];
	struct stat made;
	int fd;

	need_root();
	strcpy(house->config->user, "daemon");
	snprintf(directory, sizeof(directory), "%s/spoolgate", house->directory);
	house_start(house);
	fd = house_dial(house, 0);
	ask(fd);
	close(fd);
	assert_int_equal(stat(directory, &made), 0);
	assert_int_equal(made.st_mode & 07777, 0755);
	assert_int_equal(made.st_uid, 1);
	house_stop(house);
	assert_int_equal(access(listener->address + strlen("unix:"), F_OK), -1);
	assert_int_equal(rmdir(directory), 0);
}

/* One that cannot be opened costs nobody else anything. */
static void test_one_fails(void **state)
{
	struct house *house = *state;
	struct config_listener *absent =
		house_listener(house, PROTOCOL_POSTFIX_POLICY, "no/such/policy");
	struct config_listener *file = house_listener(house, PROTOCOL_SOCKETMAP, "file");
	struct house_counters counters;
	int fd;

	(void)absent;
	fd = open(file->address + strlen("unix:"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	policy_start(house);
	counters = house_counters(house);
	assert_int_equal(counters.count, 3);
	assert_false(counters.open[0]);
	assert_false(counters.open[1]);
	assert_true(counters.open[2]);
	fd = house_dial(house, 2);
	ask(fd);
	close(fd);
	house_stop(house);
	assert_int_equal(access(file->address + strlen("unix:"), F_OK), 0);
}

/* A dead daemon's is replaced, one that answers is not. */
static void test_stale_and_busy(void **state)
{
	struct house *house = *state;
	struct house second = *house;
	int fd;

	policy_start(house);
	kill(house->pid, SIGKILL);
	waitpid(house->pid, NULL, 0);
	close(house->orders);
	close(house->replies);
	house_start(house);
	assert_true(house_counters(house).open[0]);
	house_start(&second);
	assert_false(house_counters(&second).open[0]);
	house_stop(&second);
	fd = house_dial(house, 0);
	ask(fd);
	close(fd);
	house_stop(house);
}

static void test_quiet_one_makes_room(void **state)
{
	struct house *house = *state;
	int fds[4], newcomer;

	house->setup.connections_max = 4;
	house->setup.times.quiet_ns = 1;
	policy_start(house);
	for (int i = 0; i < 4; i++) {
		fds[i] = house_dial(house, 0);
		ask(fds[i]);
	}
	ask(fds[0]);
	newcomer = house_dial(house, 0);
	ask(newcomer);
	assert_ended(fds[1]);
	ask(fds[0]);
	ask(fds[2]);
	ask(fds[3]);
	assert_int_equal(house_counters(house).dropped, 1);
	assert_int_equal(house_counters(house).lacked, 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(newcomer);
	house_stop(house);
}

/* Whose answers are held are not quiet: the newcomer waits until one of them has gone. */
static void test_full_of_held(void **state)
{
	struct house *house = *state;
	int fds[2], newcomer;

	house->setup.connections_max = 2;
	house->setup.times.quiet_ns = 1;
	policy_start(house);
	for (int i = 0; i < 2; i++) {
		fds[i] = house_dial(house, 0);
		say_policy(fds[i], "RCPT", HELD_ADDRESS, "", 1, "");
	}
	while (house_counters(house).requests < 2)
		sleep_ms(5);
	newcomer = house_dial(house, 0);
	say_policy(newcomer, "RCPT", "192.0.2.2", "", 1, "");
	sleep_ms(300);
	assert_int_equal(house_counters(house).requests, 2);
	assert_true(house_counters(house).lacked > 0);
	close(fds[0]);
	assert_heard(newcomer, DUNNO);
	close(fds[1]);
	close(newcomer);
	house_stop(house);
}

/* Out of descriptors, the quiet make room. */
static void test_out_of_descriptors(void **state)
{
	enum {
		COUNT = 60
	};
	struct house *house = *state;
	int fds[COUNT];

	house->setup.open_files = 40;
	house->setup.connections_max = 1000; /* more than the files allow */
	house->setup.times.quiet_ns = 1;
	policy_start(house);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = house_dial(house, 0);
		ask(fds[i]);
	}
	assert_in_range(house_counters(house).connections, 10, 40);
	assert_true(house_counters(house).dropped >= COUNT - 40);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	wait_connections(house, 0);
	house_stop(house);
}

static void test_half_sent_has_a_deadline(void **state)
{
	struct house *house = *state;
	int half, good;

	house->setup.times.partial_ns = 400 * NS_PER_MS;
	policy_start(house);
	half = house_dial(house, 0);
	good = house_dial(house, 0);
	say(half, "request=smtpd_access_policy\n");
	assert_ended(half);
	ask(good);
	assert_int_equal(house_counters(house).connections, 1);
	assert_int_equal(house_counters(house).dropped, 1);
	close(half);
	close(good);
	house_stop(house);
}

/* Its pipe full, a peer that reads nothing is closed in the end, and the others are answered. */
static void test_answers_not_taken(void **state)
{
	struct house *house = *state;
	char text[] = "request=smtpd_access_policy\n\n";
	int mute, good;

	house->setup.times.unsent_ns = 300 * NS_PER_MS;
	policy_start(house);
	mute = house_dial(house, 0);
	good = house_dial(house, 0);
	fcntl(mute, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 200000; i++)
		if (send(mute, text, strlen(text), MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN)
				break;
			sleep_ms(5);
		}
	ask(good);
	wait_connections(house, 1);
	close(mute);
	close(good);
	house_stop(house);
}

static void test_idle_outlives_postfix(void **state)
{
	struct house *house = *state;
	int idle, good;

	house->setup.times.idle_ns = 1000 * NS_PER_MS;
	policy_start(house);
	idle = house_dial(house, 0);
	good = house_dial(house, 0);
	for (int i = 0; i < 30; i++) {
		ask(good);
		sleep_ms(50);
	}
	assert_ended(idle);
	ask(good);
	close(idle);
	close(good);
	house_stop(house);
}

/* What was asked before the end of input is answered. */
static void test_half_close(void **state)
{
	struct house *house = *state;
	int fd;

	policy_start(house);
	fd = house_dial(house, 0);
	say(fd, "request=smtpd_access_policy\n\nrequest=smtpd_access_policy\n\nrequest=");
	shutdown(fd, SHUT_WR);
	assert_heard(fd, DUNNO DUNNO);
	assert_ended(fd);
	close(fd);
	wait_connections(house, 0);
	house_stop(house);
}

/* Pipelined: all are answered, and another connection in between. */
static void test_pipelining(void **state)
{
	enum {
		COUNT = 5000
	};
	struct house *house = *state;
	int fd, other;
	pid_t child;

	policy_start(house);
	fd = house_dial(house, 0);
	other = house_dial(house, 0);
	child = fork();
	if (!child) {
		for (int i = 0; i < COUNT; i++)
			if (!try_say(fd, "request=smtpd_access_policy\n\n", 29))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < COUNT; i++) {
		assert_heard(fd, DUNNO);
		if (i % 100 == 0)
			ask(other);
	}
	waitpid(child, NULL, 0);
	assert_int_equal(house_counters(house).requests, COUNT + COUNT / 100);
	close(fd);
	close(other);
	house_stop(house);
}

static void test_reload_keeps_what_is_unchanged(void **state)
{
	struct house *house = *state;
	struct house_counters counters;
	char gone[120];
	int kept, removed, added;

	house_listener(house, PROTOCOL_POSTFIX_POLICY, "goes");
	house_listener(house, PROTOCOL_POSTFIX_POLICY, "stays");
	house_start(house);
	removed = house_dial(house, 0);
	kept = house_dial(house, 1);
	ask(kept);
	ask(removed);
	strcpy(gone, house->config->listeners[0].address + strlen("unix:"));
	house->config->listeners[0] = house->config->listeners[1];
	house->config->listeners[0].line = 77;
	house->config->listener_count = 1;
	house_listener(house, PROTOCOL_POSTFIX_POLICY, "comes");
	counters = house_order(house, 'r');
	assert_int_equal(counters.count, 2);
	assert_int_equal(counters.connections, 1);
	assert_true(counters.open[0] && counters.open[1]);
	ask(kept);
	assert_ended(removed);
	assert_int_equal(access(gone, F_OK), -1);
	added = house_dial(house, 1);
	ask(added);
	close(kept);
	close(removed);
	close(added);
	house_stop(house);
}

/* Another mode needs a restart, and until then it goes on as it is. */
static void test_reload_cannot_change_access(void **state)
{
	struct house *house = *state;
	struct stat made;
	int fd;

	policy_start(house);
	fd = house_dial(house, 0);
	house->config->listeners[0].mode = 0600;
	house->config->listeners[0].protocol = PROTOCOL_SOCKETMAP;
	assert_int_equal(house_order(house, 'r').connections, 1);
	ask(fd);
	assert_int_equal(stat(house->config->listeners[0].address + strlen("unix:"), &made), 0);
	assert_int_equal(made.st_mode & 07777, 0660);
	close(fd);
	house_stop(house);
}

/* TCP sockets are refused by the sandbox by then: they are not even tried. */
static void test_reload_opens_no_tcp(void **state)
{
	struct house *house = *state;
	struct house_counters counters;

	policy_start(house);
	house_tcp(house, AF_INET);
	counters = house_order(house, 'r');
	assert_int_equal(counters.count, 2);
	assert_true(counters.open[0]);
	assert_false(counters.open[1]);
	house->config->listener_count = 1;
	assert_int_equal(house_order(house, 'r').count, 1);
	house_stop(house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		house_test(test_tcp),
		house_test(test_mode_owner_group),
		house_test(test_directory),
		house_test(test_one_fails),
		house_test(test_stale_and_busy),
		house_test(test_quiet_one_makes_room),
		house_test(test_full_of_held),
		house_test(test_out_of_descriptors),
		house_test(test_half_sent_has_a_deadline),
		house_test(test_answers_not_taken),
		house_test(test_idle_outlives_postfix),
		house_test(test_half_close),
		house_test(test_pipelining),
		house_test(test_reload_keeps_what_is_unchanged),
		house_test(test_reload_cannot_change_access),
		house_test(test_reload_opens_no_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
