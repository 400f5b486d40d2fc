/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients of the state socket that a shell cannot be.
 *
 *   clients pipeline SOCKET COUNT   COUNT requests on one connection, all sent before one is read
 *                                   as far as the socket takes them
 *   clients together SOCKET COUNT   COUNT connections at once, two requests on each
 *   clients slowest SOCKET COUNT    COUNT connections in turn, a ping on each; prints the
 *                                   slowest answer in milliseconds
 *   clients mute SOCKET COUNT       send COUNT requests for the status, read nothing, stay
 *   clients crowd SOCKET COUNT      COUNT connections, 50 requests for the status on each, none
 * read clients unended SOCKET COUNT    COUNT connections of Postfix's protocol, half a request on
 * each clients unread SOCKET COUNT     the same with 500 requests on each, none read clients levels
 * SOCKET COUNT     the level forced and let go again, COUNT times in all
 *
 * Crowds say "there" once all are, and stay; whom the daemon closes it closes.
 * Requests are `admission`, answers must be "accept". Exit: 1 when one was not.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"

#define MOST	   4096
#define GIVE_UP_MS 10000

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	return fd;
}

static void ask(int fd, const char *question)
{
	ssize_t length = (ssize_t)strlen(question);

	if (send(fd, question, (size_t)length, MSG_NOSIGNAL) != length)
		fail("send");
}

/* Whatever pieces it comes in. */
static void expect(int fd, const char *answer)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t length = strlen(answer), got = 0;
	char line[64];

	while (got < length) {
		ssize_t more = -1;

		if (poll(&ready, 1, GIVE_UP_MS) == 1)
			more = recv(fd, line + got, length - got, 0);
		if (more <= 0)
			fail("no answer");
		got += (size_t)more;
	}
	if (memcmp(line, answer, length)) {
		fprintf(stderr, "%.*s in place of %s", (int)length, line, answer);
		exit(1);
	}
}

static void pipeline(const char *path, long count)
{
	int fd = dial(path), status;
	pid_t reader = fork();
	long i;

	if (!reader) {
		usleep(200000); /* until the socket is full */
		for (i = 0; i < count; i++)
			expect(fd, "accept\n");
		exit(0);
	}
	for (i = 0; i < count; i++)
		ask(fd, "admission\n");
	if (waitpid(reader, &status, 0) != reader || status)
		exit(1);
}

static void together(const char *path, long count)
{
	static int fds[MOST];
	long i, round;

	for (i = 0; i < count; i++)
		fds[i] = dial(path);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < count; i++)
			ask(fds[i], "admission\n");
		for (i = 0; i < count; i++)
			expect(fds[i], "accept\n");
	}
}

static void slowest(const char *path, long count)
{
	int64_t worst_ns = 0;
	long i;

	for (i = 0; i < count; i++) {
		int64_t begin_ns = monotonic_ns(), took_ns;
		int fd = dial(path);

		ask(fd, "ping\n");
		expect(fd, "pong\n");
		close(fd);
		took_ns = monotonic_ns() - begin_ns;
		if (took_ns > worst_ns)
			worst_ns = took_ns;
	}
	printf("%.2f\n", (double)worst_ns / NS_PER_MS);
}

/* TEXT, again and again, TIMES or as far as it goes, on each of COUNT connections. */
static void stay(const char *path, long count, const char *text, int times)
{
	struct rlimit files;
	long i;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (i = 0; i < count; i++) {
		int fd = dial(path);

		for (int k = 0; k < times; k++)
			if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
	}
	puts("there");
	fflush(stdout);
	pause();
}

static void crowd(const char *path, long count)
{
	stay(path, count, "status\n", 50);
}

static void unended(const char *path, long count)
{
	stay(path, count, "request=smtpd_access_policy\nclient_address=192.0.2.1\n", 60);
}

static void unread(const char *path, long count)
{
	stay(path, count, "request=smtpd_access_policy\n\n", 500);
}

static void levels(const char *path, long count)
{
	int fd = dial(path);
	long i;

	for (i = 0; i < count; i++) {
		ask(fd, i % 2 ? "override off\n" : "override high 60\n");
		expect(fd, "ok\n");
	}
}

static void mute(const char *path, long count)
{
	int fd = dial(path);
	long i;

	for (i = 0; i < count; i++)
		if (send(fd, "status\n", 7, MSG_NOSIGNAL) < 0)
			break; /* the daemon may close it */
	pause();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const char *path, long count);
	} jobs[] = { { "pipeline", pipeline }, { "together", together }, { "slowest", slowest },
		     { "mute", mute },	       { "crowd", crowd },	 { "unended", unended },
		     { "unread", unread },     { "levels", levels } };
	long count = argc == 4 ? atol(argv[3]) : 0;
	size_t i;

	for (i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		if (count < 1 || count > (jobs[i].run == together ? MOST : INT32_MAX) ||
		    strcmp(argv[1], jobs[i].name))
			continue;
		jobs[i].run(argv[2], count);
		return 0;
	}
	fputs("usage: clients pipeline|together|slowest|mute|crowd|unended|unread|levels "
	      "SOCKET COUNT\n",
	      stderr);
	return 64;
}
