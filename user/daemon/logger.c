/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that writes the log when it goes to a file. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/capabilities.h"
#include "daemon/logger.h"

/* Until all who log are gone: the last line counts. */
static void copy(int from) __attribute__((noreturn));
static void copy(int from)
{
	char bytes[4096];
	ssize_t length;

	prctl(PR_SET_NAME, "spoolgate-log");
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	(void)capabilities_drop(); /* it only copies what we say ourselves */
	/* A disk that is full now may have room for the next line. */
	while ((length = read(from, bytes, sizeof(bytes))) > 0 || (length < 0 && errno == EINTR))
		if (length > 0)
			(void)!write(STDERR_FILENO, bytes, (size_t)length);
	_exit(0);
}

void logger_start(void)
{
	struct stat st;
	int fds[2];
	pid_t pid;

	if (fstat(STDERR_FILENO, &st) || !S_ISREG(st.st_mode) || pipe2(fds, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		close(fds[1]);
		copy(fds[0]);
	}
	if (pid > 0)
		dup2(fds[1], STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
}
