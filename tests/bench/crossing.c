/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long after the write that crosses a threshold the daemon says so. Fills a filesystem at
 * full speed, looks at it as the daemon does after every write, and notes when the first
 * look is past the threshold; a second thread waits for the `watch` line, a third asks for the
 * admission all the time. Prints a line per round and the medians, in milliseconds.
 *
 *   crossing DIRECTORY SOCKET MEDIUM_BYTES ROUNDS
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "watch/look.h"

#define BLOCK	   (256 * 1024)
#define GIVE_UP_NS (2 * NS_PER_S)
#define ROUNDS	   200

static const char *socket_path;
static _Atomic int64_t watch_ns, admission_ns;
static atomic_bool armed, done;

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(socket_path);
		exit(1);
	}
	return fd;
}

/* One reply to `admission`; true when it is not "accept". */
static bool deferred(int fd)
{
	char reply[512];
	ssize_t length;

	if (write(fd, "admission\n", 10) != 10 || (length = read(fd, reply, sizeof(reply))) <= 0) {
		fputs("the daemon is gone\n", stderr);
		exit(1);
	}
	return strncmp(reply, "accept", 6) != 0;
}

static void pause_us(long us)
{
	struct timespec time = { .tv_nsec = us * 1000 };

	nanosleep(&time, NULL);
}

static void *keep_asking(void *unused)
{
	int fd = dial();

	(void)unused;
	while (!done) {
		if (armed && !admission_ns && deferred(fd))
			admission_ns = monotonic_ns();
		pause_us(500);
	}
	close(fd);
	return NULL;
}

static void *keep_watching(void *unused)
{
	FILE *stream = fdopen(dial(), "r+");
	char *line = NULL;
	size_t size = 0;

	(void)unused;
	fputs("watch\n", stream);
	fflush(stream);
	while (!done && getline(&line, &size, stream) > 0)
		if (armed && !watch_ns && strstr(line, "\"inbound\": \"defer") != NULL)
			watch_ns = monotonic_ns();
		else if (armed && !watch_ns && strstr(line, "\"inbound\":\"defer"))
			watch_ns = monotonic_ns();
	free(line);
	return NULL;
}

static void wait_for_accept(void)
{
	int64_t give_up_ns = monotonic_ns() + 60 * NS_PER_S;
	int fd = dial();

	while (deferred(fd)) {
		if (monotonic_ns() > give_up_ns) {
			fputs("not open again after 60 s\n", stderr);
			exit(1);
		}
		pause_us(20000);
	}
	close(fd);
}

/* Returns when the threshold was crossed, having gone on writing until both have been heard. */
static int64_t fill(const char *directory, int64_t medium_bytes)
{
	static char block[BLOCK];
	int64_t crossed_ns = 0;
	char name[4096];
	struct look look;
	int fd;

	snprintf(name, sizeof(name), "%s/fill", directory);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0) {
		perror(name);
		exit(1);
	}
	while (!watch_ns || !admission_ns) {
		if (crossed_ns && monotonic_ns() - crossed_ns > GIVE_UP_NS)
			break;
		if (write(fd, block, BLOCK) < 0)
			pause_us(1000); /* full: what is left is to wait */
		if (!crossed_ns && !look_at(directory, 0, &look) &&
		    look.available_bytes < medium_bytes)
			crossed_ns = monotonic_ns();
	}
	close(fd);
	unlink(name);
	return crossed_ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double since_ms(int64_t told_ns, int64_t crossed_ns)
{
	if (!told_ns)
		return 1e9;
	/* Told before: a look saw it between the crossing write and our own look. */
	if (!crossed_ns || told_ns < crossed_ns)
		return 0;
	return (double)(told_ns - crossed_ns) / NS_PER_MS;
}

int main(int argc, char **argv)
{
	double watched[ROUNDS], asked[ROUNDS];
	pthread_t asker, watcher;
	int i, rounds;

	if (argc != 5 || (rounds = atoi(argv[4])) < 1 || rounds > ROUNDS) {
		fputs("usage: crossing DIRECTORY SOCKET MEDIUM_BYTES ROUNDS\n", stderr);
		return 64;
	}
	socket_path = argv[2];
	pthread_create(&watcher, NULL, keep_watching, NULL);
	pthread_create(&asker, NULL, keep_asking, NULL);
	for (i = 0; i < rounds; i++) {
		int64_t crossed_ns;

		wait_for_accept();
		pause_us(200000);
		watch_ns = admission_ns = 0;
		armed = true;
		crossed_ns = fill(argv[1], strtoll(argv[3], NULL, 10));
		armed = false;
		watched[i] = since_ms(watch_ns, crossed_ns);
		asked[i] = since_ms(admission_ns, crossed_ns);
		printf("round %d: watch %.2f ms, admission %.2f ms\n", i + 1, watched[i], asked[i]);
	}
	wait_for_accept();
	qsort(watched, (size_t)rounds, sizeof(double), compare);
	qsort(asked, (size_t)rounds, sizeof(double), compare);
	printf("median of %d: watch %.2f ms, admission %.2f ms; worst: watch %.2f ms, admission %.2f ms\n",
	       rounds, watched[rounds / 2], asked[rounds / 2], watched[rounds - 1],
	       asked[rounds - 1]);
	return 0;
}
