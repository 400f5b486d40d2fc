/* SPDX-License-Identifier: GPL-2.0-only */
/* The keeper: the process that starts the helpers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/apart.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#define FIRST_NS   NS_PER_S	   /* between two starts */
#define LONGEST_NS (8 * NS_PER_S)  /* of one that dies each time */
#define WELL_NS	   (20 * NS_PER_S) /* it has lived: what ends it is news */
#define LOOK_NS	   NS_PER_S	   /* between two looks at what may hang */

struct kept {
	const struct child *child;
	int pidfd; /* -1: there is no process */
	pid_t pid;
	bool wanted;
	int64_t started_ns, wait_ns; /* the last start, and how soon after it there may be one */
	int fds[CHILD_FDS];
};

struct keeper {
	struct kept kept[CHILDREN];
	unsigned int count;
	struct child_state *states;
	int lifeline;
	pid_t daemon;
};

/* It has the standard ones, the channel, what it was given, and one that it may have had before. */
static void close_others(struct child *child, const struct kept *kept)
{
	int fds[CHILD_FDS + 2];

	memcpy(fds, kept->fds, sizeof(kept->fds));
	memcpy(child->given, kept->fds, sizeof(kept->fds));
	fds[CHILD_FDS] = child->fd;
	fds[CHILD_FDS + 1] = child->own_fd;
	apart_close_all_but(fds, CHILD_FDS + 2);
}

static void be_child(const struct keeper *keeper, const struct kept *kept)
	__attribute__((noreturn));
static void be_child(const struct keeper *keeper, const struct kept *kept)
{
	struct child child = *kept->child;
	int error;

	keeper->states[child.number].pid = getpid();
	munmap(keeper->states, CHILDREN * sizeof(*keeper->states));
	prctl(PR_SET_NAME, child.process);
	if (!child.lasts)
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* as far as the daemon may signal it */
	if (getppid() != keeper->daemon)
		_exit(0); /* it ended before that could tell us */
	child.fd = child.other_fd;
	close_others(&child, kept);
	error = child.shed ? child.shed(child.user) : 0;
	if (error) {
		log_error("the %s would keep privileges that it must not: %s", child.name,
			  strerror(-error));
		_exit(CHILD_NOT_HERE);
	}
	child.run(&child);
	_exit(0);
}

/*
 * As fork(2), but for whose child it is. A process that is not ours is known by its descriptor: its
 * number may be another's by the time we use it.
 */
static pid_t fork_for_daemon(int *pidfd)
{
	return (pid_t)syscall(SYS_clone, (long)(CLONE_PARENT | CLONE_PIDFD | SIGCHLD), 0L, pidfd,
			      NULL, 0L);
}

/* After a time that grows while it dies each time. */
static void start(struct keeper *keeper, struct kept *kept)
{
	struct child_state *state = &keeper->states[kept->child->number];
	int64_t now = monotonic_ns();
	pid_t pid;

	if (!kept->started_ns || now - kept->started_ns >= WELL_NS)
		kept->wait_ns = FIRST_NS;
	else if (kept->wait_ns < LONGEST_NS)
		kept->wait_ns *= 2;
	kept->started_ns = now;
	state->former_pid = state->pid;
	pid = fork_for_daemon(&kept->pidfd);
	if (!pid)
		be_child(keeper, kept);
	if (pid < 0) {
		kept->pidfd = -1;
		return;
	}
	kept->pid = state->pid = pid;
	__atomic_add_fetch(&state->starts, 1, __ATOMIC_RELEASE);
	(void)!send(keeper->lifeline, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void forget_process(struct kept *kept)
{
	if (kept->pidfd >= 0)
		close(kept->pidfd);
	kept->pidfd = -1;
	if (kept->child->once)
		kept->wanted = false;
}

/* Dead it is when its descriptor says so. */
static void end(const struct kept *kept)
{
	if (kept->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, kept->pidfd, SIGKILL, NULL, 0);
}

/*
 * A process whose main thread was killed is a zombie that nobody can wait for as long as another of
 * its threads hangs in the kernel.
 */
static void check(struct kept *kept)
{
	char path[32], text[256], *state;
	ssize_t length = -1;
	int fd;

	if (kept->pidfd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)kept->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	state = strrchr(text, ')');
	if (state && state[1] && state[2] == 'Z')
		forget_process(kept);
}

static void give(struct kept *kept, const int *fds, unsigned int count)
{
	for (unsigned int i = 0; i < CHILD_FDS; i++) {
		if (kept->fds[i] >= 0)
			close(kept->fds[i]);
		kept->fds[i] = i < count ? fds[i] : -1;
	}
}

static void obey(struct kept *kept, enum keeper_order order, const int *fds, unsigned int count)
{
	switch (order) {
	case KEEPER_START:
		end(kept);
		give(kept, fds, count);
		kept->wanted = true;
		if (kept->pidfd < 0)
			kept->started_ns = 0; /* it was not there: at once */
		return;
	case KEEPER_END:
		end(kept);
		give(kept, NULL, 0);
		kept->wanted = false;
		return;
	case KEEPER_AGAIN:
		end(kept);
		return;
	case KEEPER_CHECK:
		check(kept);
		return;
	}
}

/* False when the daemon is gone. */
static bool hear(struct keeper *keeper)
{
	struct keeper_request request;
	int fds[CHILD_FDS];
	unsigned int count;
	ssize_t size;

	while ((size = receive_with(keeper->lifeline, &request, sizeof(request), MSG_DONTWAIT, fds,
				    &count)) > 0)
		if (size == sizeof(request) && request.number < keeper->count)
			obey(&keeper->kept[request.number], request.order, fds, count);
	return size < 0 && (errno == EAGAIN || errno == EINTR);
}

static int64_t earlier(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

/* Start what is due, end what hangs. Returns when to come again, or INT64_MAX. */
static int64_t tend(struct keeper *keeper, int64_t now)
{
	int64_t next_ns = INT64_MAX, due_ns;

	for (struct kept *kept = keeper->kept; kept < keeper->kept + keeper->count; kept++) {
		due_ns = kept->started_ns ? kept->started_ns + kept->wait_ns : now;
		if (kept->pidfd < 0 && kept->wanted && due_ns <= now)
			start(keeper, kept);
		if (kept->pidfd < 0 && kept->wanted) /* or it could not be started */
			next_ns = earlier(next_ns, due_ns > now ? due_ns : now + FIRST_NS);
		if (kept->pidfd < 0 || !kept->child->hangs)
			continue;
		next_ns = earlier(next_ns, now + LOOK_NS);
		if (kept->child->hangs(kept->fds, kept->started_ns))
			end(kept);
	}
	return next_ns;
}

/* Wait for the daemon, an end, or the time that something is due. False: the daemon is gone. */
static bool turn(struct keeper *keeper)
{
	struct pollfd polled[CHILDREN + 1];
	int64_t now = monotonic_ns(), next_ns = tend(keeper, now);
	int ms = next_ns == INT64_MAX ? -1 : (int)((next_ns - now) / NS_PER_MS) + 1;

	for (unsigned int i = 0; i < keeper->count; i++)
		polled[i] = (struct pollfd){ .fd = keeper->kept[i].pidfd, .events = POLLIN };
	polled[keeper->count] = (struct pollfd){ .fd = keeper->lifeline, .events = POLLIN };
	if (poll(polled, keeper->count + 1, ms) < 0)
		return errno == EINTR;
	for (unsigned int i = 0; i < keeper->count; i++)
		if (polled[i].revents)
			forget_process(&keeper->kept[i]);
	return !polled[keeper->count].revents || hear(keeper);
}

/*
 * A terminal's ^C or hang-up and a service manager's SIGTERM come to every process of the group,
 * but are for the daemon: its end is ours, and theirs.
 */
static void leave_group(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	setsid();
}

void keeper(const struct children *children, int lifeline, pid_t daemon)
{
	struct keeper keeper = {
		.count = children->count,
		.states = children->states,
		.lifeline = lifeline,
		.daemon = daemon,
	};

	leave_group();
	for (unsigned int i = 0; i < keeper.count; i++) {
		keeper.kept[i] = (struct kept){ .child = children->list[i], .pidfd = -1 };
		memset(keeper.kept[i].fds, -1, sizeof(keeper.kept[i].fds));
	}
	while (turn(&keeper))
		;
	for (unsigned int i = 0; i < keeper.count; i++)
		if (!keeper.kept[i].child->lasts)
			end(&keeper.kept[i]);
	_exit(0);
}
