/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A listener's socket. Postfix's is in its queue directory, which is watched for good reason: it
 * may hang. So while we may still start processes, one of them binds it, and is left behind if
 * it does not come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "publish/listener_internal.h"

#define PLACE_MS 5000

/* What the process that binds has to say. */
struct placed {
	int error;
	dev_t device;
	ino_t inode;
};

/* BPF links above all: whoever holds one and hangs keeps it alive. */
static void close_others(int one, int two)
{
	unsigned int low = (unsigned int)(one < two ? one : two);
	unsigned int high = (unsigned int)(one < two ? two : one);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static void place_and_tell(struct unix_socket *socket, const struct unix_socket_rule *rule, int fd)
{
	struct placed placed = { 0 };

	signal(SIGTERM, SIG_DFL);
	close_others(socket->fd, fd);
	placed.error = unix_socket_place(socket, rule);
	placed.device = socket->device;
	placed.inode = socket->inode;
	(void)!write(fd, &placed, sizeof(placed));
	_exit(0);
}

static int hear(int fd, struct unix_socket *socket)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	struct placed placed;
	int ready;

	do
		ready = poll(&poller, 1, PLACE_MS);
	while (ready < 0 && errno == EINTR);
	if (!ready)
		return -ETIMEDOUT;
	if (read(fd, &placed, sizeof(placed)) != sizeof(placed))
		return -EIO;
	socket->device = placed.device;
	socket->inode = placed.inode;
	return placed.error;
}

/* The socket is ours and the child's: what it binds is bound. */
static int place_apart(struct unix_socket *socket, const struct unix_socket_rule *rule)
{
	int pipes[2], ret;
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child)
		place_and_tell(socket, rule, pipes[1]);
	close(pipes[1]);
	ret = child < 0 ? -errno : hear(pipes[0], socket);
	close(pipes[0]);
	if (child < 0)
		return ret;
	if (ret == -ETIMEDOUT)
		kill(child, SIGKILL);
	waitpid(child, NULL, ret == -ETIMEDOUT ? WNOHANG : 0);
	return ret;
}

static int open_unix(struct listener *listener, const char *user, bool privileged)
{
	const struct config_listener *config = &listener->config;
	const struct unix_socket_rule rule = {
		.path = config->address + strlen("unix:"),
		.mode = config->mode,
		.owner = config->owner,
		.group = config->group,
		.user = user,
		.backlog = LISTENER_BACKLOG,
		.strict = !privileged,
	};
	int ret = unix_socket_new(&listener->socket, rule.path);

	if (!ret)
		ret = privileged ? place_apart(&listener->socket, &rule)
				 : unix_socket_place(&listener->socket, &rule);
	return ret;
}

static int open_inet(struct listener *listener)
{
	const struct sockaddr_storage *address = &listener->config.socket;
	bool six = address->ss_family == AF_INET6;
	socklen_t size = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	const int on = 1;
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	listener->socket.fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* [::] is what it says, and 0.0.0.0 another address. */
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, size) || listen(fd, LISTENER_BACKLOG))
		return -errno;
	return 0;
}

int listener_socket_open(struct listener *listener, const char *user, bool privileged)
{
	int ret;

	listener->socket = (struct unix_socket){ .fd = -1 };
	if (listener->config.socket.ss_family == AF_UNIX)
		ret = open_unix(listener, user, privileged);
	else
		ret = open_inet(listener);
	if (ret)
		unix_socket_close(&listener->socket);
	return ret;
}

void listener_socket_close(struct listener *listener, bool hung)
{
	/* A file that stays is replaced at the next start. */
	if (hung)
		listener->socket.inode = 0;
	unix_socket_close(&listener->socket);
}
