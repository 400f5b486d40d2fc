/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection of the state socket: its lines, its turns, its limits and its end.
 *
 * A client that is let go gets its last line read: closing a unix socket with unread
 * input makes the peer's writes fail with EPIPE and turns its end of file into
 * ECONNRESET, so we shut our side down and read on for a while instead.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"
#include "publish/event_order.h"
#include "publish/stream.h"
#include "publish/state_internal.h"

static struct timeval timeval_of(int64_t ns)
{
	if (ns < 0)
		ns = 0;
	return (struct timeval){ .tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / 1000 };
}

size_t client_unsent(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->stream));
}

/* Many clients that read nothing must not hold more memory than a few may. */
static size_t unsent_max(const struct state *state)
{
	size_t share = STATE_UNSENT_ALL / (state->counters.clients ? state->counters.clients : 1);

	return share < STATE_UNSENT ? share : STATE_UNSENT;
}

void client_send(struct client *client, const char *bytes, size_t length)
{
	if (!client->dead && bufferevent_write(client->stream, bytes, length))
		client_drop(client);
}

void client_share(struct client *client, struct held_line *line)
{
	if (!client->dead && held_line_say(line, bufferevent_get_output(client->stream)))
		client_drop(client);
}

int64_t client_waits(const struct client *client)
{
	return client_unsent(client) ? client->moved_ns : client->line_ns;
}

void client_say(struct client *client, const char *line)
{
	struct evbuffer_iovec parts[] = {
		{ .iov_base = (void *)line, .iov_len = strlen(line) },
		{ .iov_base = (void *)"\n", .iov_len = 1 },
	};
	size_t length = parts[0].iov_len + 1;

	if (client->dead)
		return;
	if (evbuffer_add_iovec(bufferevent_get_output(client->stream), parts, 2) != length)
		client_drop(client);
}

static void client_wait(struct client *client)
{
	client->waiting = true;
	client->state->waiting_count++;
	TAILQ_INSERT_TAIL(&client->state->waiting, client, turn);
	state_soon(client->state);
}

void client_wait_no_more(struct client *client)
{
	if (!client->waiting)
		return;
	client->waiting = false;
	client->state->waiting_count--;
	TAILQ_REMOVE(&client->state->waiting, client, turn);
}

static void leave_watchers(struct client *client)
{
	struct state *state = client->state;

	if (!client->watching)
		return;
	client->watching = false;
	state->watcher_count--;
	TAILQ_REMOVE(&state->watchers, client, entry);
	TAILQ_INSERT_HEAD(&state->idle, client, entry);
}

void client_drop(struct client *client)
{
	struct state *state = client->state;

	if (client->dead)
		return;
	leave_watchers(client);
	client->dead = true;
	TAILQ_REMOVE(&state->idle, client, entry);
	TAILQ_INSERT_TAIL(&state->dead, client, entry);
	client_wait_no_more(client);
	event_free(client->timer);
	stream_end(client->stream);
	held_dying(STATE_CLIENT);
	state->counters.clients--;
	state_soon(state);
}

void client_free(struct client *client)
{
	held_dying(-STATE_CLIENT);
	held_add(-(ptrdiff_t)sizeof(*client));
	free(client);
}

static void drop_misbehaving(struct client *client)
{
	client->state->counters.dropped++;
	client_drop(client);
}

/*
 * When the client will have taken too long; INT64_MAX when it cannot. (What it does not
 * read is the stream's own timeout.)
 */
static int64_t client_deadline(const struct client *client)
{
	const struct state_times *times = &client->state->times;

	if (client->linger_ns)
		return client->linger_ns + times->linger_ns;
	if (client->line_ns)
		return client->line_ns + times->partial_ns;
	return client->watching ? INT64_MAX : client->active_ns + times->idle_ns;
}

/*
 * A timer that is early costs one wake-up, so it is not moved when the deadline moves
 * away: most requests do not touch it.
 */
static void client_set_timer(struct client *client, int64_t now)
{
	int64_t deadline = client_deadline(client);
	struct timeval wait;

	if (client->dead || deadline == INT64_MAX)
		return;
	if (client->timer_ns && client->timer_ns <= deadline)
		return;
	wait = timeval_of(deadline - now + NS_PER_MS);
	client->timer_ns = deadline;
	evtimer_add(client->timer, &wait);
}

/* Our last byte has gone to a client that is answered no more. */
static void client_flushed(struct client *client)
{
	if (client->ended) {
		client_drop(client);
		return;
	}
	client->linger_ns = monotonic_ns();
	shutdown(bufferevent_getfd(client->stream), SHUT_WR);
	client_set_timer(client, client->linger_ns);
}

/* Answer nothing more; the client goes when it has what there is for it. */
static void client_finish(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	if (client->dead)
		return;
	leave_watchers(client);
	client->finishing = true;
	client->line_ns = 0;
	evbuffer_drain(input, evbuffer_get_length(input));
	if (!client_unsent(client))
		client_flushed(client);
}

static void client_misbehaved(struct client *client, const char *text)
{
	client->state->counters.dropped++;
	client_error(client, text);
	client_finish(client);
}

/*
 * The next line out of INPUT, without its end; the end of input counts as one. Returns its
 * length, -EAGAIN when it is not all there or -EMSGSIZE. LINE holds STATE_LINE + 2 bytes.
 */
static ssize_t take_line(struct evbuffer *input, bool ended, char *line)
{
	struct evbuffer_ptr end = evbuffer_search_eol(input, NULL, NULL, EVBUFFER_EOL_LF);
	bool whole = end.pos >= 0;
	size_t length = whole ? (size_t)end.pos : evbuffer_get_length(input);

	if (length > STATE_LINE + 1) /* one for a carriage return */
		return -EMSGSIZE;
	if (!whole && (!ended || !length))
		return -EAGAIN;
	evbuffer_remove(input, line, length + whole);
	if (length && line[length - 1] == '\r')
		length--;
	return length > STATE_LINE ? -EMSGSIZE : (ssize_t)length;
}

/* Read no more until half of what is unsent has gone, or all of it where the page comes next. */
static void client_pause(struct client *client)
{
	client->paused = true;
	client->line_ns = 0; /* the wait is ours */
	bufferevent_disable(client->stream, EV_READ);
	client->resume_at = client->page_due ? 0 : client_unsent(client) / 2;
}

/*
 * Answer up to a turn's worth. Returns -EAGAIN when all that is there was answered, -ENOBUFS when
 * what was answered must go first.
 */
static int answer_lines(struct client *client, unsigned int *work)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	char line[STATE_LINE + 2];

	while (*work < STATE_TURN) {
		ssize_t length;

		if (client_unsent(client) >= unsent_max(client->state))
			return -ENOBUFS;
		length = take_line(input, client->ended, line);
		if (length < 0)
			return length;
		*work += client_answer(client, line, length);
		client->line_ns = 0;
		if (!client_page(client))
			return -ENOBUFS;
		if (client->dead)
			return -EPIPE;
	}
	return 0;
}

static void client_touch(struct client *client, int64_t now)
{
	client->active_ns = now;
	if (client->watching)
		return;
	TAILQ_REMOVE(&client->state->idle, client, entry);
	TAILQ_INSERT_TAIL(&client->state->idle, client, entry);
}

void client_turn(struct client *client)
{
	unsigned int work = 0;
	int64_t now = monotonic_ns();
	int ret;

	if (!client_unsent(client))
		client->moved_ns = now;
	ret = answer_lines(client, &work);

	if (client->dead)
		return;
	if (work)
		client_touch(client, now);
	if (!ret)
		client_wait(client);
	else if (ret == -ENOBUFS)
		client_pause(client);
	else if (ret == -EMSGSIZE)
		client_misbehaved(client, "line longer than 512 bytes");
	else if (client->ended)
		client_finish(client);
	else if (!client->line_ns && evbuffer_get_length(bufferevent_get_input(client->stream)))
		client->line_ns = now;
	client_set_timer(client, now);
	if (held_is_over())
		held_shed(now);
}

/* Now, or in its turn when this round has taken long enough already. */
static void client_go(struct client *client)
{
	if (state_has_time(client->state))
		client_turn(client);
	else
		client_wait(client);
}

static void on_read(struct bufferevent *stream, void *context)
{
	struct client *client = context;
	struct evbuffer *input = bufferevent_get_input(stream);

	if (client->finishing) {
		client->lingered += evbuffer_get_length(input);
		evbuffer_drain(input, evbuffer_get_length(input));
		if (client->lingered > STATE_LINGER)
			client_drop(client);
	} else if (!client->waiting && !client->paused) {
		client_go(client);
	}
}

void client_resume(struct client *client)
{
	if (!client_page(client) || client->dead)
		return;
	client->paused = false;
	if (!client->ended)
		bufferevent_enable(client->stream, EV_READ);
	client_go(client);
}

/* Some of it is sent. */
static void on_write(struct bufferevent *stream, void *context)
{
	struct client *client = context;

	(void)stream;
	client->moved_ns = monotonic_ns();
	if (client->paused && client_unsent(client) <= client->resume_at)
		client_resume(client);
	else if (client->finishing && !client->linger_ns && !client_unsent(client))
		client_flushed(client);
}

static void on_end(struct client *client)
{
	client->ended = true;
	if (client->finishing && !client_unsent(client))
		client_drop(client);
	else if (!client->finishing && !client->waiting && !client->paused)
		client_go(client);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
	struct client *client = context;

	(void)stream;
	if (what & BEV_EVENT_TIMEOUT)
		drop_misbehaving(client);
	else if (what & BEV_EVENT_EOF)
		on_end(client);
	else
		client_drop(client);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct client *client = context;
	int64_t now = monotonic_ns();

	(void)fd;
	(void)what;
	client->timer_ns = 0;
	if (now >= client_deadline(client)) {
		if (client->line_ns)
			client_misbehaved(client, "line not ended in time");
		else
			client_drop(client);
	}
	if (!client->dead)
		client_set_timer(client, now);
}

int client_new(struct state *state, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	struct timeval unsent = timeval_of(state->times.unsent_ns);
	const int sndbuf = STATE_SNDBUF;

	if (!client)
		goto no_client;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	client->state = state;
	client->timer = evtimer_new(state->base, on_timer, client);
	if (!client->timer)
		goto no_timer;
	client->stream = bufferevent_socket_new(state->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client->stream)
		goto no_stream;
	event_comes_last(client->timer);
	stream_comes_last(client->stream);
	held_add(sizeof(*client));
	client->active_ns = client->moved_ns = monotonic_ns();
	bufferevent_setcb(client->stream, on_read, on_write, on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, STATE_INPUT);
	stream_tells_of_writes(client->stream);
	bufferevent_set_max_single_read(client->stream, STATE_READ);
	bufferevent_set_max_single_write(client->stream, STATE_WRITE);
	bufferevent_set_timeouts(client->stream, NULL, &unsent);
	TAILQ_INSERT_TAIL(&state->idle, client, entry);
	state->counters.clients++;
	client_set_timer(client, client->active_ns);
	if (!bufferevent_enable(client->stream, EV_READ | EV_WRITE))
		return 0;
	client_drop(client);
	return -ENOMEM;

no_stream:
	event_free(client->timer);
no_timer:
	free(client);
no_client:
	close(fd);
	return -ENOMEM;
}
