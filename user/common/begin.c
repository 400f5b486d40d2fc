/* SPDX-License-Identifier: GPL-2.0-only */
/* The first lines of a program. */
#include "common/begin.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* To read: there is nothing, and what is written there fails, as it did when it was closed. */
static int open_nothing(void)
{
	int fd = open("/dev/null", O_RDONLY | O_NOCTTY);

	/* A root without /dev. */
	return fd < 0 ? open("/", O_RDONLY | O_DIRECTORY) : fd;
}

void begin(void)
{
	int fd;

	do
		fd = open_nothing();
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* FD is for writing only: who has it for reading as well can take what root types next. */
static void reopen(int fd)
{
	char path[32];
	int again;

	if (!isatty(fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NOCTTY);
	if (again < 0)
		return;
	dup2(again, fd);
	close(again);
}

/*
 * setsid(2) would leave the terminal's foreground job as well, and who started us there ends us by
 * ^C. Where the whole session is ours, a hang-up comes with it that is nobody's.
 */
static void leave_terminal(void)
{
	int fd = open("/dev/tty", O_WRONLY | O_NOCTTY);
	void (*before)(int);

	if (fd < 0) {
		setsid();
		return;
	}
	before = signal(SIGHUP, SIG_IGN);
	ioctl(fd, TIOCNOTTY);
	signal(SIGHUP, before);
	close(fd);
}

void begin_apart(void)
{
	int fd = open_nothing();

	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	reopen(STDOUT_FILENO);
	reopen(STDERR_FILENO);
	leave_terminal();
}
