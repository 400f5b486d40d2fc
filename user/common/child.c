/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of its helper processes: want them, hear of them, say what became of them. */
#include "common/child.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#define STOPPED_NS (3 * NS_PER_S)  /* somebody may be looking at it */
#define AWAY_NS	   (10 * NS_PER_S) /* so long the keeper should not take */
#define STOP_MS	   500

void children_add(struct children *children, struct child *child, bool no_channel)
{
	child->number = children->count;
	child->all = children;
	child->fd = child->other_fd = no_channel ? -1 : 0;
	children->list[children->count++] = child;
}

static int open_channel(struct child *child)
{
	int fds[2];

	if (child->fd < 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		child->fd = child->other_fd = -1;
		return -errno;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	child->fd = fds[0];
	child->other_fd = fds[1];
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start_keeper(struct children *children, int lifeline, int (*shed)(const char *user),
			const char *user)
{
	pid_t daemon = getpid();
	int error;

	fflush(NULL);
	children->keeper = fork();
	if (children->keeper)
		return children->keeper < 0 ? -errno : 0;
	prctl(PR_SET_NAME, "spoolgate-keep");
	close(children->lifeline);
	for (unsigned int i = 0; i < children->count; i++)
		close_one(&children->list[i]->fd);
	error = shed ? shed(user) : 0;
	if (error)
		_exit(1);
	keeper(children, lifeline, daemon);
}

int children_start(struct children *children, int (*shed)(const char *user), const char *user)
{
	int lifeline[2], error = 0;

	children->states = mmap(NULL, CHILDREN * sizeof(*children->states), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (children->states == MAP_FAILED)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lifeline))
		return -errno;
	children->lifeline = lifeline[0];
	for (unsigned int i = 0; !error && i < children->count; i++)
		error = open_channel(children->list[i]);
	if (!error)
		error = start_keeper(children, lifeline[1], shed, user);
	close(lifeline[1]);
	for (unsigned int i = 0; i < children->count; i++)
		close_one(&children->list[i]->other_fd);
	return error;
}

static int order(struct child *child, enum keeper_order what, const int *fds, unsigned int count)
{
	const struct keeper_request request = { .number = child->number, .order = what };

	if (child->all->keeper <= 0)
		return -ESRCH;
	return send_with(child->all->lifeline, &request, sizeof(request), 0, fds, count) < 0
		       ? -errno
		       : 0;
}

int child_start(struct child *child, const int *fds, unsigned int count)
{
	child->renewed = child->wanted && !child->away_ns;
	child->wanted = true;
	return order(child, KEEPER_START, fds, count);
}

void child_end(struct child *child)
{
	child->wanted = false;
	(void)order(child, KEEPER_END, NULL, 0);
}

void child_check(struct child *child)
{
	(void)order(child, KEEPER_CHECK, NULL, 0);
}

static void wake_in(struct children *children, int64_t ns)
{
	const struct timeval delay = { .tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / 1000 };

	if (children->timer && !evtimer_pending(children->timer, NULL))
		evtimer_add(children->timer, &delay);
}

static struct child *find(const struct children *children, pid_t pid)
{
	for (unsigned int i = 0; i < children->count; i++)
		if (children->states[i].pid == pid || children->states[i].former_pid == pid)
			return children->list[i];
	return NULL;
}

static void has_ended(struct child *child, pid_t pid, int status)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "status";
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

	child->stopped_ns = 0;
	if (!child->wanted || child->renewed)
		return;
	if (child->once) {
		child->wanted = false;
		if (child->changed)
			child->changed(child->context);
		return;
	}
	if (child->all->states[child->number].pid == pid)
		child->away_ns = monotonic_ns();
	if (!WIFSIGNALED(status) && number == CHILD_NOT_HERE) {
		log_warning("there is no %s here: %s", child->name, child->loss);
		(void)order(child, KEEPER_END, NULL, 0); /* it would be no other */
		child->said = true;
		return;
	}
	log_warning("the %s ended (%s %d) and is started again; until then %s", child->name, how,
		    number, child->loss);
	child->told = true;
	child->deaths++;
	wake_in(child->all, AWAY_NS);
}

static void has_stopped(struct child *child, int signal)
{
	log_warning("the %s was stopped by somebody (signal %d): it is ended and started again "
		    "unless it goes on within 3 s; until then %s",
		    child->name, signal, child->loss);
	child->stopped_ns = monotonic_ns();
	wake_in(child->all, STOPPED_NS);
}

static void keeper_is_gone(struct children *children)
{
	if (!children->failed)
		log_error("the keeper of the helper processes is gone: ending, to be started anew");
	children->keeper = 0;
	children->failed = true;
	event_del(children->lifeline_event);
	event_base_loopbreak(children->base);
}

static void keeper_changed(struct children *children, int status)
{
	children->keeper_stopped = WIFSTOPPED(status);
	if (WIFSTOPPED(status))
		log_warning("the keeper of the helper processes was stopped by somebody: none of "
			    "them is started again until it goes on (kill -CONT %d)",
			    (int)children->keeper);
	else if (WIFCONTINUED(status))
		log_notice("the keeper of the helper processes goes on");
	else
		keeper_is_gone(children);
}

static void reap(struct children *children)
{
	struct child *child;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		child = find(children, pid);
		if (pid == children->keeper)
			keeper_changed(children, status);
		else if (child && WIFSTOPPED(status))
			has_stopped(child, WSTOPSIG(status));
		else if (child && WIFCONTINUED(status))
			child->stopped_ns = 0;
		else if (child)
			has_ended(child, pid, status);
	}
}

/* One whose thread hangs in the kernel has an end that nobody hears of. */
static void has_started(struct child *child)
{
	if (child->told)
		log_notice("the %s is there again", child->name);
	else if (child->starts && !child->once && !child->renewed)
		log_warning("the %s had ended; another one is there", child->name);
	if (child->starts && !child->once && child->changed)
		child->changed(child->context);
	child->away_ns = child->stopped_ns = 0;
	child->renewed = child->told = child->said = false;
}

static void look(struct children *children)
{
	reap(children);
	for (unsigned int i = 0; i < children->count; i++) {
		struct child *child = children->list[i];
		uint32_t starts = __atomic_load_n(&children->states[i].starts, __ATOMIC_ACQUIRE);

		if (starts != child->starts)
			has_started(child);
		child->starts = starts;
	}
}

static void on_news(evutil_socket_t fd, short events, void *argument)
{
	struct children *children = argument;
	ssize_t length = -1;
	char byte;

	(void)events;
	if (fd == children->lifeline)
		while ((length = recv(fd, &byte, 1, MSG_DONTWAIT)) > 0)
			;
	look(children);
	if (!length && children->keeper > 0)
		keeper_is_gone(children);
}

static void on_time(evutil_socket_t fd, short events, void *argument)
{
	struct children *children = argument;
	int64_t now = monotonic_ns();

	(void)fd;
	(void)events;
	for (unsigned int i = 0; i < children->count; i++) {
		struct child *child = children->list[i];

		if (child->stopped_ns && now - child->stopped_ns < STOPPED_NS)
			wake_in(children, child->stopped_ns + STOPPED_NS - now);
		else if (child->stopped_ns)
			(void)order(child, KEEPER_AGAIN, NULL, 0);
		if (!child->away_ns || child->said || !child->wanted)
			continue;
		if (now - child->away_ns < AWAY_NS) {
			wake_in(children, child->away_ns + AWAY_NS - now);
			continue;
		}
		log_warning("the %s is still not there: %s", child->name, child->loss);
		child->said = true;
	}
}

int children_attach(struct children *children, struct event_base *base)
{
	children->base = base;
	children->lifeline_event =
		event_new(base, children->lifeline, EV_READ | EV_PERSIST, on_news, children);
	children->signal_event = evsignal_new(base, SIGCHLD, on_news, children);
	children->timer = evtimer_new(base, on_time, children);
	if (!children->lifeline_event || !children->signal_event || !children->timer ||
	    event_add(children->lifeline_event, NULL) || event_add(children->signal_event, NULL))
		return -ENOMEM;
	look(children); /* what ended before there was an event for it */
	return 0;
}

const char *child_state(const struct child *child, int64_t *since_ns)
{
	*since_ns = child->stopped_ns ? child->stopped_ns : child->away_ns;
	return child->stopped_ns ? "stopped"
	       : child->away_ns	 ? "away"
	       : child->late	 ? "late"
				 : "running";
}

/* The keeper, or a child that has something to do yet. */
static bool is_awaited(const struct children *children)
{
	if (children->keeper > 0)
		return true;
	for (unsigned int i = 0; i < children->count; i++)
		if (children->list[i]->lasts && children->list[i]->fd >= 0 &&
		    children->list[i]->wanted)
			return true;
	return false;
}

static void reap_last(struct children *children)
{
	struct child *child;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		child = find(children, pid);
		if (pid == children->keeper)
			children->keeper = 0;
		else if (child)
			child->wanted = false;
	}
	if (pid < 0 && errno == ECHILD) {
		children->keeper = 0;
		for (unsigned int i = 0; i < children->count; i++)
			children->list[i]->wanted = false;
	}
}

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

void children_stop(struct children *children)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	free_event(&children->lifeline_event);
	free_event(&children->signal_event);
	free_event(&children->timer);
	if (!children->states || children->states == MAP_FAILED)
		return;
	close_one(&children->lifeline);
	for (unsigned int i = 0; i < children->count; i++)
		if (children->list[i]->fd >= 0)
			shutdown(children->list[i]->fd, SHUT_RDWR);
	for (unsigned int i = 0; i < STOP_MS && is_awaited(children); i++) {
		reap_last(children);
		nanosleep(&ms, NULL);
	}
	for (unsigned int i = 0; i < children->count; i++)
		close_one(&children->list[i]->fd);
	munmap(children->states, CHILDREN * sizeof(*children->states));
	children->states = NULL;
}
