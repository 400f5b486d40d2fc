/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of the filer: start it, ask it, hear from it. */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "publish/filer_internal.h"

#define PENDING (2 * FILER_SOCKETS)

struct pending {
	uint32_t serial; /* 0: none */
	filer_told *told;
	void *context;
};

struct filer {
	struct child *child;
	struct event *event;
	uint32_t asked, answered; /* serials */
	bool late;		  /* it was waited for in vain, and has not done all since */
	struct pending pending[PENDING];
	struct filer *placer;	   /* NULL: there is none */
	struct filer_known *known; /* a placer's */
};

int filer_new(struct filer **filer, struct child *child, int (*shed)(const char *user),
	      const char *user)
{
	*filer = calloc(1, sizeof(**filer));
	if (!*filer)
		return -ENOMEM;
	(*filer)->child = child;
	*child = (struct child){
		.name = "filer",
		.process = "spoolgate-file",
		.loss = "no override is kept over a restart, and no socket removed",
		.shed = shed,
		.user = user,
		.run = filer_process,
		.lasts = true,
	};
	return 0;
}

int filer_new_placer(struct filer *filer, struct child *child, const struct filer_placer *placer)
{
	struct filer_known *known = calloc(1, sizeof(*known));
	int error = known ? filer_known_take(known, placer) : -ENOMEM;

	if (!error)
		error = filer_new(&filer->placer, child, placer->shed, placer->user);
	if (error) {
		free(known);
		return error;
	}
	child->name = "placer";
	child->process = "spoolgate-sock";
	child->loss = "no socket that is removed is made again";
	child->run = filer_process_known;
	child->data = known;
	filer->placer->known = known;
	return 0;
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

	while ((size = recv(filer->child->fd, &reply, sizeof(reply), MSG_DONTWAIT)) ==
	       sizeof(reply)) {
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
	if (!hear(filer))
		event_del(filer->event); /* its keeper is gone, and so are we */
}

int filer_attach(struct filer *filer, struct event_base *base)
{
	int error = filer->placer ? filer_attach(filer->placer, base) : 0;

	if (error)
		return error;
	filer->event = event_new(base, filer->child->fd, EV_READ | EV_PERSIST, on_reply, filer);
	return filer->event && !event_add(filer->event, NULL) ? 0 : -ENOMEM;
}

static bool wait_for(struct filer *filer)
{
	int64_t end_ns = monotonic_ns() + FILER_MS * NS_PER_MS, left_ns;
	struct pollfd poller = { .fd = filer->child->fd, .events = POLLIN };

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
	unsigned int passed = request->operation == FILER_PLACE;

	request->serial = filer->asked + 1 ? filer->asked + 1 : 1;
	if (send_with(filer->child->fd, request, sizeof(*request), 0, &request->socket.fd, passed) <
	    0) {
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

static struct filer *placer_of(const struct filer *filer)
{
	return filer ? filer->placer : NULL;
}

/* By the placer, where it knows it: the directory may be root's. */
void filer_remove(struct filer *filer, struct unix_socket *socket)
{
	struct filer_request request = { .operation = FILER_REMOVE };
	struct filer *placer = placer_of(filer);

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
	request.known = placer ? filer_known_path(placer->known, request.path) : 0;
	ask(request.known ? placer : filer, &request);
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
	struct filer *placer = placer_of(filer);
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

void filer_free(struct filer *filer)
{
	if (!filer)
		return;
	filer_free(filer->placer);
	if (filer->event)
		event_free(filer->event);
	free(filer->known);
	free(filer);
}
