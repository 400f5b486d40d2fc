/* SPDX-License-Identifier: GPL-2.0-only */
/* The responder's loop. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "responder/responder.h"

#define LISTENER UINT64_MAX /* in place of a caller's serial */
#define EVENTS	 64
#define BATCH	 64 /* connections taken before the others, and the beat, have their turn */

static int watch_fd(struct responder *responder, int fd, uint64_t serial)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.u64 = serial };

	return epoll_ctl(responder->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int responder_open(struct responder *responder, const struct responder_post *post,
		   unsigned int count)
{
	int error;

	responder->post = post;
	responder->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (responder->epoll_fd < 0)
		return -errno;
	error = callers_init(&responder->callers, count);
	if (!error)
		error = watch_fd(responder, post->listener, LISTENER);
	if (error)
		responder_close(responder);
	return error;
}

void responder_close(struct responder *responder)
{
	callers_free(&responder->callers);
	close(responder->epoll_fd);
}

/* The port that the client meant: our listener has another. */
static bool is_silent(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length))
		return false;
	/* The port has the same place in sockaddr_in and sockaddr_in6. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port) == RESPONDER_SILENT_PORT;
}

/*
 * Say it, end our side, and wait for the client's end. A fresh socket has room for a line, which
 * is kept for the packet that ends it.
 */
static void answer(struct responder *responder, int fd, int64_t now)
{
	const struct responder_post *post = responder->post;

	if (!is_silent(fd))
		(void)!send(fd, post->greeting, post->greeting_length,
			    MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
	if (shutdown(fd, SHUT_WR))
		close(fd); /* it is gone */
	else
		callers_add(&responder->callers, fd, now);
}

static void watch_remaining(struct responder *responder, int64_t now)
{
	uint64_t serial;
	int fd;

	while ((fd = callers_remaining(&responder->callers, now, &serial)) >= 0)
		if (watch_fd(responder, fd, serial))
			callers_cut(&responder->callers);
}

static void add(__u64 *counter, uint64_t number)
{
	__atomic_store_n(counter, *counter + number, __ATOMIC_RELEASE);
}

/* What accept() says of one connection, and not of the listener. */
static bool is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
	       error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == ENONET || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

static void pause_ms(long ms)
{
	const struct timespec time = { .tv_nsec = ms * NS_PER_MS };

	nanosleep(&time, NULL);
}

/* Of descriptors or memory: the first caller goes; without one, the kernel is given a moment. */
static void make_room(struct responder *responder)
{
	if (!callers_cut(&responder->callers))
		pause_ms(10);
}

static int take_callers(struct responder *responder, int64_t now)
{
	struct pulse *pulse = responder->post->pulse;

	for (unsigned int i = 0; i < BATCH; i++) {
		int fd = accept4(responder->post->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			add(&pulse->accepted, 1);
			answer(responder, fd, now);
		} else if (errno == EAGAIN) {
			add(&pulse->idle, 1);
			return 0;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			make_room(responder);
		} else if (!is_passing(errno)) {
			return -errno;
		}
	}
	return 0;
}

void responder_beat(const struct responder *responder)
{
	struct pulse *pulse = responder->post->pulse;

	__atomic_store_n(&pulse->cut, responder->callers.cut, __ATOMIC_RELEASE);
	__atomic_store_n(&pulse->beat_ns, (uint64_t)monotonic_ns(), __ATOMIC_RELEASE);
}

static int wait_for_events(const struct responder *responder, struct epoll_event events[EVENTS])
{
	const struct callers *callers = &responder->callers;
	int64_t wait_ns = callers->recent < callers->next ? CALLERS_MOMENT_NS : RESPONDER_BEAT_NS;

	return epoll_wait(responder->epoll_fd, events, EVENTS, (int)(wait_ns / NS_PER_MS));
}

int responder_step(struct responder *responder)
{
	const struct pulse *pulse = responder->post->pulse;
	struct epoll_event events[EVENTS];
	__u64 accepted = pulse->accepted, idle = pulse->idle;
	int count, error;
	int64_t now;

	count = wait_for_events(responder, events);
	if (count < 0 && errno != EINTR)
		return -errno;
	now = monotonic_ns();
	for (int i = 0; i < count; i++)
		if (events[i].data.u64 != LISTENER)
			callers_read(&responder->callers, events[i].data.u64);
	watch_remaining(responder, now);
	callers_expire(&responder->callers, now);
	/* Last: a caller that must make room may have had an event above. */
	error = take_callers(responder, now);
	responder_beat(responder);
	/* Nobody waits: those who come within a millisecond are answered together, for less. */
	if (pulse->accepted > accepted && pulse->idle > idle)
		pause_ms(1);
	return error;
}
