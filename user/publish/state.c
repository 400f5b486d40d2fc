/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket: who is connected, whose turn it is, and who is told of a change. */
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "publish/event_order.h"
#include "publish/state_internal.h"

_Static_assert(STATE_WATCHERS < STATE_CLIENTS, "watchers alone must not lock out who asks");

static const struct state_times state_times = {
	.partial_ns = 30 * NS_PER_S,
	.unsent_ns = 30 * NS_PER_S,
	.idle_ns = 3600 * NS_PER_S,
	.linger_ns = 2 * NS_PER_S,
	.reply_ns = NS_PER_S,
	.pause_ns = 100 * NS_PER_MS,
};

void state_soon(struct state *state)
{
	static const struct timeval now = { 0, 0 };

	/* A timer, not event_active(): that would run again before the others are looked at. */
	if (!evtimer_pending(state->soon, NULL))
		evtimer_add(state->soon, &now);
}

/*
 * A round of ours is one of the loop, of which all that is ready has to wait for us. libevent's
 * clock stands still in it.
 */
bool state_has_time(struct state *state)
{
	int64_t now = monotonic_ns();
	struct timeval loop;

	event_base_gettimeofday_cached(state->base, &loop);
	if (evutil_timercmp(&loop, &state->loop, !=)) {
		state->loop = loop;
		state->loop_ns = now;
	}
	return now - state->loop_ns < STATE_TURNS_NS;
}

static void bury(struct state *state)
{
	struct client *client;

	while ((client = TAILQ_FIRST(&state->dead))) {
		TAILQ_REMOVE(&state->dead, client, entry);
		client_free(client);
	}
}

/*
 * Who has more to do goes to the end, and comes again when all others were looked at. They have
 * a time of their own: who is heard at once must not leave them none.
 */
static void take_turns(struct state *state)
{
	int64_t end_ns = state->round_ns + STATE_TURNS_NS;
	unsigned int turns = state->waiting_count;
	struct client *client;

	while (turns-- && (client = TAILQ_FIRST(&state->waiting))) {
		client_wait_no_more(client);
		client_turn(client);
		if (monotonic_ns() >= end_ns)
			break;
	}
	if (state->waiting_count)
		state_soon(state);
}

/*
 * The connection that has been quiet the longest. One that waits for its turn is not quiet, nor
 * one that waits for its reply, unless it takes long; one of this round has not been listened
 * to yet.
 */
static struct client *quietest(const struct state *state)
{
	int64_t recent = state->round_ns - state->times.reply_ns;
	struct client *client;

	TAILQ_FOREACH(client, &state->idle, entry) {
		if (client->waiting)
			continue;
		if (client->active_ns < recent)
			return client;
		if (client->active_ns < state->round_ns && !client_unsent(client))
			return client;
	}
	return NULL;
}

/* Makes room for another connection. */
static bool displace(struct state *state)
{
	struct client *client = quietest(state);

	places_lacked(&state->lack, "state socket", (unsigned int)state->counters.clients);
	if (client)
		client_drop(client);
	return client;
}

static unsigned int shed_list(struct client_list *list, int64_t before_ns)
{
	struct client *client, *next;
	unsigned int closed = 0;

	for (client = TAILQ_FIRST(list); client && !held_is_low(); client = next) {
		int64_t since_ns = client_waits(client);

		next = TAILQ_NEXT(client, entry);
		if (!since_ns || since_ns > before_ns)
			continue;
		client->state->counters.dropped++;
		client_drop(client);
		closed++;
	}
	return closed;
}

static unsigned int shed(void *context, int64_t before_ns)
{
	struct state *state = context;

	return shed_list(&state->idle, before_ns) + shed_list(&state->watchers, before_ns);
}

static unsigned int shed_one(void *context)
{
	return displace(context);
}

static void refuse(struct state *state, int fd)
{
	static const char line[] = "error too many connections\n";

	state->counters.dropped++;
	(void)!send(fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static bool is_full(const struct state *state)
{
	return state->counters.clients >= state->clients_max || held_is_over();
}

static void take_connection(struct state *state, int fd)
{
	if (is_full(state) && !displace(state))
		refuse(state, fd);
	else if (client_new(state, fd))
		state->counters.dropped++;
}

/* Who connects stays in the backlog and the listener readable: we would spin. */
static void look_away(struct state *state)
{
	struct timeval pause = { .tv_usec = state->times.pause_ns / 1000 };

	event_del(state->listener);
	evtimer_add(state->resume, &pause);
}

/*
 * Out of descriptors: the next round finds the one that is freed here. (accept(2) wants its
 * descriptor before it looks whether there is anyone: only for the FIRST there surely is.)
 */
static void accept_failed(struct state *state, int error, bool first)
{
	if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
		return;
	if (error == EMFILE && (!first || displace(state)))
		return;
	look_away(state);
}

static void accept_some(struct state *state)
{
	for (int i = 0; i < STATE_ACCEPTS; i++) {
		int fd;

		if (is_full(state) && !quietest(state) && !TAILQ_EMPTY(&state->idle)) {
			places_lacked(&state->lack, "state socket",
				      (unsigned int)state->counters.clients);
			if (!i)
				look_away(state);
			return;
		}
		fd = accept4(state->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			accept_failed(state, errno, !i);
			return;
		}
		take_connection(state, fd);
	}
}

/*
 * Not now: first the round's reads, or newcomers would displace those whose request
 * has come but has not been read yet. (Timers run after the descriptors of their round.)
 */
static void on_connect(evutil_socket_t fd, short what, void *context)
{
	struct state *state = context;

	(void)fd;
	(void)what;
	state->accepting = true;
	state_soon(state);
}

static void on_soon(evutil_socket_t fd, short what, void *context)
{
	struct state *state = context;

	(void)fd;
	(void)what;
	state->round_ns = monotonic_ns();
	bury(state);
	take_turns(state);
	if (state->accepting) {
		state->accepting = false;
		accept_some(state);
	}
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
	struct state *state = context;

	(void)fd;
	(void)what;
	event_add(state->listener, NULL);
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static int begin_listening(struct state *state)
{
	free_event(state->listener);
	state->listener =
		event_new(state->base, state->socket.fd, EV_READ | EV_PERSIST, on_connect, state);
	if (!state->listener)
		return -ENOMEM;
	event_comes_last(state->listener);
	return event_add(state->listener, NULL) ? -ENOMEM : 0;
}

static int make_events(struct state *state)
{
	state->resume = evtimer_new(state->base, on_resume, state);
	state->soon = evtimer_new(state->base, on_soon, state);
	if (!state->resume || !state->soon)
		return -ENOMEM;
	event_comes_last(state->resume);
	event_comes_last(state->soon);
	return begin_listening(state);
}

static int begin_again(void *context)
{
	struct state *state = context;

	state->again = true;
	return begin_listening(state);
}

void state_rule(const struct config *config, struct unix_socket_rule *rule)
{
	*rule = (struct unix_socket_rule){
		.path = config->state.path,
		.mode = config->state.mode,
		.owner = "",
		.group = config->state.group,
		.user = config->user,
		.backlog = STATE_BACKLOG,
		.users_group = true,
	};
}

/* The configuration may be another one tomorrow: the socket stays what it is. */
static void begin_tending(struct state *state, const struct config *config)
{
	struct tended *tended = &state->tended;

	snprintf(state->path, sizeof(state->path), "%s", config->state.path);
	snprintf(state->group, sizeof(state->group), "%s", config->state.group);
	snprintf(state->user, sizeof(state->user), "%s", config->user);
	state_rule(config, &tended->rule);
	tended->rule.path = tended->address = state->path;
	tended->rule.group = state->group;
	tended->rule.user = state->user;
	snprintf(tended->what, sizeof(tended->what), "state socket");
	tended->socket = &state->socket;
	tended->begin = begin_again;
	tended->context = state;
	tended_begin(tended, 0, monotonic_ns());
}

bool state_tend(struct state *state, struct filer *filer, enum tended_why why, int64_t now)
{
	bool again = state->again;

	state->again = false;
	state->tended.filer = filer;
	tended_look(&state->tended, why, now);
	return again;
}

static int listen_at(struct state *state, const struct config *config)
{
	int ret;

	begin_tending(state, config);
	ret = unix_socket_new(&state->socket, state->path);
	return ret ? ret : unix_socket_place_apart(&state->socket, &state->tended.rule);
}

int state_open(struct state **opened, struct event_base *base, const struct config *config,
	       const struct state_source *source)
{
	struct state *state = calloc(1, sizeof(*state));
	struct places places;
	int ret;

	if (!state)
		return -ENOMEM;
	state->base = base;
	state->source = *source;
	state->times = state_times;
	places_share(&places);
	state->clients_max = places.state;
	TAILQ_INIT(&state->idle);
	TAILQ_INIT(&state->watchers);
	TAILQ_INIT(&state->waiting);
	TAILQ_INIT(&state->dead);
	state->held = (struct held_room){ .shed = shed, .displace = shed_one, .context = state };
	held_enter(&state->held);
	signal(SIGPIPE, SIG_IGN); /* bufferevents write without MSG_NOSIGNAL */
	ret = listen_at(state, config);
	if (!ret)
		ret = make_events(state);
	if (ret) {
		state_close(state, NULL);
		return ret;
	}
	*opened = state;
	return 0;
}

static void tell(struct client *watcher, struct held_line *line, int64_t now)
{
	size_t unsent = client_unsent(watcher);

	if (unsent + held_line_length(line) > STATE_BEHIND) {
		watcher->state->counters.dropped++;
		client_drop(watcher);
	} else {
		if (!unsent)
			watcher->moved_ns = now;
		client_share(watcher, line);
	}
}

void state_changed(struct state *state)
{
	struct client *watcher, *next;
	int64_t now = monotonic_ns();
	struct held_line *line;

	state_stale(state);
	if (TAILQ_EMPTY(&state->watchers))
		return;
	line = state_status(state);
	if (!line) {
		log_error("no memory to tell %u watchers of a change", state->watcher_count);
		return;
	}
	for (watcher = TAILQ_FIRST(&state->watchers); watcher; watcher = next) {
		next = TAILQ_NEXT(watcher, entry);
		tell(watcher, line, now);
	}
	if (held_is_over())
		held_shed(now);
}

void state_counters(const struct state *state, struct state_counters *counters)
{
	*counters = state->counters;
	counters->lacked = state->lack.times;
}

void state_close(struct state *state, struct filer *filer)
{
	struct client *client;

	if (!state)
		return;
	while ((client = TAILQ_FIRST(&state->watchers)) || (client = TAILQ_FIRST(&state->idle)))
		client_drop(client);
	bury(state);
	free_event(state->listener);
	free_event(state->resume);
	free_event(state->soon);
	tended_end(&state->tended);
	filer_remove(filer, &state->socket);
	held_line_drop(state->status);
	held_leave(&state->held);
	free(state);
}
