/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libspoolgate against daemons that are not well: gone, slow, deaf, closing, or saying what no
 * daemon says. Whatever they do, the answer comes in time, and is accept unless it is understood.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/units.h"
#include "spoolgate.h"

#define NO_PAGE	 "error no page\n"
#define ANSWERS	 4
#define LATE_NS	 (5 * NS_PER_S) /* a call of at most 1 s, on a host that is busy */
#define QUICK_NS (NS_PER_S / 2)

/* What the server does with each request, and what it saw. */
struct server {
	char directory[80], path[108];
	const char *answers[ANSWERS]; /* of each write of the client; NULL: none */
	size_t answer_bytes;	      /* of the first, where it has NUL bytes */
	bool closes;		      /* after each answer */
	bool drips;		      /* byte by byte, 100 ms apart */
	int listener, stop[2];
	pthread_t thread;
	unsigned int connections, requests; /* atomic */
	char request[ANSWERS][512];
};

static void drip(int fd, const char *answer)
{
	for (; *answer; answer++) {
		poll(NULL, 0, 100);
		if (send(fd, answer, 1, MSG_NOSIGNAL) != 1)
			return;
	}
}

/* One connection until the client closes it, or the test is over. */
static void serve_one(struct server *server, int fd)
{
	struct pollfd events[] = { { .fd = fd, .events = POLLIN },
				   { .fd = server->stop[0], .events = POLLIN } };
	char bytes[512];

	while (poll(events, 2, -1) > 0 && !events[1].revents) {
		ssize_t got = recv(fd, bytes, sizeof(bytes) - 1, 0);
		unsigned int i = server->requests;

		if (got <= 0 || i >= ANSWERS)
			break;
		bytes[got] = '\0';
		strcpy(server->request[i], bytes);
		__atomic_store_n(&server->requests, i + 1, __ATOMIC_RELEASE);
		if (server->answers[i] && server->drips)
			drip(fd, server->answers[i]);
		else if (server->answers[i])
			(void)!send(fd, server->answers[i],
				    server->answer_bytes ? server->answer_bytes
							 : strlen(server->answers[i]),
				    MSG_NOSIGNAL);
		if (server->closes)
			break;
	}
	close(fd);
}

static void *serve(void *context)
{
	struct server *server = context;
	struct pollfd events[] = { { .fd = server->listener, .events = POLLIN },
				   { .fd = server->stop[0], .events = POLLIN } };

	while (poll(events, 2, -1) > 0 && !events[1].revents) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);

		__atomic_add_fetch(&server->connections, 1, __ATOMIC_RELEASE);
		serve_one(server, fd);
	}
	return NULL;
}

static void server_listen(struct server *server, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, server->path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, backlog), 0);
}

static void server_start(struct server *server)
{
	server_listen(server, 16);
	assert_int_equal(pipe2(server->stop, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	close(server->stop[1]);
	pthread_join(server->thread, NULL);
	close(server->stop[0]);
	close(server->listener);
}

static int setup(void **state)
{
	struct server *server = calloc(1, sizeof(*server));
	const char *place = getenv("TMPDIR");

	snprintf(server->directory, sizeof(server->directory), "%s/lib.XXXXXX",
		 place ? place : "/tmp");
	assert_non_null(mkdtemp(server->directory));
	snprintf(server->path, sizeof(server->path), "%s/state.sock", server->directory);
	*state = server;
	return 0;
}

static int teardown(void **state)
{
	struct server *server = *state;

	unlink(server->path);
	rmdir(server->directory);
	free(server);
	return 0;
}

static struct spoolgate *open_client(const struct server *server)
{
	struct spoolgate *client;

	assert_int_equal(spoolgate_open(&client, server->path), 0);
	return client;
}

static int ask(struct spoolgate *client, struct spoolgate_admission *admission)
{
	memset(admission, 0xee, sizeof(*admission)); /* all of it is to be filled */
	return spoolgate_admission(client, SPOOLGATE_INBOUND, 1000, admission);
}

static void expect_failure(struct spoolgate *client, int error)
{
	struct spoolgate_admission admission;

	assert_int_equal(ask(client, &admission), error);
	assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
	assert_int_equal(admission.delay_s, 0);
	assert_false(admission.known);
	assert_string_equal(admission.reply, "");
	assert_false(admission.promised);
}

static void test_open(void **state)
{
	char longest[109];
	struct spoolgate *client = NULL;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[108] = '\0';
	assert_int_equal(spoolgate_open(&client, longest), -ENAMETOOLONG);
	assert_int_equal(spoolgate_open(&client, ""), -EINVAL);
	assert_null(client);
	longest[107] = '\0';
	assert_int_equal(spoolgate_open(&client, longest), 0);
	spoolgate_close(client);
	assert_int_equal(spoolgate_open(&client, NULL), 0);
	spoolgate_close(client);
	spoolgate_close(NULL);
}

static void test_wrong_class(void **state)
{
	struct spoolgate_admission admission;
	struct spoolgate *client = open_client(*state);

	memset(&admission, 0xee, sizeof(admission));
	assert_int_equal(spoolgate_admission(client, (enum spoolgate_class)3, -1, &admission),
			 -EINVAL);
	assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
	assert_false(admission.known);
	spoolgate_close(client);
}

static void test_nobody_there(void **state)
{
	struct server *server = *state;
	struct spoolgate *client = open_client(server);

	expect_failure(client, -ENOENT);
	expect_failure(client, -ENOENT);
	spoolgate_close(client);
	server_listen(server, 1);
	close(server->listener);
	client = open_client(server);
	expect_failure(client, -ECONNREFUSED);
	spoolgate_close(client);
}

/* What was promised is said to have ended, over the connection that is there; an older daemon does
 * not know the word, which harms nobody. */
static void test_ended(void **state)
{
	struct server *server = *state;
	struct spoolgate_admission admission;
	struct spoolgate *client = open_client(server);

	server->answers[0] = NO_PAGE "accept\n";
	server->answers[1] = "ok\n";
	server->answers[2] = "error unknown request \"ended\"\n";
	server->answers[3] = "defer 452 4.3.1 Insufficient system resources\n";
	server_start(server);
	assert_int_equal(ask(client, &admission), 0);
	assert_true(admission.promised);
	assert_int_equal(spoolgate_ended(client, SPOOLGATE_SUBMISSION, 1000, "192.0.2.1"), 0);
	assert_string_equal(server->request[1], "ended submission 1000 192.0.2.1\n");
	assert_int_equal(spoolgate_ended(client, SPOOLGATE_INBOUND, 7, NULL), 0);
	assert_string_equal(server->request[2], "ended inbound 7\n");
	assert_int_equal(ask(client, &admission), 0);
	assert_false(admission.promised);
	/* Nothing to tell. */
	assert_int_equal(spoolgate_ended(client, SPOOLGATE_INBOUND, 0, NULL), 0);
	assert_int_equal(spoolgate_ended(client, SPOOLGATE_INBOUND, -1, NULL), 0);
	assert_int_equal(spoolgate_ended(client, (enum spoolgate_class)3, 7, NULL), -EINVAL);
	assert_int_equal(server->connections, 1);
	spoolgate_close(client);
	server_stop(server);
}

static void test_answers(void **state)
{
	struct server *server = *state;
	struct spoolgate_admission admission;
	struct spoolgate *client = open_client(server);

	server->answers[0] = NO_PAGE "accept\n";
	server->answers[1] = "defer 452 4.3.1 Insufficient system resources\n";
	server->answers[2] = "delay 10\n";
	server_start(server);
	assert_int_equal(ask(client, &admission), 0);
	assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
	assert_true(admission.known);
	assert_int_equal(ask(client, &admission), 0);
	assert_int_equal(admission.verdict, SPOOLGATE_DEFER);
	assert_string_equal(admission.reply, "452 4.3.1 Insufficient system resources");
	assert_int_equal(spoolgate_admission_from(client, SPOOLGATE_SUBMISSION, -5, "2001:db8::1",
						  &admission),
			 0);
	assert_int_equal(admission.verdict, SPOOLGATE_DELAY);
	assert_int_equal(admission.delay_s, 10);
	assert_string_equal(admission.reply, "");
	spoolgate_close(client);
	server_stop(server);
	assert_int_equal(server->connections, 1);
	assert_string_equal(server->request[0], "page\nadmission inbound 1000\n");
	assert_string_equal(server->request[1], "admission inbound 1000\n");
	assert_string_equal(server->request[2], "admission submission -1 2001:db8::1\n");
}

/* Whoever chooses the address must not choose the request. */
static void test_address_is_one_or_none(void **state)
{
	struct server *server = *state;
	struct spoolgate_admission admission;
	struct spoolgate *client = open_client(server);

	server->answers[0] = NO_PAGE "accept\n";
	server->answers[1] = "accept\n";
	server_start(server);
	spoolgate_admission_from(client, SPOOLGATE_INBOUND, -1, "192.0.2.1\noverride high",
				 &admission);
	assert_true(admission.known);
	spoolgate_admission_from(client, SPOOLGATE_INBOUND, INT64_MAX, "unknown", &admission);
	assert_true(admission.known);
	spoolgate_close(client);
	server_stop(server);
	assert_string_equal(server->request[0], "page\nadmission inbound -1\n");
	assert_string_equal(server->request[1], "admission inbound 9223372036854775807\n");
}

static void expect_refused(struct server *server, const char *answer, int error)
{
	struct spoolgate *client = open_client(server);

	server->answers[0] = answer;
	server->requests = 0;
	server_start(server);
	expect_failure(client, error);
	spoolgate_close(client);
	server_stop(server);
	unlink(server->path);
}

static void test_garbage(void **state)
{
	static const char *const answers[] = {
		"\n\n",
		NO_PAGE "maybe\n",
		NO_PAGE "accept \n",
		NO_PAGE "error too many connections\n",
		NO_PAGE "delay\n",
		NO_PAGE "delay 0\n",
		NO_PAGE "delay -1\n",
		NO_PAGE "delay 10 s\n",
		NO_PAGE "delay 99999999999999999999\n",
		NO_PAGE "defer\n",
		NO_PAGE "defer \n",
		NO_PAGE "defer 250 2.0.0 Ok\n",
		NO_PAGE "defer 452\n",
		NO_PAGE "defer 452-4.3.1 more\n",
		NO_PAGE "defer 4x2 4.3.1 no\n",
		NO_PAGE "defer 452 4.3.1 \303\244\n",
		NO_PAGE "defer 452 4.3.1 two\r\r\n",
		NO_PAGE "defer 452 \033[31m\n",
		NO_PAGE "accept\naccept\n",
	};
	char longest[2000];

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		expect_refused(*state, answers[i], -EPROTO);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	expect_refused(*state, longest, -EPROTO);
	/* A reply that does not fit is not cut: it is none of the daemon's. */
	snprintf(longest, sizeof(longest), NO_PAGE "defer 452 %0252d\n", 0);
	expect_refused(*state, longest, -EPROTO);
}

/* NUL bytes neither hide what follows nor end a line. */
static void test_nul(void **state)
{
	struct server *server = *state;

	server->answer_bytes = sizeof(NO_PAGE "accept\0x\n") - 1;
	expect_refused(server, NO_PAGE "accept\0x\n", -EPROTO);
}

static void test_ends_in_the_middle(void **state)
{
	struct server *server = *state;

	server->closes = true;
	expect_refused(server, NO_PAGE "acc", -ECONNRESET);
	expect_refused(server, "", -ECONNRESET);
}

/* After a failure others are not kept waiting. */
static void test_back_off(void **state)
{
	struct server *server = *state;
	struct spoolgate *client = open_client(server);
	struct spoolgate_admission admission;
	int64_t begin = monotonic_ns();

	server->answers[0] = NO_PAGE "what?\n";
	server->answers[1] = NO_PAGE "accept\n";
	server_start(server);
	expect_failure(client, -EPROTO);
	do
		expect_failure(client, -EPROTO);
	while (monotonic_ns() - begin < QUICK_NS);
	assert_int_equal(server->connections, 1);
	poll(NULL, 0, 1000);
	assert_int_equal(ask(client, &admission), 0);
	assert_true(admission.known);
	spoolgate_close(client);
	server_stop(server);
	assert_int_equal(server->connections, 2);
}

static void expect_time_out(struct server *server)
{
	struct spoolgate *client = open_client(server);
	int64_t begin = monotonic_ns(), took_ns;

	expect_failure(client, -ETIMEDOUT);
	took_ns = monotonic_ns() - begin;
	assert_in_range(took_ns, NS_PER_S * 9 / 10, LATE_NS);
	/* And then for eight times as long nobody waits. */
	begin = monotonic_ns();
	poll(NULL, 0, 1500);
	expect_failure(client, -ETIMEDOUT);
	assert_true(monotonic_ns() - begin < LATE_NS);
	spoolgate_close(client);
}

static void test_silence(void **state)
{
	struct server *server = *state;

	server_start(server);
	expect_time_out(server);
	server_stop(server);
	assert_int_equal(server->connections, 1);
}

/* Each byte comes soon, and all of them take too long. */
static void test_dripping(void **state)
{
	struct server *server = *state;

	server->drips = true;
	server->answers[0] = NO_PAGE "accept\n";
	server_start(server);
	expect_time_out(server);
	server_stop(server);
}

/* Stopped for so long that nobody can connect any more. */
static void test_full_backlog(void **state)
{
	struct server *server = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	server_listen(server, 0);
	strcpy(address.sun_path, server->path);
	assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_time_out(server);
	close(first);
	close(server->listener);
}

/* The connection that was kept has died: that is no failure. */
static void test_another_daemon(void **state)
{
	struct server *server = *state;
	struct spoolgate_admission admission;
	struct spoolgate *client = open_client(server);

	server->closes = true;
	for (int i = 0; i < ANSWERS; i++)
		server->answers[i] = NO_PAGE "accept\n";
	server_start(server);
	for (unsigned int i = 1; i <= ANSWERS; i++) {
		assert_int_equal(ask(client, &admission), 0);
		assert_true(admission.known);
		poll(NULL, 0, 20); /* its close has come: or the request is lost on its way */
	}
	spoolgate_close(client);
	server_stop(server);
	assert_int_equal(server->connections, ANSWERS);
}

static unsigned int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void test_changes_without_a_daemon(void **state)
{
	unsigned int before = count_descriptors();
	struct spoolgate *client = open_client(*state);
	struct pollfd event = { .events = POLLIN };

	event.fd = spoolgate_fd(client);
	assert_true(event.fd >= 0);
	assert_int_equal(spoolgate_fd(client), event.fd);
	assert_int_equal(spoolgate_changed(client), 0);
	assert_int_equal(poll(&event, 1, 0), 0);
	/* Once a second it looks whether there is one. */
	assert_int_equal(poll(&event, 1, 10000), 1);
	assert_int_equal(spoolgate_changed(client), 0);
	assert_int_equal(poll(&event, 1, 0), 0);
	spoolgate_close(client);
	assert_int_equal(count_descriptors(), before);
}

/* A daemon that has no page has lines at least. */
static void test_changes_without_a_page(void **state)
{
	struct server *server = *state;
	struct spoolgate *client = open_client(server);
	struct pollfd event = { .events = POLLIN };

	server->answers[0] = NO_PAGE "{}\n";
	server_start(server);
	event.fd = spoolgate_fd(client);
	assert_int_equal(poll(&event, 1, 10000), 1);
	assert_int_equal(spoolgate_changed(client), 1);
	assert_int_equal(spoolgate_changed(client), 0);
	spoolgate_close(client);
	server_stop(server);
	assert_string_equal(server->request[0], "page\nwatch\n");
}

/* A child does not talk in its parent's conversation. */
static void test_fork(void **state)
{
	struct server *server = *state;
	struct spoolgate_admission admission;
	struct spoolgate *client;
	int status = -1;
	pid_t child;

	server->answers[0] = NO_PAGE "delay 1\n";
	server->answers[1] = NO_PAGE "delay 2\n";
	client = open_client(server);
	server->closes = false;
	server_start(server);
	assert_int_equal(ask(client, &admission), 0);
	fflush(NULL);
	child = fork();
	if (!child)
		_exit(ask(client, &admission) == -ETIMEDOUT ? 0 : 1);
	/* The server has one client at a time: the child waits for its turn, and in vain. */
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(server->requests, 1);
	spoolgate_close(client);
	server_stop(server);
}

static void *ask_in_thread(void *context)
{
	struct spoolgate_admission admission;

	ask(context, &admission);
	return NULL;
}

static int ask_of_nobody(struct spoolgate *client)
{
	struct spoolgate_admission admission;
	int64_t begin = monotonic_ns();
	int error = ask(client, &admission);

	return error == -ENOENT && monotonic_ns() - begin < QUICK_NS ? 0 : 1;
}

/*
 * Another thread waits for an answer and holds the lock, whose owner the child is without. What
 * the child is told at once is that the socket is not there any more.
 */
static void test_fork_during_a_call(void **state)
{
	struct server *server = *state;
	struct spoolgate *client = open_client(server);
	pthread_t thread;
	int status = -1, fd, mine;
	pid_t child;

	server_start(server);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, client), 0);
	while (!__atomic_load_n(&server->requests, __ATOMIC_ACQUIRE))
		poll(NULL, 0, 10);
	fd = spoolgate_fd(client);
	assert_true(fd >= 0);
	unlink(server->path);
	fflush(NULL);
	child = fork();
	if (!child) {
		mine = spoolgate_fd(client); /* not the one that the parent polls */
		_exit(ask_of_nobody(client) + 2 * (mine < 0) + 4 * (spoolgate_changed(client) < 0));
	}
	waitpid(child, &status, 0);
	pthread_join(thread, NULL);
	assert_int_equal(status, 0);
	assert_int_equal(spoolgate_fd(client), fd);
	spoolgate_close(client);
	server_stop(server);
}

#define library_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		library_test(test_open),
		library_test(test_wrong_class),
		library_test(test_nobody_there),
		library_test(test_ended),
		library_test(test_answers),
		library_test(test_address_is_one_or_none),
		library_test(test_garbage),
		library_test(test_nul),
		library_test(test_ends_in_the_middle),
		library_test(test_back_off),
		library_test(test_silence),
		library_test(test_dripping),
		library_test(test_full_backlog),
		library_test(test_another_daemon),
		library_test(test_changes_without_a_daemon),
		library_test(test_changes_without_a_page),
		library_test(test_fork),
		library_test(test_fork_during_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
