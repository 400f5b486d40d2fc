/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that writes the log when it goes to a file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/capabilities.h"
#include "common/user.h"
#include "daemon/logger.h"
#include "daemon/sandbox.h"

/* The pipe's end, and the file. Of the process, too; our own are closed once there is a keeper. */
static int from = -1, to = -1;

static void copy(int pipe, int file)
{
	char bytes[4096];
	ssize_t length;

	/* A disk that is full now may have room for the next line. */
	while ((length = read(pipe, bytes, sizeof(bytes))) > 0 || (length < 0 && errno == EINTR))
		if (length > 0)
			(void)!write(file, bytes, (size_t)length);
}

/* Until all who log are gone: the last line counts. Our own end of the pipe is not one of them. */
static void run(const struct child *child)
{
	dup2(child->given[1], STDERR_FILENO);
	copy(child->given[0], child->given[1]);
}

static int shed(const char *user)
{
	capabilities_bound();
	/* Whatever of it fails: it only copies what we say ourselves. */
	(void)user_become(user);
	(void)capabilities_drop();
	(void)sandbox_enter_logger();
	return 0;
}

/* A terminal or a pipe of others': the same, opened anew, so that it is ours alone not to block. */
static void open_again(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void logger_open(void)
{
	struct stat st;
	int fds[2];

	if (fstat(STDERR_FILENO, &st) || S_ISSOCK(st.st_mode))
		return;
	if (!S_ISREG(st.st_mode)) {
		open_again();
		return;
	}
	to = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (to < 0 || pipe2(fds, O_CLOEXEC))
		return;
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	from = fds[0];
}

void logger_child(struct child *child, const char *user)
{
	*child = (struct child){
		.name = "logger",
		.process = "spoolgate-log",
		.loss = "what is said waits, and is lost when it is much",
		.shed = shed,
		.user = user,
		.run = run,
		.lasts = true,
	};
}

void logger_start(struct child *child)
{
	const int fds[] = { from, to };

	if (from < 0)
		return;
	if (child_start(child, fds, 2)) {
		logger_undo();
		return;
	}
	close(from);
	close(to);
	from = -1;
}

void logger_undo(void)
{
	if (from < 0)
		return;
	dup2(to, STDERR_FILENO);
	fcntl(from, F_SETFL, O_NONBLOCK);
	copy(from, to);
	close(from);
	close(to);
	from = -1;
}
