/* SPDX-License-Identifier: GPL-2.0-only */
/* Work in a process of its own. */
#include "common/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int ret;
	char bytes[APART_MOST - sizeof(int)];
};

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void apart_close_all_but(int *kept, size_t count)
{
	int next = STDERR_FILENO + 1;
	size_t i;

	qsort(kept, count, sizeof(*kept), by_number);
	for (i = 0; i < count; i++) {
		if (kept[i] < next)
			continue;
		if (kept[i] > next)
			close_range((unsigned int)next, (unsigned int)kept[i] - 1, 0);
		next = kept[i] + 1;
	}
	close_range((unsigned int)next, ~0u, 0);
}

void apart_close_others(int one, int other)
{
	int kept[] = { one, other };

	apart_close_all_but(kept, 2);
}

static void work_and_tell(int (*work)(void *data), void *data, size_t size, int keep, int fd)
{
	struct answer answer = { 0 };

	signal(SIGTERM, SIG_DFL);
	apart_close_others(keep, fd);
	answer.ret = work(data);
	memcpy(answer.bytes, data, size);
	(void)!write(fd, &answer, offsetof(struct answer, bytes) + size);
	_exit(0);
}

static int hear(int fd, void *data, size_t size, int ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t length = (ssize_t)(offsetof(struct answer, bytes) + size);
	struct answer answer;
	int ready;

	do
		ready = poll(&poller, 1, ms);
	while (ready < 0 && errno == EINTR);
	if (!ready)
		return -ETIMEDOUT;
	if (read(fd, &answer, (size_t)length) != length)
		return -EIO;
	memcpy(data, answer.bytes, size);
	return answer.ret;
}

int apart(int (*work)(void *data), void *data, size_t size, int keep, int ms)
{
	int pipes[2], ret;
	pid_t child;

	if (size > sizeof(((struct answer *)0)->bytes))
		return -EINVAL;
	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child)
		work_and_tell(work, data, size, keep, pipes[1]);
	ret = child < 0 ? -errno : 0;
	close(pipes[1]);
	if (!ret)
		ret = hear(pipes[0], data, size, ms);
	close(pipes[0]);
	if (child < 0)
		return ret;
	if (ret == -ETIMEDOUT)
		kill(child, SIGKILL);
	waitpid(child, NULL, ret == -ETIMEDOUT ? WNOHANG : 0);
	return ret;
}
