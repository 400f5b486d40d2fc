/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the tests of the state socket: the real thing on a real loop in a process of its own,
 * with a small source behind it, and clients to torment it with.
 */
#ifndef TESTS_STATE_SERVER_H
#define TESTS_STATE_SERVER_H

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/network.h"
#include "common/units.h"
#include "common/class.h"
#include "publish/page.h"
#include "publish/state_internal.h"

#define PATIENCE_MS 10000 /* what must come comes at last, also under valgrind */

/* What a test wants otherwise than as it is. Zero is as it is. */
struct server_setup {
	struct state_times times;
	unsigned int clients_max;
	size_t status_bytes;	 /* a status that is at least so long */
	unsigned int open_files; /* RLIMIT_NOFILE of the server */
	uid_t admin;		 /* who may override besides root */
	bool no_page;		 /* there is no admission page */
	int64_t work_ns;	 /* so long each admission and each status takes */
	int priorities;		 /* of the loop's events, as the daemon has them */
};

struct server {
	char directory[80], path[100];
	struct config config;
	struct server_setup setup;
	pid_t pid;
	int orders, replies; /* pipes: one byte each way per order */
};

/* In the server's process. */
struct served {
	struct server *server;
	struct event_base *base;
	struct state *state;
	struct page *page;
	unsigned int changes;
	unsigned int made; /* statuses */
	char answer[512], override[256];
};

static inline void served_work(const struct served *served)
{
	int64_t begin = monotonic_ns();

	while (monotonic_ns() - begin < served->server->setup.work_ns)
		;
}

static inline const char *served_admission(void *context, enum class class, int64_t size,
					   const char *address)
{
	struct served *served = context;

	served_work(served);
	snprintf(served->answer, sizeof(served->answer), "accept %s %lld %s", class_name(class),
		 (long long)size, address ? address : "-");
	return served->answer;
}

static inline void served_ended(void *context, enum class class, int64_t size, const char *address)
{
	struct served *served = context;

	snprintf(served->override, sizeof(served->override), "ended %s %lld %s", class_name(class),
		 (long long)size, address ? address : "-");
}

/* It takes this for a class of C++: */
/* clang-format off */
static inline enum class served_class(void *context, bool authenticated, const char *address)
{
	(void)context;
	return class_of(network_loopback, NETWORK_LOOPBACKS, authenticated, address);
}
/* clang-format on */

/* {"changes":N,"made":N,"requests":N,"override":"…","pad":"xxx…"} */
static inline char *served_status(void *context)
{
	struct served *served = context;
	size_t room = served->server->setup.status_bytes + 512;
	char *line = malloc(room);
	struct state_counters counters;
	int used;

	served_work(served);
	served->made++;
	state_counters(served->state, &counters);
	used = snprintf(
		line, room,
		"{\"changes\":%u,\"made\":%u,\"requests\":%u,\"override\":\"%s\",\"pad\":\"",
		served->changes, served->made, (unsigned int)counters.requests, served->override);
	memset(line + used, 'x', served->server->setup.status_bytes);
	strcpy(line + used + served->server->setup.status_bytes, "\"}\n");
	return line;
}

static inline int served_override(void *context, enum level level, int64_t seconds,
				  const char *reason, uid_t uid)
{
	struct served *served = context;

	if (uid && uid != served->server->setup.admin)
		return -EPERM;
	snprintf(served->override, sizeof(served->override), "%s %lld %s", level_name(level),
		 (long long)seconds, reason);
	served->changes++;
	state_changed(served->state); /* as the daemon does: inside of the request */
	return 0;
}

static inline int served_override_off(void *context, uid_t uid)
{
	struct served *served = context;

	if (uid && uid != served->server->setup.admin)
		return -EPERM;
	served->override[0] = '\0';
	served->changes++;
	state_changed(served->state);
	return 0;
}

static inline int served_page(void *context)
{
	struct served *served = context;

	return page_descriptor(served->page);
}

/* Orders: c change, s stop, n the counters. */
static inline void served_order(evutil_socket_t fd, short what, void *context)
{
	struct served *served = context;
	struct state_counters counters;
	char order;

	(void)what;
	if (read(fd, &order, 1) != 1 || order == 's') {
		event_base_loopbreak(served->base);
		return;
	}
	if (order == 'c') {
		served->changes++;
		state_changed(served->state);
	}
	state_counters(served->state, &counters);
	if (write(served->server->replies, &counters, sizeof(counters)) != sizeof(counters))
		abort();
}

/* As the daemon's. */
static inline struct event_base *counted_base(void)
{
	held_begin();
	return event_base_new();
}

static inline void served_apply(struct state *state, const struct server_setup *setup)
{
	const struct state_times *times = &setup->times;

	if (times->partial_ns)
		state->times.partial_ns = times->partial_ns;
	if (times->unsent_ns)
		state->times.unsent_ns = times->unsent_ns;
	if (times->idle_ns)
		state->times.idle_ns = times->idle_ns;
	if (times->linger_ns)
		state->times.linger_ns = times->linger_ns;
	if (setup->clients_max)
		state->clients_max = setup->clients_max;
}

/*
 * The server's whole life. exit() and not _exit(): leaks are looked for at exit (so a test
 * allocates after server_start(), or its memory counts as leaked here).
 */
static inline void serve(struct server *server)
{
	struct served served = { .server = server, .base = counted_base() };
	const struct state_source source = {
		.context = &served,
		.admission = served_admission,
		.ended = served_ended,
		.class = served_class,
		.page = served_page,
		.status = served_status,
		.override = served_override,
		.override_off = served_override_off,
	};
	struct event *orders;
	int ret;

	if (server->setup.priorities)
		event_base_priority_init(served.base, server->setup.priorities);
	ret = state_open(&served.state, served.base, &server->config, &source);
	if (ret || (!server->setup.no_page && page_open(&served.page, monotonic_ns())))
		_exit(100);
	served_apply(served.state, &server->setup);
	orders =
		event_new(served.base, server->orders, EV_READ | EV_PERSIST, served_order, &served);
	event_add(orders, NULL);
	if (write(server->replies, "r", 1) != 1)
		_exit(101);
	event_base_dispatch(served.base);
	event_free(orders);
	state_close(served.state, NULL);
	page_close(served.page);
	event_base_free(served.base);
	libevent_global_shutdown();
	close(server->orders);
	close(server->replies);
	exit(0);
}

static inline void server_place(struct server *server)
{
	const char *place = getenv("TMPDIR");

	snprintf(server->directory, sizeof(server->directory), "%s/state.XXXXXX",
		 place ? place : "/tmp");
	assert_non_null(mkdtemp(server->directory));
	snprintf(server->path, sizeof(server->path), "%s/state.sock", server->directory);
	strcpy(server->config.state.path, server->path);
	server->config.state.mode = 0660;
}

static inline void server_start(struct server *server)
{
	int down[2], up[2];
	char ready;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	fflush(NULL);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (!server->pid) {
		struct rlimit files;

		close(down[1]);
		close(up[0]);
		server->orders = down[0];
		server->replies = up[1];
		getrlimit(RLIMIT_NOFILE, &files);
		if (server->setup.open_files) {
			files.rlim_cur = server->setup.open_files;
			setrlimit(RLIMIT_NOFILE, &files);
		}
		serve(server);
	}
	close(down[0]);
	close(up[1]);
	server->orders = down[1];
	server->replies = up[0];
	assert_int_equal(read(server->replies, &ready, 1), 1);
}

static inline struct state_counters server_order(struct server *server, char order)
{
	struct state_counters counters;

	assert_int_equal(write(server->orders, &order, 1), 1);
	assert_int_equal(read(server->replies, &counters, sizeof(counters)), sizeof(counters));
	return counters;
}

static inline struct state_counters server_counters(struct server *server)
{
	return server_order(server, 'n');
}

/* The server must end by itself, and find nothing wrong at its exit. */
static inline void server_stop(struct server *server)
{
	int status = -1;

	assert_int_equal(write(server->orders, "s", 1), 1);
	assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
	server->pid = 0;
	close(server->orders);
	close(server->replies);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline int server_setup(void **state)
{
	struct server *server = calloc(1, sizeof(*server));

	server_place(server);
	*state = server;
	return 0;
}

static inline int server_teardown(void **state)
{
	struct server *server = *state;

	if (server->pid > 0) { /* never -1, which is everyone */
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
		close(server->orders);
		close(server->replies);
	}
	unlink(server->path);
	rmdir(server->directory);
	free(server);
	return 0;
}

/* Clients. */

/* -1 on errors: children may not assert, they would go on as a second test run. */
static inline int try_dial(const struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, server->path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -1 : fd;
}

static inline int dial(const struct server *server)
{
	int fd = try_dial(server);

	assert_true(fd >= 0);
	return fd;
}

static inline bool try_say(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		length -= sent;
	}
	return true;
}

static inline void say_bytes(int fd, const char *bytes, size_t length)
{
	assert_true(try_say(fd, bytes, length));
}

static inline void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* One line without its newline; "<end>" at the end of file, "<reset>" at an error. */
static inline const char *hear_into(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t got = recv(fd, line + used, 1, 0);

		if (got <= 0 && !used)
			return got ? "<reset>" : "<end>";
		if (got <= 0 || line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return line;
}

#define hear(fd) hear_into(fd, (char[1024]){ 0 }, 1024)

/* A question and the time its answer took. */
static inline int64_t ping_ns(int fd)
{
	int64_t begin = monotonic_ns();

	say(fd, "ping\n");
	assert_string_equal(hear(fd), "pong");
	return monotonic_ns() - begin;
}

static inline void sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* What closes is noticed in time, not at once. */
static inline void wait_clients(struct server *server, uint64_t clients)
{
	int64_t end = monotonic_ns() + PATIENCE_MS * NS_PER_MS;

	while (server_counters(server).clients != clients && monotonic_ns() < end)
		sleep_ms(5);
	assert_int_equal(server_counters(server).clients, clients);
}

/* A test that cannot run here says why on the line before. */
static inline void need_root(void)
{
	if (!geteuid())
		return;
	puts("needs root");
	skip();
}

#define state_test(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

#endif
