/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the tests of the listeners: the real thing on a real loop in a process of its own. What
 * its source answers depends on the client's address and size alone.
 */
#ifndef TESTS_LISTENER_SERVER_H
#define TESTS_LISTENER_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/un.h>

#include "common/class.h"
#include "publish/listener_internal.h"
#include "state_server.h"

#define CLOSED_ADDRESS "192.0.2.1"    /* deferred */
#define SLOW_ADDRESS   "198.51.100.1" /* delayed by SLOW_S */
#define SLOW_S	       2
#define HELD_ADDRESS   "198.51.100.2" /* delayed by HELD_S: longer than any test waits */
#define HELD_S	       120
#define LARGE	       1000000 /* from here on deferred */

/* What a test wants otherwise than as it is. Zero is as it is. */
struct house_setup {
	struct listener_times times;
	unsigned int connections_max;
	unsigned int open_files; /* RLIMIT_NOFILE of the server */
};

/* The server's answer to an order. */
struct house_counters {
	unsigned int count; /* of listeners */
	uint64_t connections, requests, dropped, lacked;
	bool open[CONFIG_LISTENERS];
	unsigned int asked; /* of the source */
	int64_t ended;	    /* bytes, by the listeners */
	enum class class;   /* of its last question */
	int64_t size;
	char address[INET6_ADDRSTRLEN];
};

/* Held by its page: an order 'r' makes the server take over what is in CONFIG then. */
struct house {
	char directory[80];
	struct house_setup setup;
	pid_t pid;
	int orders, replies;   /* pipes */
	struct config *config; /* shared memory */
};

/* In the server's process. */
struct housed {
	struct house *house;
	struct event_base *base;
	struct listeners *listeners;
	struct config config;
	struct house_counters counters;
};

static inline struct config_verdict housed_admission(void *context, enum class class, int64_t size,
						     const char *address)
{
	struct housed *housed = context;
	struct config_verdict verdict = { .kind = VERDICT_ACCEPT };

	housed->counters.asked++;
	housed->counters.class = class;
	housed->counters.size = size;
	snprintf(housed->counters.address, sizeof(housed->counters.address), "%s",
		 address ? address : "-");
	if (size >= LARGE || (address && !strcmp(address, CLOSED_ADDRESS)))
		verdict.kind = VERDICT_DEFER;
	else if (address && !strcmp(address, SLOW_ADDRESS))
		verdict = (struct config_verdict){ VERDICT_DELAY, SLOW_S };
	else if (address && !strcmp(address, HELD_ADDRESS))
		verdict = (struct config_verdict){ VERDICT_DELAY, HELD_S };
	return verdict;
}

static inline void housed_ended(void *context, enum class class, int64_t size, const char *address)
{
	struct housed *housed = context;

	(void)class;
	(void)address;
	housed->counters.ended += size;
}

/* It takes this for a class of C++: */
/* clang-format off */
static inline enum class housed_class(void *context, bool authenticated, const char *address)
{
	const struct housed *housed = context;

	return class_of(housed->config.internal, housed->config.internal_count, authenticated,
			address);
}
/* clang-format on */

static inline const char *housed_reply(void *context)
{
	(void)context;
	return "452 4.3.1 Insufficient system resources";
}

static inline void housed_count(struct housed *housed)
{
	struct listener_status status[CONFIG_LISTENERS];
	struct house_counters *counters = &housed->counters;

	counters->connections = counters->requests = counters->dropped = counters->lacked = 0;
	counters->count = listeners_status(housed->listeners, status);
	for (unsigned int i = 0; i < counters->count; i++) {
		counters->connections += status[i].connections;
		counters->requests += status[i].requests;
		counters->dropped += status[i].dropped;
		counters->lacked += status[i].lacked;
		counters->open[i] = status[i].open;
	}
}

/* Orders: r reload, s stop, n the counters; all are answered with the counters. */
static inline void housed_order(evutil_socket_t fd, short what, void *context)
{
	struct housed *housed = context;
	char order;

	(void)what;
	if (read(fd, &order, 1) != 1 || order == 's') {
		event_base_loopbreak(housed->base);
		return;
	}
	if (order == 'r') {
		housed->config = *housed->house->config;
		listeners_reload(housed->listeners, &housed->config, NULL);
	}
	housed_count(housed);
	if (write(housed->house->replies, &housed->counters, sizeof(housed->counters)) < 0)
		abort();
}

static inline void house_apply(struct listeners *listeners, const struct house_setup *setup)
{
	const struct listener_times *times = &setup->times;

	if (times->partial_ns)
		listeners->times.partial_ns = times->partial_ns;
	if (times->unsent_ns)
		listeners->times.unsent_ns = times->unsent_ns;
	if (times->idle_ns)
		listeners->times.idle_ns = times->idle_ns;
	if (times->quiet_ns)
		listeners->times.quiet_ns = times->quiet_ns;
	if (setup->connections_max)
		listeners->places.listener = listeners->places.listeners = setup->connections_max;
}

/* The server's whole life. exit() and not _exit(): leaks are looked for at exit. */
static inline void house_serve(struct house *house)
{
	struct housed *housed = calloc(1, sizeof(*housed));
	const struct listener_source source = { .context = housed,
						.admission = housed_admission,
						.ended = housed_ended,
						.class = housed_class,
						.reply = housed_reply };
	struct event *orders;

	housed->house = house;
	housed->config = *house->config;
	housed->base = counted_base();
	signal(SIGPIPE, SIG_IGN);
	if (listeners_open(&housed->listeners, housed->base, &housed->config, &source))
		_exit(100);
	house_apply(housed->listeners, &house->setup);
	orders = event_new(housed->base, house->orders, EV_READ | EV_PERSIST, housed_order, housed);
	event_add(orders, NULL);
	if (write(house->replies, "r", 1) != 1)
		_exit(101);
	event_base_dispatch(housed->base);
	event_free(orders);
	listeners_close(housed->listeners, NULL);
	event_base_free(housed->base);
	libevent_global_shutdown();
	free(housed);
	exit(0);
}

static inline void house_start(struct house *house)
{
	int down[2], up[2];
	char ready;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	fflush(NULL);
	house->pid = fork();
	assert_true(house->pid >= 0);
	if (!house->pid) {
		struct rlimit files;

		house->orders = down[0];
		house->replies = up[1];
		getrlimit(RLIMIT_NOFILE, &files);
		if (house->setup.open_files) {
			files.rlim_cur = house->setup.open_files;
			setrlimit(RLIMIT_NOFILE, &files);
		}
		house_serve(house);
	}
	close(down[0]);
	close(up[1]);
	house->orders = down[1];
	house->replies = up[0];
	assert_int_equal(read(house->replies, &ready, 1), 1);
}

static inline struct house_counters house_order(struct house *house, char order)
{
	struct house_counters counters;

	assert_int_equal(write(house->orders, &order, 1), 1);
	assert_int_equal(read(house->replies, &counters, sizeof(counters)), sizeof(counters));
	return counters;
}

static inline struct house_counters house_counters(struct house *house)
{
	return house_order(house, 'n');
}

/* The server must end by itself, and find nothing wrong at its exit. */
static inline void house_stop(struct house *house)
{
	int status = -1;

	assert_int_equal(write(house->orders, "s", 1), 1);
	assert_int_equal(waitpid(house->pid, &status, 0), house->pid);
	house->pid = 0;
	close(house->orders);
	close(house->replies);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline struct config_listener *house_listener(struct house *house, enum protocol protocol,
						     const char *name)
{
	struct config_listener *listener = &house->config->listeners[house->config->listener_count];
	struct sockaddr_un *address = (struct sockaddr_un *)&listener->socket;

	memset(listener, 0, sizeof(*listener));
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	listener->protocol = protocol;
	listener->mode = 0660;
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%.79s/%.20s", house->directory,
		 name);
	snprintf(listener->address, sizeof(listener->address), "unix:%s", address->sun_path);
	house->config->listener_count++;
	return listener;
}

/* A TCP listener on a port that was free a moment ago. */
static inline struct config_listener *house_tcp(struct house *house, int family)
{
	struct config_listener *listener = house_listener(house, PROTOCOL_POSTFIX_POLICY, "tcp");
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr *address = (void *)&six;
	socklen_t size = sizeof(six);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET) {
		four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address = (void *)&four;
		size = sizeof(four);
	}
	if (bind(fd, address, size)) {
		puts("no loopback of this family here");
		skip();
	}
	getsockname(fd, address, &size);
	close(fd);
	memset(&listener->socket, 0, sizeof(listener->socket));
	memcpy(&listener->socket, address, size);
	snprintf(listener->address, sizeof(listener->address), "inet:%d", family);
	return listener;
}

static inline int house_dial(const struct house *house, unsigned int index)
{
	const struct sockaddr_storage *address = &house->config->listeners[index].socket;
	socklen_t size = address->ss_family == AF_UNIX	  ? sizeof(struct sockaddr_un)
			 : address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
							  : sizeof(struct sockaddr_in);
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (const struct sockaddr *)address, size))
		return fd;
	close(fd);
	return -1;
}

static inline int house_setup(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	const char *place = getenv("TMPDIR");

	snprintf(house->directory, sizeof(house->directory), "%s/listener.XXXXXX",
		 place ? place : "/tmp");
	assert_non_null(mkdtemp(house->directory));
	house->config = mmap(NULL, sizeof(*house->config), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(house->config != MAP_FAILED);
	config_default(house->config);
	house->config->user[0] = '\0';
	*state = house;
	return 0;
}

static inline int house_teardown(void **state)
{
	struct house *house = *state;

	if (house->pid > 0) {
		kill(house->pid, SIGKILL);
		waitpid(house->pid, NULL, 0);
		close(house->orders);
		close(house->replies);
	}
	for (unsigned int i = 0; i < CONFIG_LISTENERS; i++)
		if (!strncmp(house->config->listeners[i].address, "unix:", 5))
			unlink(house->config->listeners[i].address + strlen("unix:"));
	rmdir(house->directory);
	munmap(house->config, sizeof(*house->config));
	free(house);
	return 0;
}

/* What closes is noticed in time, not at once. */
static inline void wait_connections(struct house *house, uint64_t connections)
{
	int64_t end = monotonic_ns() + PATIENCE_MS * NS_PER_MS;

	while (house_counters(house).connections != connections && monotonic_ns() < end)
		sleep_ms(5);
	assert_int_equal(house_counters(house).connections, connections);
}

/* COUNT bytes, less at the end of what is sent; as a string. */
static inline const char *hear_bytes(int fd, char *buf, size_t count)
{
	size_t used = 0;

	while (used < count) {
		ssize_t got = recv(fd, buf + used, count - used, 0);

		if (got <= 0)
			break;
		used += (size_t)got;
	}
	buf[used] = '\0';
	return buf;
}

#define DUNNO "action=DUNNO\n\n"
#define DEFER "action=452 4.3.1 Insufficient system resources\n\n"

#define assert_heard(fd, want)                                                  \
	do {                                                                    \
		char heard[512];                                                \
		assert_string_equal(hear_bytes(fd, heard, strlen(want)), want); \
	} while (0)

/* Closed, with nothing more to read. */
#define assert_ended(fd)                                 \
	do {                                             \
		char none;                               \
		assert_true(recv(fd, &none, 1, 0) <= 0); \
	} while (0)

/* A policy request. */
static inline void say_policy(int fd, const char *state, const char *address, const char *instance,
			      long long size, const char *user)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\n"
		 "client_address=%s\nsender=a b@client.test\ninstance=%s\nsize=%lld\n"
		 "sasl_username=%s\n\n",
		 state, address, instance, size, user);
	say(fd, text);
}

#define house_test(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)

#endif
