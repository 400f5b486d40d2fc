/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that acts. It is another one for two reasons: it stays root, and its thread is
 * one that the orders can name as a canary's.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define ACT_MS 60000

/* Both sides are one program, forked: a function's address means the same in either. */
struct request {
	int (*act)(const char *directory);
	const char *directory;
};

static void serve(int fd) __attribute__((noreturn));
static void serve(int fd)
{
	struct request request;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fd, &request, sizeof(request)) == sizeof(request)) {
		error = request.act(request.directory);
		if (write(fd, &error, sizeof(error)) != sizeof(error))
			break;
	}
	_exit(0);
}

int actor_start(struct actor *actor)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	actor->pid = fork();
	if (!actor->pid) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	actor->fd = fds[0];
	return actor->pid < 0 ? -errno : 0;
}

void actor_stop(struct actor *actor)
{
	close(actor->fd);
	waitpid(actor->pid, NULL, 0);
}

int actor_do(const struct actor *actor, int (*act)(const char *directory), const char *directory)
{
	const struct request request = { act, directory };
	struct pollfd done = { .fd = actor->fd, .events = POLLIN };
	int error;

	if (write(actor->fd, &request, sizeof(request)) != sizeof(request))
		return -errno;
	if (poll(&done, 1, ACT_MS) != 1)
		return -ETIMEDOUT;
	return read(actor->fd, &error, sizeof(error)) == sizeof(error) ? error : -EPIPE;
}

int actor_do_heard(const struct actor *actor, struct kernel *kernel, uint32_t slot,
		   int (*act)(const char *directory), const char *directory)
{
	struct orders *orders = kernel_orders(kernel);
	int error;

	__atomic_store_n(&orders->canary_tid[slot], (uint32_t)actor->pid, __ATOMIC_SEQ_CST);
	__atomic_store_n(&orders->canaries, 1, __ATOMIC_SEQ_CST);
	error = actor_do(actor, act, directory);
	__atomic_store_n(&orders->canaries, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&orders->canary_tid[slot], 0, __ATOMIC_SEQ_CST);
	return error;
}
