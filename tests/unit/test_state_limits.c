/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket and clients that misbehave: they are bounded, and others do not notice. */
#include "state_server.h"

/* Nobody may wait longer for a ping, whatever another client does (on a busy host, sanitized). */
#define BOUND_NS (4 * NS_PER_S) /* hosts that test stand still for half of it */

static void too_long(struct server *server, size_t length, const char *end)
{
	char line[4 * STATE_LINE];
	int fd = dial(server);

	memset(line, 'x', sizeof(line));
	say_bytes(fd, line, length);
	say(fd, end);
	assert_string_equal(hear(fd), "error line longer than 512 bytes");
	assert_string_equal(hear(fd), "<end>");
	close(fd);
}

static void test_line_lengths(void **state)
{
	struct server *server = *state;
	char line[STATE_LINE];
	int fd;

	server_start(server);
	fd = dial(server);
	memset(line, 'x', sizeof(line));
	say_bytes(fd, line, STATE_LINE);
	say(fd, "\r\n");
	assert_non_null(strstr(hear(fd), "error unknown request"));
	assert_true(ping_ns(fd) < BOUND_NS);
	assert_int_equal(server_counters(server).dropped, 0);
	too_long(server, STATE_LINE + 1, "\nping\n");
	too_long(server, STATE_LINE + 1, "\r\n");
	too_long(server, 3 * STATE_LINE, "\n");
	too_long(server, STATE_LINE + 2, "");
	assert_int_equal(server_counters(server).dropped, 4);
	close(fd);
	server_stop(server);
}

/* It can write all of it, read the error and see an end of file, not a reset. */
static void test_mebibyte_without_newline(void **state)
{
	enum {
		LENGTH = 1 << 20
	};
	struct server *server = *state;
	char *bytes;
	int fd, other;

	server_start(server);
	bytes = malloc(LENGTH);
	memset(bytes, 'a', LENGTH);
	fd = dial(server);
	other = dial(server);
	say_bytes(fd, bytes, LENGTH);
	assert_true(ping_ns(other) < BOUND_NS);
	assert_string_equal(hear(fd), "error line longer than 512 bytes");
	assert_string_equal(hear(fd), "<end>");
	free(bytes);
	close(fd);
	close(other);
	wait_clients(server, 0);
	server_stop(server);
}

/* Nor may it hang about: neither silently nor by sending for ever. */
static void test_linger_ends_in_time(void **state)
{
	struct server *server = *state;
	char bytes[4096];
	int fd;

	memset(bytes, 'a', sizeof(bytes));
	server->setup.times.linger_ns = 100 * NS_PER_MS;
	server_start(server);
	fd = dial(server);
	say_bytes(fd, bytes, sizeof(bytes));
	assert_string_equal(hear(fd), "error line longer than 512 bytes");
	wait_clients(server, 0);
	close(fd);
	server_stop(server);
}

static void test_linger_ends_in_bytes(void **state)
{
	struct server *server = *state;
	size_t sent = 0;
	char bytes[65536];
	int fd;

	memset(bytes, 'a', sizeof(bytes));
	server->setup.times.linger_ns = 3600 * NS_PER_S;
	server_start(server);
	fd = dial(server);
	while (sent < 16 * STATE_LINGER && try_say(fd, bytes, sizeof(bytes)))
		sent += sizeof(bytes);
	assert_in_range(sent, STATE_LINGER, 2 * STATE_LINGER);
	wait_clients(server, 0);
	close(fd);
	server_stop(server);
}

static void flood(int fd, const char *request)
{
	char *requests = malloc(1 << 16);
	size_t length = 0;

	while (length + strlen(request) < 1 << 16)
		length += sprintf(requests + length, "%s", request);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int idle = 0; idle < 80;) {
		ssize_t sent = send(fd, requests, length, MSG_NOSIGNAL);

		/* From wherever it broke off: a torn request is a request, too. */
		idle = sent > 0 ? 0 : idle + 1;
		if (sent <= 0)
			sleep_ms(5);
	}
	free(requests);
}

static void test_never_reader(void **state)
{
	struct server *server = *state;
	struct state_counters before;
	int fd, other;

	/* Longer than a host stands still: it must not be over before the flood is. */
	server->setup.times.unsent_ns = 5 * NS_PER_S;
	server_start(server);
	fd = dial(server);
	other = dial(server);
	flood(fd, "admission inbound 123456789\n");
	before = server_counters(server);
	/* 64 KiB with us and what the kernel's buffer takes, at 27 bytes a reply. */
	assert_in_range(before.requests, 1000, 60000);
	assert_int_equal(before.clients, 2);
	assert_true(ping_ns(other) < BOUND_NS);
	wait_clients(server, 1);
	assert_int_equal(server_counters(server).dropped, 1);
	assert_true(ping_ns(other) < BOUND_NS);
	close(fd);
	close(other);
	server_stop(server);
}

/* As long as there is progress, it may take its time. */
static void test_slow_reader_is_kept(void **state)
{
	struct server *server = *state;
	int fd;

	server->setup.times.unsent_ns = 4 * NS_PER_S;
	server_start(server);
	fd = dial(server);
	flood(fd, "admission inbound 123456789\n");
	fcntl(fd, F_SETFL, 0);
	for (int i = 0; i < 10; i++) {
		char bytes[16384];

		assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
		sleep_ms(500);
	}
	assert_int_equal(server_counters(server).dropped, 0);
	close(fd);
	server_stop(server);
}

/* Asks for the costliest thing as fast as it can, until it is killed or the server is gone. */
static void flood_status(int fd)
{
	int64_t end = monotonic_ns() + PATIENCE_MS * NS_PER_MS;
	char bytes[65536];

	while (monotonic_ns() < end) {
		for (int i = 0; i < 100; i++)
			if (!try_say(fd, "status\n", 7))
				_exit(1);
		while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
	}
	_exit(0);
}

static void test_others_get_their_turn(void **state)
{
	enum {
		FLOODERS = 4
	};
	struct server *server = *state;
	pid_t pids[FLOODERS];
	int other;

	server->setup.status_bytes = 16384;
	server_start(server);
	other = dial(server);
	for (int i = 0; i < FLOODERS; i++) {
		int fd = dial(server);

		pids[i] = fork();
		if (!pids[i])
			flood_status(fd);
		close(fd);
		assert_true(pids[i] > 0);
	}
	for (int i = 0; i < 50; i++) {
		assert_true(ping_ns(other) < BOUND_NS);
		sleep_ms(2);
	}
	for (int i = 0; i < FLOODERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	close(other);
	server_stop(server);
}

/* A watcher that does not read is closed; one that does gets every line. */
static void test_slow_watcher(void **state)
{
	struct server *server = *state;
	size_t size = 40000;
	char *line;
	int slow, quick;

	server->setup.status_bytes = 30000;
	server_start(server);
	line = malloc(size);
	slow = dial(server);
	quick = dial(server);
	say(slow, "watch\n");
	say(quick, "watch\n");
	hear_into(quick, line, size);
	for (int i = 1; i <= 40; i++) {
		char expected[32];

		server_order(server, 'c');
		snprintf(expected, sizeof(expected), "\"changes\":%d,", i);
		assert_non_null(strstr(hear_into(quick, line, size), expected));
	}
	assert_int_equal(server_counters(server).clients, 1);
	assert_int_equal(server_counters(server).dropped, 1);
	free(line);
	close(slow);
	close(quick);
	server_stop(server);
}

/* Its own request may be what closes it. */
static void test_watcher_drops_itself(void **state)
{
	struct server *server = *state;
	int fd, other;

	need_root();
	server->setup.status_bytes = 50000;
	server_start(server);
	fd = dial(server);
	other = dial(server);
	say(fd, "watch\n");
	for (int i = 0; i < 40; i++)
		(void)!send(fd, "override high 60\n", 17, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (int i = 0; i < 10; i++) {
		ping_ns(other);
		server_order(server, 'c');
	}
	assert_int_equal(server_counters(server).clients, 1);
	close(fd);
	close(other);
	server_stop(server);
}

/*
 * Many that do not read: each line is another one, so that none is shared. Who has waited the
 * longest is closed, until there is room; a watcher that reads is kept, and so are those who only
 * ask.
 */
static void test_budget(void **state)
{
	enum {
		CLIENTS = 120,
		BYTES = 60000
	};
	struct server *server = *state;
	size_t size = BYTES + 1000;
	int watcher, other, fds[CLIENTS];
	struct state_counters counters;
	char *line;

	server->setup.status_bytes = BYTES;
	server_start(server);
	line = malloc(size);
	watcher = dial(server);
	other = dial(server);
	say(watcher, "watch\n");
	hear_into(watcher, line, size);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = dial(server);
		say(fds[i], "status\n");
		ping_ns(other);
		server_order(server, 'c');
		hear_into(watcher, line, size);
	}
	counters = server_counters(server);
	print_message("%u of %d clients were closed\n", (unsigned int)counters.dropped, CLIENTS);
	assert_in_range(counters.dropped, CLIENTS - HELD_MOST / BYTES, CLIENTS - 40);
	assert_int_equal(counters.clients, CLIENTS + 2 - counters.dropped);
	/* The first ones, and no other. */
	for (int i = 0; i < CLIENTS; i++) {
		bool kept = (unsigned int)i >= counters.dropped;
		struct pollfd poller = { .fd = fds[i], .events = POLLRDHUP };

		assert_int_equal(poll(&poller, 1, 0) && poller.revents & POLLRDHUP, !kept);
	}
	hear_into(fds[CLIENTS - 1], line, size);
	ping_ns(other);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	close(watcher);
	close(other);
	free(line);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_line_lengths),		state_test(test_mebibyte_without_newline),
		state_test(test_linger_ends_in_time),	state_test(test_linger_ends_in_bytes),
		state_test(test_never_reader),		state_test(test_slow_reader_is_kept),
		state_test(test_others_get_their_turn), state_test(test_slow_watcher),
		state_test(test_watcher_drops_itself),	state_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
