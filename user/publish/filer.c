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

#define PENDING (2 * FILER_SOCKETS)

struct pending {
	uint32_t serial; /* 0: none */
	filer_told *told;
	void *context;
};

struct filer {
	int fd;
	pid_t pid;
	struct event *event;
	uint32_t asked, answered; /* serials */
	bool late;		  /* it was waited for in vain, and has not done all since */
	bool gone;
	struct pending pending[PENDING];
	struct filer *placer;	   /* NULL: there is none */
	struct filer_known *known; /* a placer's */
};

/* What is the process's own, and must be there before it is started. */
struct beginning {
	const char *name;
	int (*shed)(const char *user);
	const char *user;
	struct filer_known *known;
};

/* What comes to the whole process group is for the daemon: its end is ours. */
static void be_filer(int fd, const struct beginning *beginning) __attribute__((noreturn));
static void be_filer(int fd, const struct beginning *beginning)
{
	struct filer_known *known = beginning->known;
	int error;

	prctl(PR_SET_NAME, beginning->name);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	apart_close_others(fd, -1);
	for (unsigned int i = 0; known && i < known->count; i++)
		unix_socket_know(&known->rules[i]); /* while it may ask for names */
	error = beginning->shed(beginning->user);
	if (error) {
		log_error("%s keeps privileges that it must not: %s", beginning->name,
			  strerror(-error));
		_exit(1);
	}
	filer_process(fd, known);
}

static int start(struct filer **started, const struct beginning *beginning)
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
		be_filer(fds[1], beginning);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	filer->fd = fds[0];
	filer->known = beginning->known;
	*started = filer;
	return 0;

no_process:
	close(fds[0]);
	close(fds[1]);
no_pair:
	free(filer);
	return error;
}

int filer_start(struct filer **filer, int (*shed)(const char *user), const char *user)
{
	const struct beginning beginning = {
		.name = "spoolgate-file",
		.shed = shed,
		.user = user,
	};

	return start(filer, &beginning);
}

int filer_start_placer(struct filer *filer, const struct filer_placer *placer)
{
	struct beginning beginning = {
		.name = "spoolgate-sock",
		.shed = placer->shed,
		.user = placer->user,
		.known = calloc(1, sizeof(*beginning.known)),
	};
	int error = beginning.known ? filer_known_take(beginning.known, placer) : -ENOMEM;

	if (!error)
		error = start(&filer->placer, &beginning);
	if (error)
		free(beginning.known);
	return error;
}

static void tell(struct filer *filer, const struct filer_reply *reply)
{
	struct pending pending;

	for (unsigned int i = 0; i < PENDING; i++) {
		if (filer->pending[i].serial != reply->serial)
			continue;
		pending = filer->pending[i];
		filer->pending[i].serial = 0; /* it may ask again at once */
		pending.told(pending.context, reply);
		return;
	}
}

/* False when it is gone. */
static bool hear(struct filer *filer)
{
	struct filer_reply reply;
	ssize_t size;

	while ((size = recv(filer->fd, &reply, sizeof(reply), MSG_DONTWAIT)) == sizeof(reply)) {
		filer->answered = reply.serial;
		tell(filer, &reply);
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
	if (filer->known)
		log_warning("the placer is gone: no socket is looked after until a restart");
	else
		log_warning("the filer is gone: no socket is placed or removed, and no override is "
			    "kept, until a restart");
	event_del(filer->event);
	filer->gone = true;
}

int filer_attach(struct filer *filer, struct event_base *base)
{
	int error = filer->placer ? filer_attach(filer->placer, base) : 0;

	if (error)
		return error;
	filer->event = event_new(base, filer->fd, EV_READ | EV_PERSIST, on_reply, filer);
	return filer->event && !event_add(filer->event, NULL) ? 0 : -ENOMEM;
}

static bool wait_for(struct filer *filer)
{
	int64_t end_ns = monotonic_ns() + FILER_MS * NS_PER_MS, left_ns;
	struct pollfd poller = { .fd = filer->fd, .events = POLLIN };

	while (hear(filer) && filer->answered != filer->asked && !filer->late) {
		left_ns = end_ns - monotonic_ns();
		if (left_ns > 0)
			poll(&poller, 1, (int)(left_ns / NS_PER_MS) + 1);
		else
			filer->late = true;
	}
	return filer->answered == filer->asked;
}

bool filer_wait(struct filer *filer)
{
	bool placed = !filer || !filer->placer || wait_for(filer->placer);

	return (!filer || wait_for(filer)) && placed;
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
	else if (ask(filer, &request) && !wait_for(filer))
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

/* Told at once where there is no filer. */
static int ask_and_tell(struct filer *filer, struct filer_request *request, filer_told *told,
			void *context)
{
	struct filer_reply reply = { 0 };
	unsigned int i = 0;

	if (!filer) {
		filer_do(request, &reply);
		told(context, &reply);
		return 0;
	}
	if (filer->gone)
		return -ESRCH;
	while (i < PENDING && filer->pending[i].serial)
		i++;
	if (i == PENDING)
		return -EBUSY;
	filer->pending[i] = (struct pending){
		.serial = ask(filer, request),
		.told = told,
		.context = context,
	};
	return filer->pending[i].serial ? 0 : -ESRCH;
}

static int ask_of_socket(struct filer *filer, enum filer_operation operation,
			 const struct unix_socket *socket, const struct unix_socket_rule *rule,
			 filer_told *told, void *context)
{
	struct filer *placer =
		filer && filer->placer && !filer->placer->gone ? filer->placer : NULL;
	struct filer_request request = {
		.operation = operation,
		.socket = *socket,
		.known = placer ? filer_known_find(placer->known, rule) : 0,
		.mode = rule->mode,
		.backlog = rule->backlog,
		.again = rule->again,
		.users_group = rule->users_group,
	};

	snprintf(request.path, sizeof(request.path), "%s", rule->path);
	snprintf(request.owner, sizeof(request.owner), "%s", rule->owner);
	snprintf(request.group, sizeof(request.group), "%s", rule->group);
	snprintf(request.user, sizeof(request.user), "%s", rule->user);
	return ask_and_tell(request.known ? placer : filer, &request, told, context);
}

int filer_place(struct filer *filer, const struct unix_socket *socket,
		const struct unix_socket_rule *rule, filer_told *told, void *context)
{
	return ask_of_socket(filer, FILER_PLACE, socket, rule, told, context);
}

int filer_find(struct filer *filer, const struct unix_socket *socket,
	       const struct unix_socket_rule *rule, filer_told *told, void *context)
{
	return ask_of_socket(filer, FILER_FIND, socket, rule, told, context);
}

bool filer_is_next(const struct filer *filer, const void *context)
{
	if (!filer)
		return false;
	for (unsigned int i = 0; i < PENDING; i++)
		if (filer->pending[i].serial == filer->answered + 1 &&
		    filer->pending[i].context == context)
			return true;
	return filer_is_next(filer->placer, context);
}

void filer_forget(struct filer *filer, const void *context)
{
	if (!filer)
		return;
	for (unsigned int i = 0; i < PENDING; i++)
		if (filer->pending[i].context == context)
			filer->pending[i].serial = 0;
	filer_forget(filer->placer, context);
}

void filer_stop(struct filer *filer)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	if (!filer)
		return;
	filer_stop(filer->placer);
	if (filer->event)
		event_free(filer->event);
	close(filer->fd);
	for (unsigned int i = 0; i < STOP_MS && !waitpid(filer->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	free(filer->known);
	free(filer);
}
