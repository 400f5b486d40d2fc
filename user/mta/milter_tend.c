/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks after a unix socket's file: it is removed, or the mail server's directory is mounted over,
 * and all mail passes unasked. Whoever has become another user cannot make it again everywhere: so
 * the milter ends, and who started it does that again, as root. Sessions that are open take their
 * mail, as they do whenever it ends. In a thread, as the path may be where nothing answers.
 */
#include "mta/milter_tend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define LOOK_S 5

static atomic_bool ended;
static int end[2] = { -1, -1 };

bool milter_tend_ended(void)
{
	return ended;
}

/* Another start would come no further than this one: then there is nothing in it but log lines. */
static bool say_lost(const struct milter_socket *socket, int *said)
{
	int error = milter_socket_could_open(socket);

	if (!error) {
		log_error("%s is not there any more: ending, to be started anew", socket->path);
		return true;
	}
	if (error != *said)
		log_warning(
			"%s is not there any more, and cannot be made again: %s. Who asks there "
			"has taken all mail since",
			socket->path,
			error == -EADDRINUSE ? "another program answers there"
			: error == -ENOENT   ? "nor is its directory"
					     : strerror(-error));
	*said = error;
	return false;
}

/* Twice, since somebody may be about to move it. */
static void *tend(void *argument)
{
	const struct timespec wait = { .tv_sec = LOOK_S };
	const struct milter_socket *socket = argument;
	unsigned int missed = 0;
	int said = 0;

	for (;;) {
		nanosleep(&wait, NULL);
		missed = milter_socket_is_there(socket) ? 0 : missed + 1;
		if (!missed && said) {
			log_notice("%s is there again", socket->path);
			said = 0;
		}
		if (missed >= 2 && say_lost(socket, &said))
			break;
	}
	ended = true;
	(void)!write(end[1], "", 1); /* no signal: kill(2) is not among our system calls */
	return NULL;
}

int milter_tend_start(const struct milter_socket *socket)
{
	pthread_t thread;

	if (!socket->path || pipe2(end, O_CLOEXEC | O_NONBLOCK))
		return -1;
	if (!pthread_create(&thread, NULL, tend, (void *)socket))
		pthread_detach(thread);
	return end[0];
}
