/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of the filer: start it, ask it, hear from it. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/apart.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "publish/filer_internal.h"

#define STOP_MS 500

struct filer {
	int fd;
	pid_t pid;
	struct event *event;
	uint32_t asked, answered; /* serials */
	bool late;		  /* it was waited for in vain, and has not done all since */
	void (*placed)(void *context, const struct filer_reply *reply);
	void *context;
};

/* What comes to the whole process group is for the daemon: its end is ours. */
static void be_filer(int fd, int (*shed)(const char *user), const char *user)
	__attribute__((noreturn));
static void be_filer(int fd, int (*shed)(const char *user), const char *user)
{
	int error;

	prctl(PR_SET_NAME, "spoolgate-file");
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	apart_close_others(fd, -1);
	error = shed(user);
	if (error) {
		log_error("the filer keeps privileges that it must not: %s", strerror(-error));
		_exit(1);
	}
	filer_process(fd);
}

int filer_start(struct filer **started, int (*shed)(const char *user), const char *user)
{
	struct filer *filer = calloc(1, sizeof(*filer));
	int fds[2], error;

	if (!filer)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)) {
		error = -errno;
		goto no_pair;
	}
	fflush(NULL);
	filer->pid = fork();
	if (filer->pid < 0) {
		error = -errno;
		goto no_process;
	}
	if (!filer->pid)
		be_filer(fds[1], shed, user);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	filer->fd = fds[0];
	*started = filer;
	return 0;

no_process:
	close(fds[0]);
	close(fds[1]);
no_pair:
	free(filer);
	return error;
}

/* False when it is gone. */
static bool hear(struct filer *filer)
{
	struct filer_reply reply;
	ssize_t size;

	while ((size = recv(filer->fd, &reply, sizeof(reply), MSG_DONTWAIT)) == sizeof(reply)) {
		filer->answered = reply.serial;
		if (filer->placed)
			filer->placed(filer->context, &reply);
	}
	if (filer->answered == filer->asked)
		filer->late = false;
	return size < 0 && (errno == EAGAIN || errno == EINTR);
}

static void on_reply(evutil_socket_t fd, short events, void *argument)
{
	struct filer *filer = argument;

	(void)fd;
	(void)events;
	if (hear(filer))
		return;
	log_warning("the filer is gone: no socket is placed or removed, and no override is kept, "
		    "until a restart");
	event_del(filer->event);
}

int filer_attach(struct filer *filer, struct event_base *base)
{
	filer->event = event_new(base, filer->fd, EV_READ | EV_PERSIST, on_reply, filer);
	return filer->event && !event_add(filer->event, NULL) ? 0 : -ENOMEM;
}

bool filer_wait(struct filer *filer)
{
	int64_t end_ns = monotonic_ns() + FILER_MS * NS_PER_MS, left_ns;
	struct pollfd poller;

	if (!filer)
		return true;
	poller = (struct pollfd){ .fd = filer->fd, .events = POLLIN };
	while (hear(filer) && filer->answered != filer->asked && !filer->late) {
		left_ns = end_ns - monotonic_ns();
		if (left_ns > 0)
			poll(&poller, 1, (int)(left_ns / NS_PER_MS) + 1);
		else
			filer->late = true;
	}
	return filer->answered == filer->asked;
}

/* Returns the serial, or 0 with the reason in the log: it hangs and has more than enough to do. */
static uint32_t ask(struct filer *filer, struct filer_request *request)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = request, .iov_len = sizeof(*request) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	request->serial = filer->asked + 1 ? filer->asked + 1 : 1;
	if (request->operation == FILER_PLACE) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &request->socket.fd, sizeof(int));
	}
	if (sendmsg(filer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		log_warning("%s: the filer cannot be asked: %s",
			    request->what[0] ? request->what : request->path, strerror(errno));
		return 0;
	}
	filer->asked = request->serial;
	return request->serial;
}

void filer_write(struct filer *filer, const char *path, const char *text, const char *what)
{
	struct filer_request request = { .operation = text ? FILER_WRITE : FILER_UNLINK };
	struct filer_reply reply = { 0 };

	snprintf(request.path, sizeof(request.path), "%s", path);
	snprintf(request.what, sizeof(request.what), "%s", what);
	if (text)
		snprintf(request.text, sizeof(request.text), "%s", text);
	if (!filer)
		filer_do(&request, &reply);
	else if (ask(filer, &request) && !filer_wait(filer))
		log_warning("%s: its filesystem does not answer; done once it does", what);
}

void filer_remove(struct filer *filer, struct unix_socket *socket)
{
	struct filer_request request = { .operation = FILER_REMOVE };

	if (!filer) {
		unix_socket_close(socket);
		return;
	}
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
	if (!socket->inode)
		return;
	request.socket = *socket;
	snprintf(request.path, sizeof(request.path), "%s", socket->address.sun_path);
	ask(filer, &request);
}

uint32_t filer_place(struct filer *filer, const struct unix_socket *socket,
		     const struct unix_socket_rule *rule,
		     void (*placed)(void *context, const struct filer_reply *reply), void *context)
{
	struct filer_request request = {
		.operation = FILER_PLACE,
		.socket = *socket,
		.mode = rule->mode,
		.backlog = rule->backlog,
	};

	filer->placed = placed;
	filer->context = context;
	snprintf(request.path, sizeof(request.path), "%s", rule->path);
	snprintf(request.owner, sizeof(request.owner), "%s", rule->owner);
	snprintf(request.group, sizeof(request.group), "%s", rule->group);
	snprintf(request.user, sizeof(request.user), "%s", rule->user);
	return ask(filer, &request);
}

void filer_forget(struct filer *filer)
{
	if (filer)
		filer->placed = NULL;
}

void filer_stop(struct filer *filer)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	if (!filer)
		return;
	if (filer->event)
		event_free(filer->event);
	close(filer->fd);
	for (unsigned int i = 0; i < STOP_MS && !waitpid(filer->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	free(filer);
}
