/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spoolgate-milter between mail servers and the daemon: one loop for all sessions. libmilter, which
 * would read the packets for us, believes that macros come in pairs (see the manual), and its
 * threads make delayed sessions wait for one another.
 */
#include "mta/milter.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#define ACCEPTS 64	    /* connections taken before the others' turn */
#define UNSENT	(16 * 1024) /* bytes of answers that a server has not taken */
#define WORTH_AN_END                                                                \
	(64 * 1024) /* bytes; a smaller one is written by its end, and asking costs \
		     */
#define COMPLAINT_NS (60 * NS_PER_S)
#define STOP_SIGNALS 3

/* An SMTP session may be silent for long; it ends, and so does this. */
static const struct timeval idle = { .tv_sec = 2 * 3600 }, patience = { .tv_sec = 30 };
static const struct timeval pause_accepting = { .tv_usec = 100000 };

/* What the message under way was promised. */
struct promise {
	char address[ADDRESS_TEXT];
	bool authenticated;
	int64_t size; /* 0: nothing */
};

struct session {
	struct milter *milter;
	struct bufferevent *stream;
	struct event *due; /* of a delayed answer */
	bool delayed;
	struct milter_client client;
	struct promise promise;
};

/* The message has arrived, or will not come. */
static void end_promise(struct session *session)
{
	struct promise *promise = &session->promise;

	if (promise->size)
		asker_ended(&session->milter->asker, promise->authenticated, promise->address,
			    promise->size);
	promise->size = 0;
}

static void session_end(struct session *session)
{
	end_promise(session);
	event_free(session->due);
	bufferevent_free(session->stream);
	free(session);
}

/* What a session fails for, or a connection: once a minute. */
static void complain(struct milter *milter, const char *what)
{
	int64_t now = monotonic_ns();

	milter->failed++;
	if (milter->complained_ns && now - milter->complained_ns < COMPLAINT_NS)
		return;
	log_warning("%s (%lu times since the last line): the mail server takes mail unasked then",
		    what, milter->failed);
	milter->complained_ns = now;
	milter->failed = 0;
}

/* At once: it must not wait for the next question, which may take a second. */
static void send_answer(struct session *session, const struct milter_action *action)
{
	ssize_t sent = 0;

	if (!evbuffer_get_length(bufferevent_get_output(session->stream)))
		sent = send(bufferevent_getfd(session->stream), action->answer, action->length,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		sent = 0; /* if there is nobody any more, the next reading says so */
	if ((size_t)sent < action->length)
		bufferevent_write(session->stream, action->answer + sent,
				  action->length - (size_t)sent);
}

/* Until then nothing more is read. The server waits, but not for ever. */
static void delay(struct session *session, unsigned int seconds)
{
	struct timeval due = { .tv_sec = seconds };

	if (due.tv_sec > session->milter->longest_delay_s)
		due.tv_sec = session->milter->longest_delay_s;
	session->delayed = true;
	bufferevent_disable(session->stream, EV_READ);
	evtimer_add(session->due, &due);
}

/* Of a message that is promised much room we want to hear the end. */
static void note_promise(struct session *session, const struct milter_action *action)
{
	struct promise *promise = &session->promise;

	if (action->size < WORTH_AN_END)
		return;
	memcpy(promise->address, session->client.address, sizeof(promise->address));
	promise->authenticated = action->authenticated;
	promise->size = action->size;
}

/* The next message of a session is asked for again. */
static void ask(struct session *session, struct milter_action *action)
{
	struct spoolgate_admission admission;

	asker_ask(&session->milter->asker, action->authenticated, session->client.address,
		  action->size, &admission);
	if (admission.promised)
		note_promise(session, action);
	if (admission.verdict == SPOOLGATE_DELAY) {
		delay(session, admission.delay_s);
		return;
	}
	milter_answer(action, &admission, session->promise.size);
	send_answer(session, action);
}

/* Returns whether the session goes on. */
static bool take_packet(struct session *session, size_t length)
{
	struct milter_action action;

	milter_packet(&session->client, session->milter->packet, length, &action);
	if (action.over)
		end_promise(session);
	switch (action.act) {
	case MILTER_NOTHING:
		break;
	case MILTER_ANSWERED:
		send_answer(session, &action);
		break;
	case MILTER_ASK:
		ask(session, &action);
		break;
	case MILTER_STRANGE:
		complain(session->milter, "a packet that is not of the milter protocol");
		return false;
	case MILTER_END:
		return false;
	}
	return evbuffer_get_length(bufferevent_get_output(session->stream)) < UNSENT;
}

static bool has_packet(const struct session *session, uint32_t *length)
{
	struct evbuffer *input = bufferevent_get_input(session->stream);
	unsigned char head[MILTER_HEAD];

	if (session->delayed || evbuffer_copyout(input, head, sizeof(head)) < MILTER_HEAD)
		return false;
	*length = milter_length(head);
	return *length > MILTER_PACKET ||
	       evbuffer_get_length(input) >= MILTER_HEAD + (size_t)*length;
}

/* One packet, and then it is the others' turn. */
static void on_read(struct bufferevent *stream, void *context)
{
	struct session *session = context;
	struct evbuffer *input = bufferevent_get_input(stream);
	uint32_t length;

	if (!has_packet(session, &length))
		return;
	if (length > MILTER_PACKET) {
		complain(session->milter, "a packet of more than 64 KiB");
		session_end(session);
		return;
	}
	evbuffer_drain(input, MILTER_HEAD);
	evbuffer_remove(input, session->milter->packet, length);
	if (!take_packet(session, length))
		session_end(session);
	else if (has_packet(session, &length))
		bufferevent_trigger(stream, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	(void)stream;
	(void)what;
	session_end(context);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
	const struct spoolgate_admission accept = { .verdict = SPOOLGATE_ACCEPT };
	struct session *session = context;
	struct milter_action action;

	(void)fd;
	(void)what;
	milter_answer(&action, &accept, session->promise.size);
	send_answer(session, &action);
	session->delayed = false;
	bufferevent_enable(session->stream, EV_READ);
	on_read(session->stream, session);
}

static int session_begin(struct milter *milter, int fd)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->milter = milter;
	session->due = evtimer_new(milter->base, on_due, session);
	session->stream = session->due
				  ? bufferevent_socket_new(milter->base, fd, BEV_OPT_CLOSE_ON_FREE)
				  : NULL;
	if (!session->stream) {
		if (session->due)
			event_free(session->due);
		free(session);
		return -ENOMEM;
	}
	bufferevent_setcb(session->stream, on_read, NULL, on_event, session);
	bufferevent_setwatermark(session->stream, EV_READ, 0, MILTER_HEAD + MILTER_PACKET);
	bufferevent_set_timeouts(session->stream, &idle, &patience);
	bufferevent_enable(session->stream, EV_READ | EV_WRITE);
	return 0;
}

/* Who connects stays in the backlog and the socket readable: we would spin. */
static void look_away(struct milter *milter, int error)
{
	complain(milter, error == EMFILE ? "no place for another connection (LimitNOFILE= of the "
					   "unit, or ulimit -n, makes more)"
					 : strerror(error));
	event_del(milter->accept);
	evtimer_add(milter->resume, &pause_accepting);
}

static void on_connect(evutil_socket_t fd, short what, void *context)
{
	struct milter *milter = context;

	(void)what;
	for (int i = 0; i < ACCEPTS; i++) {
		int session = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (session < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				look_away(milter, errno);
			return;
		}
		if (session_begin(milter, session)) {
			close(session);
			complain(milter, strerror(ENOMEM));
		}
	}
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct milter *milter = context;

	(void)fd;
	(void)what;
	event_add(milter->accept, NULL);
}

static void on_end(evutil_socket_t number, short what, void *context)
{
	struct milter *milter = context;

	(void)number;
	(void)what;
	event_base_loopbreak(milter->base);
}

/* What is open then goes with the process. */
int milter_run(struct milter *milter)
{
	static const int stop[STOP_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };

	signal(SIGPIPE, SIG_IGN); /* bufferevents write without MSG_NOSIGNAL */
	milter->base = event_base_new();
	if (!milter->base)
		return -ENOMEM;
	for (size_t i = 0; i < STOP_SIGNALS; i++) {
		struct event *event = evsignal_new(milter->base, stop[i], on_end, milter);

		if (!event || event_add(event, NULL))
			return -ENOMEM;
	}
	if (milter->end_fd >= 0 &&
	    event_base_once(milter->base, milter->end_fd, EV_READ, on_end, milter, NULL))
		return -ENOMEM;
	milter->accept = event_new(milter->base, milter->socket.fd, EV_READ | EV_PERSIST,
				   on_connect, milter);
	milter->resume = evtimer_new(milter->base, on_resume, milter);
	if (!milter->accept || !milter->resume || event_add(milter->accept, NULL))
		return -ENOMEM;
	return event_base_dispatch(milter->base) < 0 ? -EIO : 0;
}
