/* SPDX-License-Identifier: GPL-2.0-only */
/* The scout's keeper. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "watch/keeper.h"
#include "watch/scout.h"
#include "watch/scout_confine.h"

static void on_child(int number)
{
	(void)number; /* only to end ppoll() */
}

/*
 * A terminal's ^C or hang-up and a service manager's SIGTERM come to every process of the
 * group, but are for the daemon: its end is ours, and must not be taken for our failure.
 */
static void set_signals(sigset_t *before)
{
	struct sigaction child = { .sa_handler = on_child };
	sigset_t children;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigaction(SIGCHLD, &child, NULL);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, before);
}

static pid_t start_scout(int scout_fd, int lifeline, const sigset_t *signals)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? 0 : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* of the keeper, whose user is ours */
	sigprocmask(SIG_SETMASK, signals, NULL);
	signal(SIGCHLD, SIG_DFL);
	close(lifeline);
	scout_process(scout_fd);
}

/*
 * A process whose main thread was killed is a zombie that cannot be waited for as long as another
 * of its threads hangs in the kernel.
 */
static bool is_dead(pid_t pid)
{
	char path[32], text[256] = "", *state;
	FILE *file;

	if (waitpid(pid, NULL, WNOHANG) == pid)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	state = strrchr(text, ')');
	return state && state[1] && state[2] == 'Z';
}

/*
 * Wait for a byte on the lifeline or for a child's end; where there is no child (a fork that
 * failed), no longer than a second. False when the daemon is gone.
 */
static bool wait_for_news(int lifeline, const sigset_t *signals, bool has_child)
{
	const struct timespec second = { .tv_sec = 1 };
	struct pollfd poll = { .fd = lifeline, .events = POLLIN };
	char bytes[64];
	ssize_t length;

	if (ppoll(&poll, 1, has_child ? NULL : &second, signals) < 0)
		return errno == EINTR;
	length = read(lifeline, bytes, sizeof(bytes));
	return length > 0 || (length < 0 && errno == EAGAIN);
}

void keeper(int scout_fd, int lifeline)
{
	const struct timespec second = { .tv_sec = 1 };
	sigset_t signals;
	pid_t pid;

	prctl(PR_SET_NAME, "spoolgate-keep");
	scout_shed_privileges();
	set_signals(&signals);
	pid = start_scout(scout_fd, lifeline, &signals);
	while (wait_for_news(lifeline, &signals, pid)) {
		if (pid && !is_dead(pid))
			continue;
		nanosleep(&second, NULL); /* so that one which dies at once costs little */
		pid = start_scout(scout_fd, lifeline, &signals);
	}
	if (pid)
		kill(pid, SIGKILL);
	_exit(0);
}
