/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection to the daemon's socket: never blocks beyond a deadline, never raises SIGPIPE. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/internal.h"

#define NAP_NS (10 * 1000 * 1000)

/* Until STREAM (-1: nothing) is ready or DEADLINE_NS passes: 0, -ETIMEDOUT or another -errno. */
static int wait_for(int stream, short events, int64_t deadline_ns)
{
	struct pollfd ready = { .fd = stream, .events = events };
	int64_t left_ns = deadline_ns ? deadline_ns - lib_now() : 0;

	if (left_ns <= 0)
		return -ETIMEDOUT;
	if (stream < 0 && left_ns > NAP_NS)
		left_ns = NAP_NS;
	/* A spurious 0 is fine: who called tries again, and comes back. */
	return poll(&ready, 1, (int)(left_ns / 1000000) + 1) < 0 && errno != EINTR ? -errno : 0;
}

/* EAGAIN: the daemon's backlog is full, and tells nobody when it no longer is. */
static int connect_in_time(int stream, const struct sockaddr_un *address, int64_t deadline_ns)
{
	int ret = 0;

	while (!ret && connect(stream, (const struct sockaddr *)address, sizeof(*address))) {
		ret = -errno;
		if (ret == -EAGAIN || ret == -EINTR)
			ret = wait_for(-1, 0, deadline_ns);
	}
	return ret;
}

int lib_connect(const struct sockaddr_un *address, int64_t deadline_ns)
{
	int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	if (stream < 0)
		return -errno;
	ret = connect_in_time(stream, address, deadline_ns);
	if (!ret)
		return stream;
	close(stream);
	return ret;
}

int lib_send(int stream, const char *text, size_t length, int64_t deadline_ns)
{
	while (length) {
		ssize_t sent = send(stream, text, length, MSG_NOSIGNAL);
		int ret = 0;

		if (sent >= 0) {
			text += sent;
			length -= (size_t)sent;
		} else if (errno == EAGAIN) {
			ret = wait_for(stream, POLLOUT, deadline_ns);
		} else if (errno != EINTR) {
			ret = -errno;
		}
		if (ret)
			return ret;
	}
	return 0;
}

/* Of what came with MESSAGE one descriptor is kept, and none is leaked. */
static void take_descriptors(struct msghdr *message, int *descriptor)
{
	struct cmsghdr *header;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (*descriptor >= 0)
				close(*descriptor);
			*descriptor = fd;
		}
	}
}

static ssize_t receive(int stream, char *buffer, size_t size, int *descriptor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(stream, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return -errno;
	take_descriptors(&message, descriptor);
	return got;
}

ssize_t lib_receive(int stream, char *buffer, size_t size, int *descriptor, int64_t deadline_ns)
{
	ssize_t got;
	int ret = 0;

	*descriptor = -1;
	do {
		got = receive(stream, buffer, size, descriptor);
		if (got == -EAGAIN && deadline_ns)
			ret = wait_for(stream, POLLIN, deadline_ns);
	} while (!ret && (got == -EINTR || (got == -EAGAIN && deadline_ns)));
	return ret ? ret : got;
}
