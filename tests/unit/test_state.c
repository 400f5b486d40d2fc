/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket's protocol, on real sockets: requests, replies, ends of input, watches. */
#include "state_server.h"

static void expect(int fd, const char *request, const char *reply)
{
	say(fd, request);
	assert_string_equal(hear(fd), reply);
}

static void test_requests(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	fd = dial(server);
	expect(fd, "ping\n", "pong");
	expect(fd, "admission\n", "accept inbound -1 -");
	expect(fd, "admission submission\n", "accept submission -1 -");
	expect(fd, "admission internal 0\n", "accept internal 0 -");
	expect(fd, "admission inbound 9223372036854775807 192.0.2.1\n",
	       "accept inbound 9223372036854775807 192.0.2.1");
	expect(fd, "admission inbound 5 2001:db8::1\n", "accept inbound 5 2001:db8::1");
	expect(fd, "admission inbound -1 ::ffff:192.0.2.1\n", "accept inbound -1 ::ffff:192.0.2.1");
	expect(fd, "  admission \t inbound  7 \n", "accept inbound 7 -");
	expect(fd, "admission inbound -5 [IPv6:fe80::1%eth0]\n", "accept inbound -1 fe80::1");
	expect(fd, "admission inbound 9223372036854775808 unknown\n",
	       "accept inbound 9223372036854775807 -");
	expect(fd, "admission inbound  192.0.2.1\n", "accept inbound -1 192.0.2.1");
	expect(fd, "admission client\n", "accept inbound -1 -");
	expect(fd, "admission client -1 unknown\n", "accept inbound -1 -");
	expect(fd, "admission client -1 192.0.2.1\n", "accept inbound -1 192.0.2.1");
	expect(fd, "admission client 5 ::ffff:127.0.0.1\n", "accept internal 5 ::ffff:127.0.0.1");
	expect(fd, "admission client 5 local\n", "accept internal 5 local");
	expect(fd, "ping\r\n", "pong");
	say(fd, "status\n");
	assert_non_null(strstr(hear(fd), "{\"changes\":0,"));
	expect(fd, "ended submission 5 2001:db8::1\n", "ok");
	expect(fd, "ended client 5 IPv6:2001:db8::1\n", "ok");
	assert_int_equal(server_counters(server).requests, 20);
	assert_int_equal(server_counters(server).errors, 0);
	close(fd);
	server_stop(server);
}

#define ALLOWED "allowed are admission, ended, status, watch, override, page, ping"

static void test_errors_keep_the_connection(void **state)
{
	static const char *const cases[][2] = {
		{ "\n", "error empty request: " ALLOWED },
		{ " \t\r\n", "error empty request: " ALLOWED },
		{ "leaf\n", "error unknown request \"leaf\": " ALLOWED },
		{ "PING\n", "error unknown request \"PING\": " ALLOWED },
		{ "\033[31mx\xff\n", "error unknown request \"?[31mx?\": " ALLOWED },
		{ "ping pong\n", "error unexpected word \"pong\": the request ends before it" },
		{ "admission strangers\n",
		  "error unknown class \"strangers\": allowed are inbound, submission, internal, "
		  "client" },
		{ "admission inbound +5\n", "error bad size \"+5\": allowed are bytes, from 0 on" },
		{ "admission inbound -x\n", "error bad size \"-x\": allowed are bytes, from 0 on" },
		{ "admission inbound 5 example.org\n",
		  "error bad address \"example.org\": allowed are IPv4 and IPv6 addresses, "
		  "local, unknown" },
		{ "admission inbound 5 192.0.2.1 x\n",
		  "error unexpected word \"x\": the request ends before it" },
		{ "ended inbound many\n",
		  "error bad size \"many\": allowed are bytes, from 0 on" },
		{ "override\n", "error override of what: allowed are normal, medium, high, off" },
		{ "override low\n",
		  "error unknown level \"low\": allowed are normal, medium, high, off" },
		{ "override high 0\n",
		  "error bad time \"0\": allowed are seconds, 1 to 604800 (7 days)" },
		{ "override high 604801\n",
		  "error bad time \"604801\": allowed are seconds, 1 to 604800 (7 days)" },
		{ "override high 60 a\001b\n",
		  "error bad reason: allowed is UTF-8 text without control characters" },
		{ "override off now\n",
		  "error unexpected word \"now\": the request ends before it" },
	};
	struct server *server = *state;
	size_t count = sizeof(cases) / sizeof(cases[0]);
	int fd;

	server_start(server);
	fd = dial(server);
	for (size_t i = 0; i < count; i++)
		expect(fd, cases[i][0], cases[i][1]);
	say_bytes(fd, "ping\0\nping\n", 11);
	assert_string_equal(hear(fd), "error NUL byte in the request: allowed is text");
	assert_string_equal(hear(fd), "pong");
	assert_int_equal(server_counters(server).errors, count + 1);
	assert_int_equal(server_counters(server).dropped, 0);
	close(fd);
	server_stop(server);
}

/* 10 000 requests in one write, answered in their order; nobody else waits for it. */
static void test_pipelined(void **state)
{
	enum {
		COUNT = 10000
	};
	struct server *server = *state;
	char *requests, expected[64];
	size_t length = 0;
	int64_t slowest = 0;
	int fd, other;

	server_start(server);
	fd = dial(server);
	other = dial(server);
	requests = malloc(COUNT * 32);
	for (int i = 0; i < COUNT; i++)
		length += sprintf(requests + length, "admission inbound %d\n", i);
	if (!fork()) {
		try_say(fd, requests, length);
		free(requests);
		_exit(0);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(expected, sizeof(expected), "accept inbound %d -", i);
		assert_string_equal(hear(fd), expected);
		if (i % 100 == 0) {
			int64_t took = ping_ns(other);

			slowest = took > slowest ? took : slowest;
		}
	}
	wait(NULL);
	assert_true(slowest < 2000 * NS_PER_MS);
	assert_int_equal(server_counters(server).requests, COUNT + COUNT / 100);
	free(requests);
	close(fd);
	close(other);
	server_stop(server);
}

/* How many requests of FIRST are answered before the one of SECOND, when both are there. */
static unsigned int answered_before(struct server *server, int first, int second)
{
	unsigned int begin, count = 0;
	const char *status;
	char requests[5000], line[256];

	for (size_t i = 0; i < sizeof(requests); i += 5)
		memcpy(requests + i, "ping\n", 5);
	begin = server_order(server, 'c').requests; /* and no status of before is good */
	kill(server->pid, SIGSTOP);
	say_bytes(first, requests, sizeof(requests));
	say(second, "status\n");
	kill(server->pid, SIGCONT);
	status = strstr(hear_into(second, line, sizeof(line)), "\"requests\":");
	assert_non_null(status);
	assert_int_equal(sscanf(status, "\"requests\":%u", &count), 1);
	for (size_t i = 0; i < sizeof(requests); i += 5)
		assert_string_equal(hear_into(first, line, sizeof(line)), "pong");
	return count - begin;
}

/* One with a thousand requests in hand, one with a single one: the latter does not queue behind. */
static void test_turns(void **state)
{
	struct server *server = *state;
	int fds[2];

	server_start(server);
	fds[0] = dial(server);
	fds[1] = dial(server);
	for (int i = 0; i < 20; i++) /* whoever the loop happens to look at first */
		assert_in_range(answered_before(server, fds[i % 2], fds[!(i % 2)]), 0,
				4 * STATE_TURN);
	close(fds[0]);
	close(fds[1]);
	server_stop(server);
}

/* As Exim: write, shut down, read to the end of file. */
static void half_close(struct server *server, const char *request, const char *reply)
{
	int fd = dial(server);

	say(fd, request);
	shutdown(fd, SHUT_WR);
	if (reply)
		assert_string_equal(hear(fd), reply);
	assert_string_equal(hear(fd), "<end>");
	close(fd);
}

static void test_half_close(void **state)
{
	struct server *server = *state;

	server->setup.times.linger_ns = 3600 * NS_PER_S; /* who is at its end goes at once */
	server_start(server);
	half_close(server, "admission inbound 1\n", "accept inbound 1 -");
	half_close(server, "admission inbound 1", "accept inbound 1 -");
	half_close(server, "admission inbound 1\r", "accept inbound 1 -");
	half_close(server, "admission inbound 1\r\n", "accept inbound 1 -");
	half_close(server, "", NULL);
	half_close(server, "watch\n",
		   "{\"changes\":0,\"made\":1,\"requests\":5,\"override\":\"\",\"pad\":\"\"}");
	assert_int_equal(server_counters(server).requests, 5);
	wait_clients(server, 0);
	server_stop(server);
}

/* All is answered to one who half-closed, however late it reads. */
static void test_half_close_with_much_to_read(void **state)
{
	enum {
		COUNT = 30000
	};
	struct server *server = *state;
	int fd;

	server->setup.times.linger_ns = 50 * NS_PER_MS;
	server_start(server);
	fd = dial(server);
	if (!fork()) {
		for (int i = 0; i < COUNT; i++)
			try_say(fd, "admission inbound 12345\n", 24);
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	sleep_ms(300);
	for (int i = 0; i < COUNT; i++)
		assert_string_equal(hear(fd), "accept inbound 12345 -");
	assert_string_equal(hear(fd), "<end>");
	wait(NULL);
	close(fd);
	server_stop(server);
}

static void test_five_hundred(void **state)
{
	enum {
		COUNT = 500
	};
	struct server *server = *state;
	char expected[64];
	int fds[COUNT];

	server_start(server);
	for (int i = 0; i < COUNT; i++)
		fds[i] = dial(server);
	for (int i = 0; i < COUNT; i++)
		dprintf(fds[i], "admission submission %d\n", i);
	for (int i = COUNT - 1; i >= 0; i--) {
		snprintf(expected, sizeof(expected), "accept submission %d -", i);
		assert_string_equal(hear(fds[i]), expected);
	}
	assert_int_equal(server_counters(server).clients, COUNT);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	server_stop(server);
}

static void test_watch(void **state)
{
	struct server *server = *state;
	int fd, other;

	server_start(server);
	fd = dial(server);
	other = dial(server);
	say(fd, "watch\n");
	assert_non_null(strstr(hear(fd), "\"changes\":0"));
	server_order(server, 'c');
	assert_non_null(strstr(hear(fd), "\"changes\":1"));
	assert_int_equal(ping_ns(fd) > 0, true);
	server_order(server, 'c');
	server_order(server, 'c');
	assert_non_null(strstr(hear(fd), "\"changes\":2"));
	assert_non_null(strstr(hear(fd), "\"changes\":3"));
	assert_int_equal(ping_ns(other) > 0, true); /* and no line of a change before it */
	close(fd);
	close(other);
	server_stop(server);
}

static void test_watchers_are_counted(void **state)
{
	struct server *server = *state;
	int fds[STATE_WATCHERS + 1];

	server_start(server);
	for (int i = 0; i <= STATE_WATCHERS; i++) {
		fds[i] = dial(server);
		say(fds[i], "watch\n");
		if (i < STATE_WATCHERS)
			assert_non_null(strstr(hear(fds[i]), "\"changes\":0"));
	}
	assert_string_equal(hear(fds[STATE_WATCHERS]), "error too many watchers: allowed are 256");
	close(fds[0]);
	wait_clients(server, STATE_WATCHERS);
	say(fds[STATE_WATCHERS], "watch\n");
	assert_non_null(strstr(hear(fds[STATE_WATCHERS]), "\"changes\":0"));
	for (int i = 1; i <= STATE_WATCHERS; i++)
		close(fds[i]);
	server_stop(server);
}

static void test_override(void **state)
{
	struct server *server = *state;
	int fd, watcher;

	need_root();
	server_start(server);
	fd = dial(server);
	watcher = dial(server);
	say(watcher, "watch\n");
	hear(watcher);
	expect(fd, "override high\n", "ok");
	assert_non_null(strstr(hear(watcher), "\"override\":\"high 0 \""));
	expect(fd, "override medium 1200 new disks,  in M\xc3\xbcnchen\n", "ok");
	assert_non_null(strstr(hear(watcher),
			       "\"override\":\"medium 1200 new disks,  in M\xc3\xbcnchen\""));
	expect(fd, "override off\n", "ok");
	assert_non_null(strstr(hear(watcher), "\"override\":\"\""));
	/* A watcher's own change comes to it before its reply. */
	say(watcher, "override normal 60\n");
	assert_non_null(strstr(hear(watcher), "\"override\":\"normal 60 \""));
	assert_string_equal(hear(watcher), "ok");
	close(fd);
	close(watcher);
	server_stop(server);
}

/* As another user: the socket says who is there, not the request. */
static int override_as(struct server *server, uid_t uid, const char *reply)
{
	int status;

	if (!fork()) {
		int fd;

		if (chown(server->directory, uid, uid) || chown(server->path, uid, uid) ||
		    setuid(uid))
			_exit(1);
		fd = try_dial(server);
		try_say(fd, "override high 60\n", 17);
		_exit(strcmp(hear(fd), reply) ? 2 : 0);
	}
	wait(&status);
	return WEXITSTATUS(status);
}

#define NOT_ALLOWED "error not allowed: override is for root and the configured admin"

static void test_override_not_allowed(void **state)
{
	struct server *server = *state;

	need_root();
	server->setup.admin = 65533;
	server_start(server);
	assert_int_equal(override_as(server, 65534, NOT_ALLOWED), 0);
	assert_int_equal(override_as(server, 65533, "ok"), 0);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_requests),
		state_test(test_errors_keep_the_connection),
		state_test(test_pipelined),
		state_test(test_turns),
		state_test(test_half_close),
		state_test(test_half_close_with_much_to_read),
		state_test(test_five_hundred),
		state_test(test_watch),
		state_test(test_watchers_are_counted),
		state_test(test_override),
		state_test(test_override_not_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
