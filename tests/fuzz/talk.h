/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the targets of what is served on a socket: the real thing on a loop in this process, and a
 * client that says what there is, whole or cut in two, and hears all of the answer.
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

#define TALK_ROUNDS 2000 /* of the loop, until who is served has all: some ten are needed */
#define TALK_HEARD  (256 * 1024)

struct talk {
	struct event_base *base;
	char directory[64], path[80];
	char heard[TALK_HEARD + 1];
	size_t length; /* of what was heard */
};

static struct talk talk;

static inline void talk_end(void)
{
	unlink(talk.path);
	rmdir(talk.directory);
}

/* To be called once. What serves is to listen at talk.path, on talk.base. */
static inline void talk_begin(void)
{
	const char *place = getenv("TMPDIR");

	snprintf(talk.directory, sizeof(talk.directory), "%s/talk.XXXXXX", place ? place : "/tmp");
	check(mkdtemp(talk.directory));
	snprintf(talk.path, sizeof(talk.path), "%s/s", talk.directory);
	talk.base = event_base_new();
	check(talk.base);
	atexit(talk_end);
}

/* Returns false at the end. */
static inline bool talk_hear(int fd)
{
	ssize_t got;

	event_base_loop(talk.base, EVLOOP_NONBLOCK);
	got = recv(fd, talk.heard + talk.length, TALK_HEARD - talk.length, MSG_DONTWAIT);
	if (got > 0)
		talk.length += (size_t)got;
	check(talk.length < TALK_HEARD);
	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* A peer that has closed its side is not written to any more. */
static inline void talk_say(int fd, const uint8_t *bytes, size_t size)
{
	check(send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size ||
	      errno == EPIPE);
}

/* Say all, with a pause before CUT, and the end. What was heard until the end is in `talk`. */
static inline void talk_over(const uint8_t *bytes, size_t size, size_t cut)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), round = 0;

	strcpy(address.sun_path, talk.path);
	check(fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)));
	talk.length = 0;
	talk_say(fd, bytes, cut);
	for (int i = 0; i < 3; i++)
		talk_hear(fd);
	talk_say(fd, bytes + cut, size - cut);
	shutdown(fd, SHUT_WR);
	while (talk_hear(fd))
		check(++round < TALK_ROUNDS);
	talk.heard[talk.length] = '\0';
	close(fd);
	event_base_loop(talk.base, EVLOOP_NONBLOCK); /* it is buried */
}

/* Somewhere in the input, and always at the same place. */
static inline size_t talk_cut(const uint8_t *bytes, size_t size)
{
	size_t sum = size;

	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	return size ? sum % size : 0;
}

#endif
