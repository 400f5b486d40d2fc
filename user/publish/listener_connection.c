/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection of a listener: its requests, answers that wait, its limits and its end. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "publish/event_order.h"
#include "publish/listener_internal.h"
#include "publish/stream.h"

static struct timeval timeval_of(int64_t ns)
{
	if (ns < 0)
		ns = 0;
	return (struct timeval){ .tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / 1000 };
}

static const struct listener_times *times_of(const struct connection *connection)
{
	return &connection->listener->listeners->times;
}

static size_t unsent(const struct connection *connection)
{
	return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

bool connection_is_quiet(const struct connection *connection, int64_t now)
{
	return !connection->held && !connection->waiting && !unsent(connection) &&
	       now - connection->active_ns > times_of(connection)->quiet_ns;
}

int64_t connection_waits(const struct connection *connection)
{
	return unsent(connection) ? connection->moved_ns : connection->partial_ns;
}

void connection_ended(struct connection *connection)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	struct connection_message *message = &connection->message;

	if (message->size > 0)
		source->ended(source->context, message->class, message->size,
			      message->address[0] ? message->address : NULL);
	message->size = 0;
}

struct config_verdict connection_ask(struct connection *connection, enum class class, int64_t size,
				     const char *address)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	struct connection_message *message = &connection->message;
	struct config_verdict verdict;

	connection_ended(connection);
	verdict = source->admission(source->context, class, size, address);
	if (verdict.kind == VERDICT_DEFER)
		return verdict;
	message->class = class;
	message->size = size;
	snprintf(message->address, sizeof(message->address), "%s", address ? address : "");
	return verdict;
}

void connection_drop(struct connection *connection)
{
	struct listener *listener = connection->listener;
	static const struct timeval soon = { 0, 0 };

	if (connection->dead)
		return;
	connection->dead = true;
	if (listener->protocol->is_session)
		connection_ended(connection);
	TAILQ_REMOVE(&listener->connections, connection, entry);
	TAILQ_INSERT_TAIL(&listener->listeners->dead, connection, entry);
	event_free(connection->timer);
	event_free(connection->resume);
	stream_end(connection->stream);
	listener->count--;
	listener->listeners->count--;
	evtimer_add(listener->listeners->bury, &soon);
}

void connection_free(struct connection *connection)
{
	held_exempt(-LISTENER_BARE);
	free(connection->held);
	free(connection);
}

/* A timer that is early costs one wake-up: it is not moved when the deadline moves away. */
static void set_timer(struct connection *connection)
{
	const struct listener_times *times = times_of(connection);
	int64_t deadline = connection->partial_ns ? connection->partial_ns + times->partial_ns
						  : connection->active_ns + times->idle_ns;
	struct timeval wait;

	if (connection->dead || (connection->timer_ns && connection->timer_ns <= deadline))
		return;
	wait = timeval_of(deadline - monotonic_ns() + NS_PER_MS);
	connection->timer_ns = deadline;
	evtimer_add(connection->timer, &wait);
}

static void send_text(struct connection *connection, const char *text, size_t length)
{
	if (!connection->dead && bufferevent_write(connection->stream, text, length))
		connection_drop(connection);
}

void connection_say(struct connection *connection, const char *text, size_t length,
		    unsigned int delay_s)
{
	const struct timeval delay = { .tv_sec = delay_s };

	if (connection->dead)
		return;
	/* Without memory to hold it, it is given now: a delay is a courtesy, an answer is not. */
	if (delay_s)
		connection->held = malloc(length);
	if (!connection->held) {
		send_text(connection, text, length);
		return;
	}
	memcpy(connection->held, text, length);
	connection->held_length = length;
	evtimer_add(connection->resume, &delay);
}

/* Answer nothing more; it goes when it has taken what there is for it. */
static void finish(struct connection *connection)
{
	connection->finishing = true;
	connection->partial_ns = 0;
	bufferevent_disable(connection->stream, EV_READ);
	if (!unsent(connection))
		connection_drop(connection);
}

static void wait_for_turn(struct connection *connection)
{
	static const struct timeval soon = { 0, 0 };

	connection->waiting = true;
	evtimer_add(connection->resume, &soon);
}

/* Half of what is unsent has to go first. */
static void pause_reading(struct connection *connection)
{
	connection->paused = true;
	connection->partial_ns = 0; /* the wait is ours */
	bufferevent_disable(connection->stream, EV_READ);
	connection->resume_at = unsent(connection) / 2;
}

static void note_request(struct connection *connection)
{
	struct listener *listener = connection->listener;

	listener->requests++;
	connection->active_ns = monotonic_ns();
	connection->partial_ns = 0;
	TAILQ_REMOVE(&listener->connections, connection, entry);
	TAILQ_INSERT_TAIL(&listener->connections, connection, entry);
}

/* Answer the first request there is. Returns 0, -EAGAIN when it is not all there, or the reason
 * to close the connection. */
static int answer_one(struct connection *connection)
{
	struct listener *listener = connection->listener;
	struct evbuffer *input = bufferevent_get_input(connection->stream);
	size_t length = evbuffer_get_length(input), max = listener->protocol->request_max;
	ssize_t taken;

	if (!length)
		return -EAGAIN;
	if (length > max)
		length = max;
	taken = listener->protocol->answer(
		connection, (const char *)evbuffer_pullup(input, (ssize_t)length), length);
	if (connection->dead)
		return -EPIPE;
	if (!taken && length == max) {
		listener_complain(listener, "a request of more than %zu bytes", max);
		return -EMSGSIZE;
	}
	if (taken <= 0)
		return taken ? (int)taken : -EAGAIN;
	evbuffer_drain(input, (size_t)taken);
	note_request(connection);
	return 0;
}

/* Nothing that is there can be answered now. */
static void rest(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->stream);

	if (connection->ended)
		finish(connection);
	else if (!connection->partial_ns && evbuffer_get_length(input))
		connection->partial_ns = monotonic_ns();
}

static void take_turn(struct connection *connection)
{
	int error = 0;

	if (!unsent(connection))
		connection->moved_ns = monotonic_ns();
	for (int i = 0; i < LISTENER_TURN && !error && !connection->held; i++)
		error = unsent(connection) >= LISTENER_UNSENT ? -ENOBUFS : answer_one(connection);
	if (connection->dead)
		return;
	if (error == -ENOBUFS)
		pause_reading(connection);
	else if (error == -EAGAIN)
		rest(connection);
	else if (error)
		finish(connection);
	else if (!connection->held)
		wait_for_turn(connection);
	set_timer(connection);
	if (held_is_over())
		held_shed(monotonic_ns());
}

static bool may_answer(const struct connection *connection)
{
	return !connection->held && !connection->waiting && !connection->paused &&
	       !connection->finishing;
}

static void on_read(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;

	(void)stream;
	if (may_answer(connection))
		take_turn(connection);
}

static void on_write(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;

	connection->moved_ns = monotonic_ns();
	if (connection->finishing && !unsent(connection)) {
		connection_drop(connection);
	} else if (connection->paused && unsent(connection) <= connection->resume_at) {
		connection->paused = false;
		bufferevent_enable(stream, EV_READ);
		take_turn(connection);
	}
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct connection *connection = context;

	(void)stream;
	/* Who leaves while its answer is held does not want it any more. */
	if (what & BEV_EVENT_EOF && !connection->held) {
		connection->ended = true;
		if (may_answer(connection))
			take_turn(connection);
		return;
	}
	if (what & BEV_EVENT_TIMEOUT)
		listener_complain(connection->listener, "answers that are not taken");
	connection_drop(connection);
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;

	(void)fd;
	(void)what;
	connection->waiting = false;
	if (connection->held) {
		send_text(connection, connection->held, connection->held_length);
		free(connection->held);
		connection->held = NULL;
	}
	if (!connection->dead)
		take_turn(connection);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	const struct listener_times *times = times_of(connection);
	int64_t now = monotonic_ns();

	(void)fd;
	(void)what;
	connection->timer_ns = 0;
	if (connection->partial_ns && now >= connection->partial_ns + times->partial_ns) {
		listener_complain(connection->listener, "a request not ended in %lld s",
				  (long long)(times->partial_ns / NS_PER_S));
		connection_drop(connection);
	} else if (!connection->held && now >= connection->active_ns + times->idle_ns) {
		connection_drop(connection);
	}
	if (!connection->dead)
		set_timer(connection);
}

/* A peer's machine that is gone does not say so. */
static void set_options(const struct listener *listener, int fd)
{
	const int on = 1, buffer = LISTENER_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	if (listener->config.socket.ss_family == AF_UNIX)
		return;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void begin(struct connection *connection)
{
	struct listener *listener = connection->listener;
	struct timeval patience = timeval_of(listener->listeners->times.unsent_ns);

	held_exempt(LISTENER_BARE);
	connection->active_ns = monotonic_ns();
	bufferevent_setcb(connection->stream, on_read, on_write, on_event, connection);
	bufferevent_setwatermark(connection->stream, EV_READ, 0, listener->protocol->request_max);
	stream_tells_of_writes(connection->stream);
	bufferevent_set_max_single_read(connection->stream, LISTENER_READ);
	bufferevent_set_max_single_write(connection->stream, LISTENER_WRITE);
	bufferevent_set_timeouts(connection->stream, NULL, &patience);
	TAILQ_INSERT_TAIL(&listener->connections, connection, entry);
	listener->count++;
	listener->listeners->count++;
	set_timer(connection);
}

int connection_new(struct listener *listener, int fd)
{
	struct event_base *base = listener->listeners->base;
	struct connection *connection;

	set_options(listener, fd);
	connection = calloc(1, sizeof(*connection) + listener->protocol->connection_size);
	if (!connection)
		goto no_connection;
	connection->listener = listener;
	connection->timer = evtimer_new(base, on_timer, connection);
	connection->resume = evtimer_new(base, on_resume, connection);
	if (!connection->timer || !connection->resume)
		goto no_events;
	connection->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!connection->stream)
		goto no_events;
	event_comes_last(connection->timer);
	event_comes_last(connection->resume);
	stream_comes_last(connection->stream);
	begin(connection);
	if (!bufferevent_enable(connection->stream, EV_READ | EV_WRITE))
		return 0;
	connection_drop(connection);
	return -ENOMEM;

no_events:
	if (connection->timer)
		event_free(connection->timer);
	if (connection->resume)
		event_free(connection->resume);
	free(connection);
no_connection:
	close(fd);
	return -ENOMEM;
}
