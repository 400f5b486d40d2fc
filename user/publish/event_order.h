/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who asks comes last: the loop looks at its events by their priority, and what watches is to be
 * heard however many ask. A base without priorities has but one.
 */
#ifndef PUBLISH_EVENT_ORDER_H
#define PUBLISH_EVENT_ORDER_H

#include <event2/bufferevent.h>
#include <event2/event.h>

static inline int last_priority(struct event_base *base)
{
	return event_base_get_npriorities(base) - 1;
}

/* To be called before the event is added, the stream enabled. NULL is fine. */
static inline void event_comes_last(struct event *event)
{
	if (event)
		event_priority_set(event, last_priority(event_get_base(event)));
}

static inline void stream_comes_last(struct bufferevent *stream)
{
	bufferevent_priority_set(stream, last_priority(bufferevent_get_base(stream)));
}

#endif
