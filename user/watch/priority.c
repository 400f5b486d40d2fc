/* SPDX-License-Identifier: GPL-2.0-only */
/* POLLPRI as readability. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "watch/priority.h"

int priority_open(int fd)
{
	struct epoll_event event = { .events = EPOLLPRI };
	int error, epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		error = -errno;
		close(epoll_fd);
		return error;
	}
	return epoll_fd;
}

void priority_take(int epoll_fd)
{
	struct epoll_event event;

	(void)!epoll_wait(epoll_fd, &event, 1, 0);
}
