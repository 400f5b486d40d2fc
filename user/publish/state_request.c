/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket's answers: one request line in, one reply line out. */
#include <errno.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "publish/request.h"
#include "publish/state_internal.h"

/* A status is built and copied: about so many admissions' worth of work. */
#define COST_STATUS 16

void client_error(struct client *client, const char *text)
{
	char line[REQUEST_ERROR + sizeof("error ")];

	client->state->counters.errors++;
	snprintf(line, sizeof(line), "error %s", text);
	client_say(client, line);
}

static const char *address_of(const struct request *request)
{
	return request->address[0] ? request->address : NULL;
}

/* It takes this for a class of C++: */
/* clang-format off */
static enum class class_asked(const struct state_source *source, const struct request *request)
{
	return request->by_address ? source->class(source->context, false, address_of(request))
				   : request->class;
}
/* clang-format on */

static void answer_admission(struct client *client, const struct request *request)
{
	const struct state_source *source = &client->state->source;

	client_say(client, source->admission(source->context, class_asked(source, request),
					     request->size, address_of(request)));
}

static void answer_ended(struct client *client, const struct request *request)
{
	const struct state_source *source = &client->state->source;

	source->ended(source->context, class_asked(source, request), request->size,
		      address_of(request));
	client_say(client, "ok");
}

void state_stale(struct state *state)
{
	if (state)
		state->status_until_ns = 0;
}

/*
 * Anyone of the socket's group may ask for it as often as they can, and making it costs much:
 * said again for a while, it takes a tenth of our time at most.
 */
struct held_line *state_status(struct state *state)
{
	int64_t begin = monotonic_ns(), end, use_ns;

	if (state->status && begin < state->status_until_ns)
		return state->status;
	held_line_drop(state->status);
	state->status = held_line_new(state->source.status(state->source.context));
	end = monotonic_ns();
	use_ns = STATE_STATUS_USE * (end - begin);
	state->status_until_ns = end + (use_ns < STATE_STATUS_NS ? use_ns : STATE_STATUS_NS);
	return state->status;
}

static void answer_status(struct client *client)
{
	struct held_line *status = state_status(client->state);

	if (status)
		client_share(client, status);
	else
		client_error(client, "out of memory");
}

static void answer_watch(struct client *client)
{
	struct state *state = client->state;

	if (!client->watching) {
		char text[64];

		if (state->watcher_count >= STATE_WATCHERS) {
			snprintf(text, sizeof(text), "too many watchers: allowed are %d",
				 STATE_WATCHERS);
			client_error(client, text);
			return;
		}
		client->watching = true;
		state->watcher_count++;
		TAILQ_REMOVE(&state->idle, client, entry);
		TAILQ_INSERT_TAIL(&state->watchers, client, entry);
	}
	answer_status(client);
}

static int peer_uid(const struct client *client, uid_t *uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(bufferevent_getfd(client->stream), SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	*uid = peer.uid;
	return 0;
}

static void answer_override(struct client *client, const struct request *request)
{
	const struct state_source *source = &client->state->source;
	char text[64];
	uid_t uid = (uid_t)-1;
	int ret = peer_uid(client, &uid);

	if (!ret && request->kind == REQUEST_OVERRIDE_OFF)
		ret = source->override_off(source->context, uid);
	else if (!ret)
		ret = source->override(source->context, request->level, request->seconds,
				       request->reason, uid);
	if (!ret) {
		client_say(client, "ok");
	} else if (ret == -EPERM) {
		client_error(client, "not allowed: override is for root and the configured admin");
	} else {
		snprintf(text, sizeof(text), "cannot override: %s", strerror(-ret));
		client_error(client, text);
	}
}

unsigned int client_answer(struct client *client, char *line, size_t length)
{
	struct request request;
	char error[REQUEST_ERROR];

	client->state->counters.requests++;
	if (request_parse(&request, line, length, error)) {
		client_error(client, error);
		return 1;
	}
	switch (request.kind) {
	case REQUEST_ADMISSION:
		answer_admission(client, &request);
		return 1;
	case REQUEST_ENDED:
		answer_ended(client, &request);
		return 1;
	case REQUEST_STATUS:
		answer_status(client);
		return COST_STATUS;
	case REQUEST_WATCH:
		answer_watch(client);
		return COST_STATUS;
	case REQUEST_OVERRIDE:
	case REQUEST_OVERRIDE_OFF:
		answer_override(client, &request);
		return COST_STATUS;
	case REQUEST_PAGE:
		client->page_due = true; /* see client_page() */
		return 1;
	case REQUEST_PING:
		client_say(client, "pong");
		return 1;
	}
	return 1;
}
