/* SPDX-License-Identifier: GPL-2.0-only */
/* From a helper process to a responder. */
#include "responder/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "ledger.h"
#include "responder/responder.h"

enum {
	GIVEN_LISTENER,
	GIVEN_PULSE,
	GIVEN,
};

int starter_open_program(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(RESPONDER_NAME));
	char *name;
	int fd;

	if (length < 0)
		return -errno;
	path[length] = '\0';
	name = strrchr(path, '/');
	strcpy(name ? name + 1 : path, RESPONDER_NAME);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	fd = -errno;
	log_warning("gate: cannot open %s: %s", path, strerror(errno));
	return fd;
}

static void run(const struct child *child)
{
	const struct starter *starter = child->data;
	char *const arguments[] = { (char *)RESPONDER_NAME, (char *)starter->greeting, NULL };
	char *const environment[] = { NULL };
	int fds[GIVEN];
	/* Not one that the daemon gives: who got hold of that could start anything. */
	int program = fcntl(starter->program_fd, F_DUPFD_CLOEXEC, RESPONDER_PULSE + 1);

	/* The daemon may be in a hurry; strangers are not to come before the mail server. */
	setpriority(PRIO_PROCESS, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* the daemon's user is its own from now on */
	/* First out of the way of each other, then to where a responder wants them. */
	for (int i = 0; i < GIVEN; i++)
		fds[i] = fcntl(child->given[i], F_DUPFD_CLOEXEC, RESPONDER_PULSE + 1);
	if (dup2(fds[GIVEN_LISTENER], RESPONDER_LISTENER) < 0 ||
	    dup2(fds[GIVEN_PULSE], RESPONDER_PULSE) < 0)
		return;
	fexecve(program, arguments, environment);
}

/* One that is stopped has clients waiting; another one takes those of the listener over. */
static bool hangs(const int given[CHILD_FDS], int64_t started_ns)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	/* Not kept mapped: what the keeper has mapped others that it starts have, too. */
	const struct pulse *pulse = mmap(NULL, size, PROT_READ, MAP_SHARED, given[GIVEN_PULSE], 0);
	int64_t beat_ns;

	if (pulse == MAP_FAILED)
		return false;
	beat_ns = (int64_t)__atomic_load_n(&pulse->beat_ns, __ATOMIC_ACQUIRE);
	munmap((void *)pulse, size);
	return monotonic_ns() - (beat_ns > started_ns ? beat_ns : started_ns) >
	       (int64_t)LEDGER_PULSE_NS;
}

void starter_child(struct child *child, const struct starter *starter,
		   int (*shed)(const char *user), const char *user)
{
	*child = (struct child){
		.name = "responder",
		.process = RESPONDER_NAME,
		.loss = "connections that the gate diverts are refused",
		.shed = shed,
		.user = user,
		.run = run,
		.data = (void *)starter,
		.own_fd = starter->program_fd,
		.hangs = hangs,
	};
}

int starter_start(struct child *child, int listener_fd, int pulse_fd)
{
	const int fds[GIVEN] = {
		[GIVEN_LISTENER] = listener_fd,
		[GIVEN_PULSE] = pulse_fd,
	};

	return child_start(child, fds, GIVEN);
}
