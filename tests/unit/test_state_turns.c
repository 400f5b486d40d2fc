/* SPDX-License-Identifier: GPL-2.0-only */
/* Many who ask for much at once: a status is made for all of them, and the loop goes on meanwhile.
 */
#include "state_server.h"

/* The number that KEY has in a status. */
static unsigned int number_of(int fd, const char *key)
{
	char line[1024];
	const char *found;
	unsigned int number = 0;

	say(fd, "status\n");
	found = strstr(hear_into(fd, line, sizeof(line)), key);
	assert_non_null(found);
	assert_int_equal(sscanf(found + strlen(key), "\":%u", &number), 1);
	return number;
}

static void test_status_is_made_for_many(void **state)
{
	enum {
		CLIENTS = 100,
		EACH = 10
	};
	struct server *server = *state;
	int fds[CLIENTS];
	unsigned int made;

	server->setup.work_ns = NS_PER_MS;
	server_start(server);
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = dial(server);
	for (int i = 0; i < CLIENTS; i++)
		for (int j = 0; j < EACH; j++)
			say(fds[i], "status\n");
	for (int i = 0; i < CLIENTS; i++)
		for (int j = 0; j < EACH; j++)
			assert_non_null(strstr(hear(fds[i]), "\"changes\":0"));
	made = number_of(fds[0], "made");
	print_message("%d asked for, %u made\n", CLIENTS * EACH, made);
	assert_in_range(made, 1, CLIENTS * EACH / 4);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	server_stop(server);
}

/* As long as nothing changes. */
static void test_status_is_true(void **state)
{
	struct server *server = *state;
	int fd;

	server->setup.work_ns = 2 * NS_PER_MS;
	server_start(server);
	fd = dial(server);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(number_of(fd, "changes"), i);
		server_order(server, 'c');
	}
	close(fd);
	server_stop(server);
}

/* By those who watch it, too: the change may come while a line of before is good. */
static void test_watchers_hear_what_is_true(void **state)
{
	struct server *server = *state;
	int watcher, other;
	char expected[32];

	server->setup.work_ns = 2 * NS_PER_MS;
	server_start(server);
	watcher = dial(server);
	other = dial(server);
	say(watcher, "watch\n");
	assert_non_null(strstr(hear(watcher), "\"changes\":0,"));
	for (unsigned int i = 1; i < 20; i++) {
		server_order(server, 'c');
		snprintf(expected, sizeof(expected), "\"changes\":%u,", i);
		assert_non_null(strstr(hear(watcher), expected));
		assert_int_equal(number_of(other, "changes"), i);
	}
	close(watcher);
	close(other);
	server_stop(server);
}

/*
 * COUNT clients with EACH requests, and an order to the loop, which are all there when the server
 * looks. Returns how many requests were answered before the order; all are at last.
 */
static uint64_t answered_before_order(struct server *server, int count, int each)
{
	struct state_counters before, counters;
	int fds[500], status;

	for (int i = 0; i < count; i++) {
		fds[i] = dial(server);
		ping_ns(fds[i]);
	}
	before = server_counters(server);
	before.requests++;
	ping_ns(fds[0]); /* or epoll(7) still had the pipe first in its list */
	kill(server->pid, SIGSTOP);
	assert_int_equal(waitpid(server->pid, &status, WUNTRACED), server->pid);
	for (int i = 0; i < count; i++)
		for (int j = 0; j < each; j++)
			say(fds[i], "admission\n");
	assert_int_equal(write(server->orders, "n", 1), 1);
	kill(server->pid, SIGCONT);
	assert_int_equal(read(server->replies, &counters, sizeof(counters)), sizeof(counters));
	for (int i = 0; i < count; i++) {
		for (int j = 0; j < each; j++)
			assert_string_equal(hear(fds[i]), "accept inbound -1 -");
		close(fds[i]);
	}
	return counters.requests - before.requests;
}

static void test_loop_goes_on(void **state)
{
	enum {
		CLIENTS = 200,
		EACH = 30
	};
	struct server *server = *state;
	uint64_t before;

	server->setup.work_ns = NS_PER_MS / 5;
	server_start(server);
	before = answered_before_order(server, CLIENTS, EACH);
	print_message("%d requests, %u before the order\n", CLIENTS * EACH, (unsigned int)before);
	assert_true(before < CLIENTS * EACH / 4);
	server_stop(server);
}

/* Fewer than the loop takes at once: with priorities, not one of them comes first. */
static void test_who_asks_comes_last(void **state)
{
	struct server *server = *state;

	server->setup.work_ns = NS_PER_MS / 5;
	server->setup.priorities = 3;
	server_start(server);
	assert_int_equal(answered_before_order(server, 10, 30), 0);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_status_is_made_for_many),    state_test(test_status_is_true),
		state_test(test_watchers_hear_what_is_true), state_test(test_loop_goes_on),
		state_test(test_who_asks_comes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
