/* SPDX-License-Identifier: GPL-2.0-only */
/* What state socket and listeners have in common of libevent's streams. */
#ifndef PUBLISH_STREAM_H
#define PUBLISH_STREAM_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdint.h>

/* on_write comes after each write, whatever is left: who takes something is seen to. */
static inline void stream_tells_of_writes(struct bufferevent *stream)
{
	bufferevent_setwatermark(stream, EV_WRITE, SIZE_MAX, 0);
}

/* libevent frees it in the next round of the loop; what it holds is given back now. */
static inline void stream_end(struct bufferevent *stream)
{
	struct evbuffer *input = bufferevent_get_input(stream);
	struct evbuffer *output = bufferevent_get_output(stream);

	evbuffer_unfreeze(output, 1);
	evbuffer_drain(output, evbuffer_get_length(output));
	evbuffer_drain(input, evbuffer_get_length(input));
	bufferevent_free(stream);
}

#endif
