/* SPDX-License-Identifier: GPL-2.0-only */
/* The responder's loop with real sockets, in this process; and its table of callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/units.h"
#include "responder/responder.h"

#define TEXT "421 4.3.2 mx.example away\r\n"

struct fixture {
	struct responder responder;
	struct responder_post post;
	struct pulse pulse;
	struct sockaddr_in address;
};

static struct fixture here;

static int start(unsigned int count)
{
	struct sockaddr_in *address = &here.address;
	socklen_t length = sizeof(*address);

	memset(&here, 0, sizeof(here));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	here.post.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(here.post.listener, (struct sockaddr *)address, length) ||
	    listen(here.post.listener, 4096) ||
	    getsockname(here.post.listener, (struct sockaddr *)address, &length))
		return -1;
	here.post.pulse = &here.pulse;
	here.post.greeting = TEXT;
	here.post.greeting_length = strlen(TEXT);
	return responder_open(&here.responder, &here.post, count);
}

static int setup(void **state)
{
	(void)state;
	return start(8);
}

static int teardown(void **state)
{
	(void)state;
	responder_close(&here.responder);
	return close(here.post.listener);
}

static int call(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&here.address, sizeof(here.address)), 0);
	return fd;
}

static void step(void)
{
	assert_int_equal(responder_step(&here.responder), 0);
}

/* All of the reply, then the end. */
static void assert_answered(int fd)
{
	char text[256];
	size_t length = 0;
	ssize_t got;

	while ((got = recv(fd, text + length, sizeof(text) - length, 0)) > 0)
		length += (size_t)got;
	assert_int_equal(got, 0);
	assert_int_equal(length, strlen(TEXT));
	assert_memory_equal(text, TEXT, length);
}

static unsigned int count_open(void)
{
	unsigned int open = 0;

	for (unsigned int i = 0; i < here.responder.callers.count; i++)
		open += here.responder.callers.places[i].fd >= 0;
	return open;
}

static void says_its_line_and_waits_for_the_end(void **state)
{
	int fd = call();

	(void)state;
	step();
	assert_int_equal(here.pulse.accepted, 1);
	assert_int_equal(here.pulse.idle, 1);
	assert_true(here.pulse.beat_ns > 0);
	assert_answered(fd);
	assert_int_equal(count_open(), 1);
	close(fd);
	step();
	assert_int_equal(count_open(), 0);
	assert_int_equal(here.pulse.cut, 0);
}

static void early_bytes_are_read_before_it_closes(void **state)
{
	static char bytes[3000];
	int fd = call();

	(void)state;
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	step();
	step();
	shutdown(fd, SHUT_WR);
	while (count_open())
		step();
	assert_answered(fd);
	close(fd);
}

static void who_sends_without_end_is_cut_off(void **state)
{
	static char bytes[1 << 16];
	int fd = call();

	(void)state;
	for (unsigned int i = 0; i < 100 && (!i || count_open()); i++) {
		(void)!send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		step();
	}
	assert_int_equal(count_open(), 0);
	close(fd);
}

static void there_is_always_room(void **state)
{
	int fds[100];

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		fds[i] = call();
	while (here.pulse.accepted < 100)
		step();
	assert_true(here.pulse.idle > 0 || (step(), here.pulse.idle > 0));
	assert_int_equal(count_open(), 8);
	assert_int_equal(here.pulse.cut, 92);
	for (unsigned int i = 0; i < 100; i++) {
		assert_answered(fds[i]);
		close(fds[i]);
	}
	while (count_open())
		step();
}

static void time_runs_out(void **state)
{
	struct callers *callers = &here.responder.callers;
	int fd = call();

	(void)state;
	step();
	assert_int_equal(count_open(), 1);
	callers_expire(callers, monotonic_ns() + CALLERS_WAIT_NS - NS_PER_S);
	assert_int_equal(count_open(), 1);
	callers_expire(callers, monotonic_ns() + CALLERS_WAIT_NS);
	assert_int_equal(count_open(), 0);
	assert_false(callers_cut(callers));
	close(fd);
}

/* It has had no time to be late: its place is another's by then. */
static void an_event_for_a_former_caller_is_none_for_the_next(void **state)
{
	struct callers *callers = &here.responder.callers;
	int first[2], second[2];
	uint64_t serial;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, second), 0);
	serial = callers_add(callers, first[0], 1);
	close(first[1]);
	while (callers->next % callers->count)
		callers_add(callers, dup(second[0]), 1);
	callers_add(callers, second[0], 1);
	close(second[1]);
	callers_read(callers, serial);
	assert_int_equal(callers->places[0].fd, second[0]);
	callers_expire(callers, INT64_MAX);
	assert_int_equal(count_open(), 0);
}

static void who_stays_longer_than_a_moment_is_watched(void **state)
{
	struct callers *callers = &here.responder.callers;
	int gone[2], stays[2];
	uint64_t serial;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, gone), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stays), 0);
	callers_add(callers, gone[0], 1);
	callers_add(callers, stays[0], 1);
	close(gone[1]);
	assert_int_equal(callers_remaining(callers, CALLERS_MOMENT_NS, &serial), -1);
	assert_int_equal(count_open(), 2);
	assert_int_equal(callers_remaining(callers, 1 + CALLERS_MOMENT_NS, &serial), stays[0]);
	assert_int_equal(serial, 1);
	assert_int_equal(callers_remaining(callers, INT64_MAX, &serial), -1);
	assert_int_equal(count_open(), 1);
	close(stays[1]);
	callers_read(callers, serial);
	assert_int_equal(count_open(), 0);
}

/* More than there is room for, in less than a moment. */
static void whose_place_was_taken_is_passed_over(void **state)
{
	struct callers *callers = &here.responder.callers;
	uint64_t serial;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (unsigned int i = 0; i < 2 * callers->count + 3; i++)
		callers_add(callers, dup(pair[0]), 1);
	for (uint64_t i = callers->next - callers->count; i < callers->next; i++) {
		assert_true(callers_remaining(callers, INT64_MAX, &serial) >= 0);
		assert_int_equal(serial, i);
	}
	assert_int_equal(callers_remaining(callers, INT64_MAX, &serial), -1);
	assert_int_equal(callers->cut, callers->count + 3);
	/* One who has closed goes, too, but has lost nothing. */
	close(pair[0]);
	close(pair[1]);
	callers_expire(callers, INT64_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	callers_add(callers, pair[0], 1);
	close(pair[1]);
	assert_true(callers_cut(callers));
	assert_false(callers_cut(callers));
	assert_int_equal(callers->cut, callers->count + 3);
}

static void without_descriptors_the_oldest_goes(void **state)
{
	struct rlimit before, few;
	int fds[6], i;

	(void)state;
	for (i = 0; i < 6; i++)
		fds[i] = call();
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = (rlim_t)fds[5] + 3;
	setrlimit(RLIMIT_NOFILE, &few);
	for (i = 0; i < 20 && here.pulse.accepted < 6; i++)
		step();
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(here.pulse.accepted, 6);
	assert_true(here.responder.callers.cut >= 4);
	for (i = 0; i < 6; i++) {
		assert_answered(fds[i]);
		close(fds[i]);
	}
}

static void beats_without_anybody(void **state)
{
	uint64_t before;

	(void)state;
	step();
	before = here.pulse.beat_ns;
	step();
	assert_true(here.pulse.beat_ns > before);
	assert_true(here.pulse.idle >= 2);
	assert_int_equal(here.pulse.accepted, 0);
}

static void a_listener_that_is_gone_is_an_end(void **state)
{
	(void)state;
	shutdown(here.post.listener, SHUT_RDWR);
	assert_true(responder_step(&here.responder) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_its_line_and_waits_for_the_end),
		TEST(early_bytes_are_read_before_it_closes),
		TEST(who_sends_without_end_is_cut_off),
		TEST(there_is_always_room),
		TEST(time_runs_out),
		TEST(an_event_for_a_former_caller_is_none_for_the_next),
		TEST(who_stays_longer_than_a_moment_is_watched),
		TEST(whose_place_was_taken_is_passed_over),
		TEST(without_descriptors_the_oldest_goes),
		TEST(beats_without_anybody),
		TEST(a_listener_that_is_gone_is_an_end),
	};

	return cmocka_run_group_tests_name("responder", tests, NULL, NULL);
}
