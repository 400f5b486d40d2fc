/* SPDX-License-Identifier: GPL-2.0-only */
/* The one budget of what clients make us hold. */
#include "publish/held.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#define LOW	  (HELD_MOST - HELD_MOST / 16)
#define OLDEST_NS (16 * NS_PER_S)
#define FALL	  (256 * 1024)
#define PREPARED  8192		  /* 32 bytes each */
#define GAP_NS	  (60 * NS_PER_S) /* between two lines of log */

struct held_line {
	unsigned int users;
	size_t length;
	char *text;
};

static struct {
	TAILQ_HEAD(, held_room) rooms;
	ptrdiff_t bytes, exempt, dying, most;
	uint64_t shed, said;
	int64_t said_ns;
} held = { .rooms = TAILQ_HEAD_INITIALIZER(held.rooms) };

/* With what malloc() itself has for it. */
static ptrdiff_t cost(void *memory)
{
	return memory ? (ptrdiff_t)(malloc_usable_size(memory) + sizeof(size_t)) : 0;
}

static void *take(size_t size)
{
	void *memory = malloc(size);

	held.bytes += cost(memory);
	if (held.bytes > held.most)
		held.most = held.bytes;
	return memory;
}

static void *take_other(void *before, size_t size)
{
	ptrdiff_t cost_before = cost(before);
	void *memory = realloc(before, size);

	if (memory || !size)
		held.bytes += cost(memory) - cost_before;
	return memory;
}

static void give_back(void *memory)
{
	held.bytes -= cost(memory);
	free(memory);
}

void held_begin(void)
{
	event_set_mem_functions(take, take_other, give_back);
}

static void on_nothing(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
}

static void say_nothing(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

/* Most are not open, and epoll says so; by then libevent has what it keeps. */
void held_prepare(struct event_base *base)
{
	struct rlimit files = { .rlim_cur = 0 };
	struct event *event;

	getrlimit(RLIMIT_NOFILE, &files);
	event_set_log_callback(say_nothing);
	for (int fd = 0; fd < PREPARED && (rlim_t)fd < files.rlim_cur; fd++) {
		event = event_new(base, fd, EV_READ, on_nothing, NULL);
		if (!event)
			break;
		event_add(event, NULL);
		event_free(event);
	}
	event_set_log_callback(NULL);
	held.exempt = held.bytes; /* none of this is a client's */
}

void held_enter(struct held_room *room)
{
	TAILQ_INSERT_TAIL(&held.rooms, room, entry);
}

void held_leave(struct held_room *room)
{
	TAILQ_REMOVE(&held.rooms, room, entry);
}

void held_add(ptrdiff_t bytes)
{
	held.bytes += bytes;
}

void held_exempt(ptrdiff_t bytes)
{
	held.exempt += bytes;
}

void held_dying(ptrdiff_t bytes)
{
	held.dying += bytes;
}

static ptrdiff_t counted(void)
{
	return held.bytes - held.exempt - held.dying;
}

bool held_is_over(void)
{
	return counted() > HELD_MOST;
}

bool held_is_low(void)
{
	return counted() <= LOW;
}

static void tell(int64_t now)
{
	if (held.said_ns && now - held.said_ns < GAP_NS)
		return;
	log_warning("%llu clients closed: what they had not read, and requests that they had not "
		    "ended, took more than %d MiB of memory. Who reads its answers is kept; which "
		    "programs do not, \"ss -xp\" shows by their send queues",
		    (unsigned long long)(held.shed - held.said), HELD_MOST / 1024 / 1024);
	held.said = held.shed;
	held.said_ns = now;
}

/* Who waits the longest first, by halves of the time, so that nobody has to be sorted. */
void held_shed(int64_t now)
{
	uint64_t before = held.shed;
	struct held_room *room;
	unsigned int closed;

	for (int64_t age_ns = OLDEST_NS; !held_is_low();
	     age_ns = age_ns > NS_PER_MS ? age_ns / 2 : 0) {
		TAILQ_FOREACH(room, &held.rooms, entry)
			held.shed += room->shed(room->context, now - age_ns);
		if (!age_ns)
			break;
	}
	do {
		closed = 0;
		TAILQ_FOREACH(room, &held.rooms, entry)
			if (room->displace && held_is_over())
				closed += room->displace(room->context);
		held.shed += closed;
	} while (closed);
	if (held.shed != before)
		tell(now);
}

bool held_fell(void)
{
	bool fell = held.most - held.bytes >= FALL;

	if (fell)
		held.most = held.bytes;
	return fell;
}

void held_counters(struct held_counters *counters)
{
	ptrdiff_t bytes = counted();

	counters->bytes = bytes > 0 ? (uint64_t)bytes : 0;
	counters->shed = held.shed;
}

struct held_line *held_line_new(char *text)
{
	struct held_line *line = text ? malloc(sizeof(*line)) : NULL;

	if (!line) {
		free(text);
		return NULL;
	}
	*line = (struct held_line){ .users = 1, .length = strlen(text), .text = text };
	held.bytes += cost(text);
	return line;
}

void held_line_drop(struct held_line *line)
{
	if (!line || --line->users)
		return;
	held.bytes -= cost(line->text);
	free(line->text);
	free(line);
}

size_t held_line_length(const struct held_line *line)
{
	return line->length;
}

static void on_said(const void *text, size_t length, void *line)
{
	(void)text;
	(void)length;
	held_line_drop(line);
}

int held_line_say(struct held_line *line, struct evbuffer *output)
{
	if (evbuffer_add_reference(output, line->text, line->length, on_said, line))
		return -1;
	line->users++;
	return 0;
}
