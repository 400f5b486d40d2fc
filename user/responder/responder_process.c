/* SPDX-License-Identifier: GPL-2.0-only */
/* A responder as a process. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "responder/responder.h"

#define CALLERS	 3900 /* below the 4096 descriptors that the daemon asks for */
#define RESERVED 64   /* descriptors that are no callers' */

static unsigned int count_callers(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= CALLERS + RESERVED)
		return CALLERS;
	return limit.rlim_cur > 2 * RESERVED ? (unsigned int)limit.rlim_cur - RESERVED : RESERVED;
}

/* What strangers send must not come to a terminal or a log, however. */
static void close_standard(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int standard = 0; standard <= STDERR_FILENO; standard++)
		if (fd < 0 || dup2(fd, standard) < 0)
			close(standard);
	if (fd > STDERR_FILENO)
		close(fd);
}

void responder_process(const struct responder_post *post)
{
	struct responder responder;

	prctl(PR_SET_NAME, "spoolgate-resp");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	close_standard();
	if (responder_open(&responder, post, count_callers()))
		_exit(1);
	mlockall(MCL_CURRENT | MCL_FUTURE); /* the limit was lifted before root was given up */
	if (responder_confine())
		_exit(1);
	responder_beat(&responder);
	while (!responder_step(&responder))
		;
	_exit(1);
}
