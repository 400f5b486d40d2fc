/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests whose answer has to wait. */
#include "mta/filter_delays.h"

#include <string.h>

static void swap(struct filter_delays *delays, unsigned int a, unsigned int b)
{
	struct filter_delay delay = delays->heap[a];

	delays->heap[a] = delays->heap[b];
	delays->heap[b] = delay;
}

static void sift_up(struct filter_delays *delays, unsigned int at)
{
	while (at && delays->heap[at].due_ns < delays->heap[(at - 1) / 2].due_ns) {
		swap(delays, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void sift_down(struct filter_delays *delays, unsigned int at)
{
	for (;;) {
		unsigned int first = at;

		for (unsigned int child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < delays->count &&
			    delays->heap[child].due_ns < delays->heap[first].due_ns)
				first = child;
		if (first == at)
			return;
		swap(delays, at, first);
		at = first;
	}
}

static void remove_at(struct filter_delays *delays, unsigned int at)
{
	delays->heap[at] = delays->heap[--delays->count];
	sift_up(delays, at);
	sift_down(delays, at);
}

bool filter_delays_add(struct filter_delays *delays, int64_t due_ns,
		       const struct filter_request *request)
{
	if (delays->count == FILTER_DELAYS)
		return false;
	delays->heap[delays->count].due_ns = due_ns;
	delays->heap[delays->count].request = *request;
	sift_up(delays, delays->count++);
	return true;
}

int64_t filter_delays_next(const struct filter_delays *delays)
{
	return delays->count ? delays->heap[0].due_ns : INT64_MAX;
}

bool filter_delays_take(struct filter_delays *delays, int64_t now_ns,
			struct filter_request *request)
{
	if (filter_delays_next(delays) > now_ns || !delays->count)
		return false;
	*request = delays->heap[0].request;
	remove_at(delays, 0);
	return true;
}

void filter_delays_forget(struct filter_delays *delays, const char *session)
{
	unsigned int at = 0;

	while (at < delays->count) {
		if (strcmp(delays->heap[at].request.session, session) != 0) {
			at++;
		} else {
			remove_at(delays, at);
			at = 0; /* another one may have moved to a place before */
		}
	}
}
