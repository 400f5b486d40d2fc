/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of the scout: start it, ask it, hear from it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "watch/keeper.h"
#include "watch/scout.h"

#define STOP_MS 500 /* how long a stop waits for the keeper, which has nothing to wait for */

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

int scout_start(struct scout *scout)
{
	int fds[2], lifeline[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lifeline)) {
		error = -errno;
		close_pair(fds);
		return error;
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		error = -errno;
		close_pair(fds);
		close_pair(lifeline);
		return error;
	}
	if (!pid) {
		close(fds[0]);
		close(lifeline[0]);
		keeper(fds[1], lifeline[1]);
	}
	close(fds[1]);
	close(lifeline[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	scout->fd = fds[0];
	scout->lifeline = lifeline[0];
	scout->pid = pid;
	return 0;
}

int scout_send(const struct scout *scout, enum scout_operation operation, unsigned int slot,
	       uint64_t serial, const struct write_probe_as *as, uint32_t device, const char *path)
{
	struct scout_request request = {
		.operation = operation,
		.slot = slot,
		.serial = serial,
		.device = device,
	};
	size_t size = offsetof(struct scout_request, path);

	if (as)
		request.as = *as;
	if (path) {
		if (strlen(path) >= sizeof(request.path))
			return -ENAMETOOLONG;
		strcpy(request.path, path);
		size += strlen(path) + 1;
	}
	return send(scout->fd, &request, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int scout_receive(const struct scout *scout, struct scout_reply *reply)
{
	ssize_t size = recv(scout->fd, reply, sizeof(*reply), 0);

	if (size < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (size < (ssize_t)offsetof(struct scout_reply, text) || reply->slot >= SCOUT_SLOTS ||
	    reply->length >= sizeof(reply->text) ||
	    (size_t)size != offsetof(struct scout_reply, text) + reply->length)
		return -EPIPE;
	return 0;
}

void scout_check(const struct scout *scout)
{
	(void)!send(scout->lifeline, "?", 1, MSG_NOSIGNAL);
}

/*
 * Nothing is killed here: the keeper may have another user than we have by now. It sees
 * the end of its lifeline.
 */
void scout_stop(struct scout *scout)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int i;

	if (scout->pid <= 0)
		return;
	close(scout->fd);
	close(scout->lifeline);
	for (i = 0; i < STOP_MS && !waitpid(scout->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	scout->pid = 0;
}
