/* SPDX-License-Identifier: GPL-2.0-only */
/* Which connections the state socket keeps, and which make room. */
#include "state_server.h"

/* Nobody may wait longer for a ping, whatever another client does (on a busy host, sanitized). */
#define BOUND_NS (4 * NS_PER_S) /* hosts that test stand still for half of it */

/* The time counts from the line's first byte: another byte now and then does not help. */
static void test_slow_loris(void **state)
{
	struct server *server = *state;
	int64_t begin = monotonic_ns();
	int silent, trickler, good;

	server->setup.times.partial_ns = 400 * NS_PER_MS;
	server->setup.times.linger_ns = 100 * NS_PER_MS;
	server_start(server);
	silent = dial(server);
	trickler = dial(server);
	good = dial(server);
	say(silent, "pin");
	while (monotonic_ns() - begin < 1500 * NS_PER_MS) {
		try_say(trickler, "p", 1);
		assert_true(ping_ns(good) < BOUND_NS);
		sleep_ms(20);
	}
	assert_int_equal(server_counters(server).clients, 1);
	assert_int_equal(server_counters(server).dropped, 2);
	assert_string_equal(hear(silent), "error line not ended in time");
	assert_string_equal(hear(silent), "<end>");
	assert_string_equal(hear(trickler), "error line not ended in time");
	close(silent);
	close(trickler);
	close(good);
	server_stop(server);
}

/* Requests keep a connection; a watcher needs none. */
static void test_idle(void **state)
{
	struct server *server = *state;
	int idle, watcher, good;

	server->setup.times.idle_ns = 1000 * NS_PER_MS;
	server_start(server);
	idle = dial(server);
	watcher = dial(server);
	good = dial(server);
	say(watcher, "watch\n");
	hear(watcher);
	for (int i = 0; i < 30; i++) {
		assert_true(ping_ns(good) < BOUND_NS);
		sleep_ms(50);
	}
	assert_int_equal(server_counters(server).clients, 2);
	assert_string_equal(hear(idle), "<end>");
	assert_true(ping_ns(watcher) < BOUND_NS);
	close(idle);
	close(watcher);
	close(good);
	server_stop(server);
}

static void test_longest_idle_is_displaced(void **state)
{
	struct server *server = *state;
	int fds[4], newcomer;

	server->setup.clients_max = 4;
	server_start(server);
	for (int i = 0; i < 4; i++) {
		fds[i] = dial(server);
		ping_ns(fds[i]);
	}
	say(fds[1], "watch\n");
	hear(fds[1]);
	ping_ns(fds[0]);
	newcomer = dial(server);
	ping_ns(newcomer);
	assert_string_equal(hear(fds[2]), "<end>");
	ping_ns(fds[0]);
	ping_ns(fds[3]);
	assert_int_equal(server_counters(server).clients, 4);
	assert_int_equal(server_counters(server).lacked, 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(newcomer);
	server_stop(server);
}

static void test_too_many(void **state)
{
	struct server *server = *state;
	int fds[4], newcomer;

	server->setup.clients_max = 4;
	server_start(server);
	for (int i = 0; i < 4; i++) {
		fds[i] = dial(server);
		say(fds[i], "watch\n");
		hear(fds[i]);
	}
	newcomer = dial(server);
	assert_string_equal(hear(newcomer), "error too many connections");
	assert_true(server_counters(server).lacked > 0);
	assert_string_equal(hear(newcomer), "<end>");
	ping_ns(fds[0]);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(newcomer);
	server_stop(server);
}

/* Many more at once than there is room for, each with a request: all are answered. */
static void burst(struct server *server)
{
	enum {
		COUNT = 100
	};
	int fds[COUNT];

	server_start(server);
	kill(server->pid, SIGSTOP);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = dial(server);
		say(fds[i], "ping\n");
	}
	kill(server->pid, SIGCONT);
	for (int i = 0; i < COUNT; i++)
		assert_string_equal(hear(fds[i]), "pong");
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	server_stop(server);
}

static void test_burst_into_a_full_house(void **state)
{
	struct server *server = *state;

	server->setup.clients_max = 10;
	burst(server);
}

static double cpu_seconds(pid_t pid)
{
	char path[64], text[1024];
	unsigned long user = 0, system = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
	       &system);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* valgrind accepts and closes what would be past the limit; the kernel leaves it waiting. */
static void need_real_limits(void)
{
	const char *preload = getenv("LD_PRELOAD");

	if (!preload || !strstr(preload, "vgpreload"))
		return;
	puts("valgrind has its own limit of descriptors");
	skip();
}

/* Out of descriptors, idle connections make room for those who ask. */
static void test_descriptors_of_idle(void **state)
{
	enum {
		COUNT = 100
	};
	struct server *server = *state;
	int fds[COUNT];

	need_real_limits();
	server->setup.open_files = 40;
	server->setup.clients_max = 1000;
	server_start(server);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = dial(server);
		ping_ns(fds[i]);
	}
	assert_in_range(server_counters(server).clients, 10, 40);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	server_stop(server);
}

static void test_burst_without_descriptors(void **state)
{
	struct server *server = *state;

	need_real_limits();
	server->setup.open_files = 40;
	server->setup.clients_max = 1000;
	burst(server);
}

/* Where all are watchers, who comes late waits; we do not spin meanwhile. */
static void test_no_descriptor_left(void **state)
{
	enum {
		COUNT = 60
	};
	struct server *server = *state;
	int fds[COUNT], late;
	double spent;

	need_real_limits();
	server->setup.open_files = 40;
	server->setup.clients_max = 1000;
	server_start(server);
	for (int i = 0; i < COUNT; i++) {
		fds[i] = dial(server);
		say(fds[i], "watch\n");
		if (i < 10)
			hear(fds[i]);
	}
	late = dial(server);
	sleep_ms(100);
	spent = cpu_seconds(server->pid);
	sleep_ms(600);
	assert_true(cpu_seconds(server->pid) - spent < 0.15);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	ping_ns(late);
	close(late);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_slow_loris),
		state_test(test_idle),
		state_test(test_longest_idle_is_displaced),
		state_test(test_too_many),
		state_test(test_descriptors_of_idle),
		state_test(test_burst_into_a_full_house),
		state_test(test_burst_without_descriptors),
		state_test(test_no_descriptor_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
