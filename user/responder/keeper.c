/* SPDX-License-Identifier: GPL-2.0-only */
/* The responders' keeper: the process, and the daemon's end of it. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "responder/keeper.h"

#define STOP_MS	      500
#define FIRST_KEPT_FD 3
#define AGAIN_NS      NS_PER_S /* one that dies at once is started once in this time */

struct kept {
	struct responder_post *posts;
	unsigned int count;
	pid_t pids[RESPONDERS];
	int64_t started_ns[RESPONDERS];
	int lifeline;
	sigset_t signals; /* as they are outside of the keeper */
};

static void on_child(int number)
{
	(void)number; /* only to end ppoll() */
}

/* What comes to the whole process group is for the daemon: its end is ours. */
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

/*
 * Keep the listeners and the lifeline, and nothing else that the daemon had open. First out of
 * the way of each other, then to their places.
 */
static int keep_descriptors(struct kept *kept)
{
	int next = FIRST_KEPT_FD;

	for (unsigned int i = 0; i < kept->count; i++)
		kept->posts[i].listener = fcntl(kept->posts[i].listener, F_DUPFD_CLOEXEC, 256);
	kept->lifeline = fcntl(kept->lifeline, F_DUPFD_CLOEXEC, 256);
	for (unsigned int i = 0; i < kept->count; i++)
		if (dup2(kept->posts[i].listener, next) < 0)
			return -errno;
		else
			kept->posts[i].listener = next++;
	if (dup2(kept->lifeline, next) < 0)
		return -errno;
	kept->lifeline = next++;
	closefrom(next);
	return 0;
}

static int shed_privileges(uid_t uid, gid_t gid)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	/* The daemon may be in a hurry; strangers are not to come before the mail server. */
	setpriority(PRIO_PROCESS, 0, 0);
	capng_clear(CAPNG_SELECT_BOUNDS);
	capng_apply(CAPNG_SELECT_BOUNDS);
	if (uid && !geteuid() &&
	    (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)))
		return -errno;
	capng_clear(CAPNG_SELECT_BOTH);
	capng_apply(CAPNG_SELECT_CAPS);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

static void start_one(struct kept *kept, unsigned int i)
{
	int64_t since_ns = monotonic_ns() - kept->started_ns[i];
	struct timespec wait = { 0 };

	if (since_ns < AGAIN_NS) {
		wait.tv_nsec = AGAIN_NS - since_ns;
		wait.tv_sec = wait.tv_nsec / NS_PER_S;
		wait.tv_nsec %= NS_PER_S;
		nanosleep(&wait, NULL);
	}
	kept->started_ns[i] = monotonic_ns();
	kept->pids[i] = fork();
	if (kept->pids[i])
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &kept->signals, NULL);
	close(kept->lifeline);
	for (unsigned int other = 0; other < kept->count; other++)
		if (other != i)
			close(kept->posts[other].listener);
	responder_process(&kept->posts[i]);
}

/* Wait for bytes on the lifeline or for a child's end. False when the daemon is gone. */
static bool wait_for_news(const struct kept *kept, bool *asked)
{
	struct pollfd poll = { .fd = kept->lifeline, .events = POLLIN };
	char bytes[64];
	ssize_t length;

	*asked = false;
	if (ppoll(&poll, 1, NULL, &kept->signals) < 0)
		return errno == EINTR;
	length = read(kept->lifeline, bytes, sizeof(bytes));
	*asked = length > 0;
	return length > 0 || (length < 0 && errno == EAGAIN);
}

/* One that is stopped has clients waiting; another one takes those of the listener over. */
static void end_hung(const struct kept *kept)
{
	for (unsigned int i = 0; i < kept->count; i++) {
		int64_t beat_ns =
			(int64_t)__atomic_load_n(&kept->posts[i].pulse->beat_ns, __ATOMIC_ACQUIRE);
		int64_t since_ns = beat_ns > kept->started_ns[i] ? beat_ns : kept->started_ns[i];

		if (kept->pids[i] > 0 && monotonic_ns() - since_ns > (int64_t)LEDGER_PULSE_NS)
			kill(kept->pids[i], SIGKILL);
	}
}

static void start_dead(struct kept *kept)
{
	for (unsigned int i = 0; i < kept->count; i++) {
		if (kept->pids[i] > 0 && waitpid(kept->pids[i], NULL, WNOHANG) != kept->pids[i])
			continue;
		start_one(kept, i);
		(void)!send(kept->lifeline, "r", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void keep(struct kept *kept, uid_t uid, gid_t gid) __attribute__((noreturn));
static void keep(struct kept *kept, uid_t uid, gid_t gid)
{
	bool asked;

	prctl(PR_SET_NAME, "spoolgate-rkeep");
	if (keep_descriptors(kept) || shed_privileges(uid, gid))
		_exit(1);
	set_signals(&kept->signals);
	for (unsigned int i = 0; i < kept->count; i++)
		start_one(kept, i);
	while (wait_for_news(kept, &asked)) {
		if (asked)
			end_hung(kept);
		start_dead(kept);
	}
	for (unsigned int i = 0; i < kept->count; i++)
		if (kept->pids[i] > 0)
			kill(kept->pids[i], SIGKILL);
	_exit(0);
}

int responders_start(struct responders *responders, const struct responder_post *posts,
		     unsigned int count, uid_t uid, gid_t gid)
{
	struct responder_post own[RESPONDERS];
	struct kept kept = { .posts = own, .count = count };
	int lifeline[2];
	pid_t pid;

	if (count > RESPONDERS)
		return -EINVAL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lifeline))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		memcpy(own, posts, count * sizeof(*posts));
		kept.lifeline = lifeline[1];
		keep(&kept, uid, gid);
	}
	close(lifeline[1]);
	if (pid < 0) {
		close(lifeline[0]);
		return -EAGAIN;
	}
	responders->pid = pid;
	responders->lifeline = lifeline[0];
	return 0;
}

void responders_check(const struct responders *responders)
{
	(void)!send(responders->lifeline, "?", 1, MSG_NOSIGNAL);
}

int responders_restarted(const struct responders *responders)
{
	char bytes[64];
	ssize_t length = recv(responders->lifeline, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (!length)
		return -EPIPE;
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	return (int)length;
}

void responders_stop(struct responders *responders)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int i;

	if (responders->pid <= 0)
		return;
	close(responders->lifeline);
	for (i = 0; i < STOP_MS && !waitpid(responders->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	responders->pid = 0;
}
