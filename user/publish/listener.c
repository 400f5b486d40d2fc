/* SPDX-License-Identifier: GPL-2.0-only */
/* The listeners: which there are, who connects, and what a reload does to them. */
#include "publish/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "publish/event_order.h"
#include "publish/listener_internal.h"

#define COMPLAINT_GAP_NS (60 * NS_PER_S)

/* Who asks must be the one to close: a request sent to what we close just then gets no answer. */
#define IDLE_NS		(3600 * NS_PER_S)
#define POSTFIX_IDLE_NS (300 * NS_PER_S) /* smtpd_policy_service_max_idle */
_Static_assert(IDLE_NS > POSTFIX_IDLE_NS, "smtpd closes before we do");

/* What a listener speaks; a word of words.h each. */
static const struct listener_protocol *const protocols[PROTOCOLS] = {
	[PROTOCOL_POSTFIX_POLICY] = &delegation_protocol,
	[PROTOCOL_SOCKETMAP] = &socketmap_protocol,
};

static const struct listener_times listener_times = {
	.partial_ns = 30 * NS_PER_S,
	.unsent_ns = 30 * NS_PER_S,
	.idle_ns = IDLE_NS,
	.quiet_ns = NS_PER_S,
	.pause_ns = 100 * NS_PER_MS,
};

void listener_complain(struct listener *listener, const char *format, ...)
{
	int64_t now = monotonic_ns();
	char what[200];
	va_list list;

	listener->dropped++;
	if (listener->complained_ns && now - listener->complained_ns < COMPLAINT_GAP_NS) {
		listener->complaints++;
		return;
	}
	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	if (listener->complaints)
		log_warning("listen \"%s\": connection closed: %s; %llu others were since the last "
			    "line",
			    listener->config.name, what, (unsigned long long)listener->complaints);
	else
		log_warning("listen \"%s\": connection closed: %s", listener->config.name, what);
	listener->complained_ns = now;
	listener->complaints = 0;
}

/* The connection that has been quiet the longest; NULL when all are busy. */
static struct connection *quietest(const struct listener *listener)
{
	int64_t now = monotonic_ns();
	struct connection *connection;

	TAILQ_FOREACH(connection, &listener->connections, entry)
		if (connection_is_quiet(connection, now))
			return connection;
	return NULL;
}

static unsigned int shed(void *context, int64_t before_ns)
{
	struct listeners *listeners = context;
	struct connection *connection, *next;
	struct listener *listener;
	unsigned int closed = 0;

	TAILQ_FOREACH(listener, &listeners->list, entry)
		for (connection = TAILQ_FIRST(&listener->connections); connection && !held_is_low();
		     connection = next) {
			int64_t since_ns = connection_waits(connection);

			next = TAILQ_NEXT(connection, entry);
			if (!since_ns || since_ns > before_ns)
				continue;
			listener->dropped++;
			connection_drop(connection);
			closed++;
		}
	return closed;
}

/* A newcomer has no place, but for that of QUIET (or NULL). */
static void lack_place(struct listener *listener, struct connection *quiet)
{
	char what[sizeof(listener->config.name) + 16];

	snprintf(what, sizeof(what), "listen \"%s\"", listener->config.name);
	places_lacked(&listener->lack, what, listener->count);
	if (!quiet)
		return;
	listener->dropped++;
	connection_drop(quiet);
}

static bool is_full(const struct listener *listener)
{
	return listener->count >= listener->listeners->places.listener ||
	       listener->listeners->count >= listener->listeners->places.listeners;
}

/* Who connects stays in the backlog and the listener readable: we would spin. */
static void look_away(struct listener *listener)
{
	struct timeval pause = { .tv_usec = listener->listeners->times.pause_ns / 1000 };

	event_del(listener->accept);
	evtimer_add(listener->resume, &pause);
}

/*
 * Out of descriptors: a quiet connection gives up its own. (accept(2) wants its descriptor before
 * it looks whether there is anyone: only for the FIRST there surely is.)
 */
static void accept_failed(struct listener *listener, int error, bool first)
{
	struct connection *quiet = quietest(listener);

	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	if (error == EMFILE && !first)
		return;
	if (error == EMFILE)
		lack_place(listener, quiet);
	if (error != EMFILE || !quiet)
		look_away(listener);
}

/* Only who really connects takes another's place. Returns whether there may be more. */
static bool take_connection(struct listener *listener, bool first)
{
	struct connection *quiet = NULL;
	int fd;

	if (is_full(listener)) {
		quiet = quietest(listener);
		if (!quiet) {
			lack_place(listener, NULL);
			look_away(listener);
			return false;
		}
	}
	fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		accept_failed(listener, errno, first);
		return false;
	}
	if (quiet)
		lack_place(listener, quiet);
	if (connection_new(listener, fd))
		listener->dropped++;
	return true;
}

static void on_connect(evutil_socket_t fd, short what, void *context)
{
	int accepted = 0;

	(void)fd;
	(void)what;
	while (accepted < LISTENER_ACCEPTS && take_connection(context, !accepted))
		accepted++;
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct listener *listener = context;

	(void)fd;
	(void)what;
	event_add(listener->accept, NULL);
}

static void bury(struct listeners *listeners)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&listeners->dead))) {
		TAILQ_REMOVE(&listeners->dead, connection, entry);
		connection_free(connection);
	}
}

static void on_bury(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	bury(context);
}

static int begin_accepting(struct listener *listener)
{
	struct event_base *base = listener->listeners->base;

	listener->accept =
		event_new(base, listener->socket.fd, EV_READ | EV_PERSIST, on_connect, listener);
	listener->resume = evtimer_new(base, on_resume, listener);
	event_comes_last(listener->accept);
	event_comes_last(listener->resume);
	if (!listener->accept || !listener->resume || event_add(listener->accept, NULL))
		return -ENOMEM;
	return 0;
}

static void end_accepting(struct listener *listener)
{
	if (listener->accept)
		event_free(listener->accept);
	if (listener->resume)
		event_free(listener->resume);
	listener->accept = listener->resume = NULL;
}

static void close_listener(struct listener *listener, struct filer *filer)
{
	struct connection *connection;

	while ((connection = TAILQ_FIRST(&listener->connections)))
		connection_drop(connection);
	end_accepting(listener);
	listener_socket_close(listener, filer);
	TAILQ_REMOVE(&listener->listeners->list, listener, entry);
	bury(listener->listeners); /* they point to it */
	free(listener);
}

static int begin_again(void *context)
{
	struct listener *listener = context;

	end_accepting(listener);
	return begin_accepting(listener);
}

static struct listener *add_listener(struct listeners *listeners,
				     const struct config_listener *config)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->listeners = listeners;
	listener->config = *config;
	listener->protocol = protocols[config->protocol];
	listener->socket.fd = -1;
	listener->tended.begin = begin_again;
	listener->tended.context = listener;
	listener->tended.again.fd = -1;
	listener_socket_tend(listener);
	TAILQ_INIT(&listener->connections);
	TAILQ_INSERT_TAIL(&listeners->list, listener, entry);
	return listener;
}

/* While there are privileges. */
static void begin_listening(struct listener *listener)
{
	int error = listener_socket_open(listener);

	if (!error)
		error = begin_accepting(listener);
	tended_begin(&listener->tended, error, monotonic_ns());
	if (!error) {
		log_info("listen \"%s\": %s on %s", listener->config.name,
			 protocol_name(listener->config.protocol), listener->config.address);
		return;
	}
	end_accepting(listener);
	listener_socket_close(listener, NULL);
	log_warning("listen \"%s\": cannot listen on %s: %s; who asks there takes mail as if "
		    "there was no spoolgate",
		    listener->config.name, listener->config.address,
		    error == -ETIMEDOUT ? "its filesystem does not answer" : strerror(-error));
}

int listeners_open(struct listeners **opened, struct event_base *base, const struct config *config,
		   const struct listener_source *source)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (!listeners)
		return -ENOMEM;
	listeners->base = base;
	listeners->source = *source;
	listeners->times = listener_times;
	places_share(&listeners->places);
	memcpy(listeners->user, config->user, sizeof(listeners->user));
	TAILQ_INIT(&listeners->list);
	TAILQ_INIT(&listeners->dead);
	listeners->held = (struct held_room){ .shed = shed, .context = listeners };
	held_enter(&listeners->held);
	listeners->bury = evtimer_new(base, on_bury, listeners);
	event_comes_last(listeners->bury);
	*opened = listeners;
	if (!listeners->bury)
		return -ENOMEM;
	for (unsigned int i = 0; i < config->listener_count; i++) {
		struct listener *listener = add_listener(listeners, &config->listeners[i]);

		if (!listener)
			return -ENOMEM;
		begin_listening(listener);
	}
	return 0;
}

static const struct config_listener *find_block(const struct config *config, const char *address)
{
	for (unsigned int i = 0; i < config->listener_count; i++)
		if (!strcmp(config->listeners[i].address, address))
			return &config->listeners[i];
	return NULL;
}

static struct listener *find_listener(const struct listeners *listeners, const char *address)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, entry)
		if (!strcmp(listener->config.address, address))
			return listener;
	return NULL;
}

static bool is_same(const struct config_listener *a, const struct config_listener *b)
{
	return a->protocol == b->protocol && a->mode == b->mode && !strcmp(a->owner, b->owner) &&
	       !strcmp(a->group, b->group);
}

/* The block is still there: take over what can be while it listens. */
static void keep_listener(struct listener *listener, const struct config_listener *block)
{
	struct config_listener kept = *block;

	if (!is_same(&listener->config, block)) {
		log_warning("listen \"%s\": protocol, mode, owner and group of %s need a restart",
			    block->name, block->address);
		kept.protocol = listener->config.protocol;
		kept.mode = listener->config.mode;
		memcpy(kept.owner, listener->config.owner, sizeof(kept.owner));
		memcpy(kept.group, listener->config.group, sizeof(kept.group));
	}
	listener->config = kept;
	listener_socket_tend(listener);
}

static bool is_unix(const struct listener *listener)
{
	return listener->config.socket.ss_family == AF_UNIX;
}

void listeners_tend(struct listeners *listeners, struct filer *filer, enum tended_why why,
		    int64_t now)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, entry) {
		listener->tended.filer = filer;
		if (is_unix(listener))
			tended_look(&listener->tended, why, now);
	}
}

/* The sandbox lets us have unix sockets only. */
static void say_restart(const struct listeners *listeners)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, entry)
		if (!is_unix(listener) && listener->socket.fd < 0)
			log_warning("listen \"%s\": %s needs a restart: it takes privileges that "
				    "were given up",
				    listener->config.name, listener->config.address);
}

static void say_placing(const struct listeners *listeners)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, entry)
		if (listener->tended.waiting && listener->socket.fd < 0)
			log_warning("listen \"%s\": the filesystem of %s does not answer: opened "
				    "once it does",
				    listener->config.name, listener->config.address);
}

void listeners_reload(struct listeners *listeners, const struct config *config, struct filer *filer)
{
	const struct config_listener *block;
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&listeners->list); listener; listener = next) {
		next = TAILQ_NEXT(listener, entry);
		block = find_block(config, listener->config.address);
		if (block) {
			keep_listener(listener, block);
			continue;
		}
		log_info("listen \"%s\": %s is closed", listener->config.name,
			 listener->config.address);
		close_listener(listener, filer);
	}
	for (unsigned int i = 0; i < config->listener_count; i++) {
		block = &config->listeners[i];
		listener = find_listener(listeners, block->address);
		if (!listener)
			listener = add_listener(listeners, block);
		if (!listener)
			log_error("listen \"%s\": %s", block->name, strerror(ENOMEM));
	}
	say_restart(listeners);
	listeners_tend(listeners, filer, TENDED_ASKED, monotonic_ns());
	if (!filer_wait(filer))
		say_placing(listeners);
}

unsigned int listeners_status(const struct listeners *listeners, struct listener_status *status)
{
	struct listener *listener;
	unsigned int count = 0;

	if (!listeners)
		return 0;
	TAILQ_FOREACH(listener, &listeners->list, entry) {
		tended_explain(&listener->tended, status[count].reason);
		status[count].name = listener->config.name;
		status[count].protocol = protocol_name(listener->config.protocol);
		status[count].address = listener->config.address;
		status[count].open = listener->accept;
		status[count].lost = tended_is_lost(&listener->tended);
		status[count].connections = listener->count;
		status[count].places = listeners->places.listener;
		status[count].lacked = listener->lack.times;
		status[count].requests = listener->requests;
		status[count].dropped = listener->dropped;
		count++;
	}
	return count;
}

void listeners_close(struct listeners *listeners, struct filer *filer)
{
	struct listener *listener;

	if (!listeners)
		return;
	while ((listener = TAILQ_FIRST(&listeners->list)))
		close_listener(listener, filer);
	if (listeners->bury)
		event_free(listeners->bury);
	held_leave(&listeners->held);
	free(listeners);
}
