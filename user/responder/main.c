/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate-responder: a responder as a process. Started by its keeper, never by hand. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/begin.h"
#include "responder/greeting.h"
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

static bool is_listening(int fd)
{
	socklen_t length = sizeof(int);
	int listening = 0;

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) && listening;
}

static struct pulse *map_pulse(int fd)
{
	void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);

	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static int serve(const struct responder_post *post)
{
	struct responder responder;

	if (responder_open(&responder, post, count_callers()))
		return EX_OSERR;
	/* The limit was lifted before root was given up. The daemon tells of it, we have no voice.
	 */
	post->pulse->locked = !mlockall(MCL_CURRENT | MCL_FUTURE);
	if (responder_confine())
		return EX_OSERR;
	responder_beat(&responder);
	while (!responder_step(&responder))
		;
	return EX_SOFTWARE;
}

int main(int argc, char **argv)
{
	char greeting[GREETING_BYTES + sizeof("\r\n")];
	struct responder_post post = { .listener = RESPONDER_LISTENER, .greeting = greeting };

	begin();
	if (argc == 2 && is_listening(RESPONDER_LISTENER))
		post.pulse = map_pulse(RESPONDER_PULSE);
	if (!post.pulse) {
		fprintf(stderr, "%s: spoolgated starts it where there is a gate, nobody else can\n",
			RESPONDER_NAME);
		return EX_USAGE;
	}
	prctl(PR_SET_NAME, "spoolgate-resp");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	close_standard();
	post.greeting_length = (size_t)snprintf(greeting, sizeof(greeting), "%.*s\r\n",
						GREETING_BYTES - 1, argv[1]);
	/* Not return: what runs at an exit wants system calls that it no longer has. */
	_exit(serve(&post));
}
