/* SPDX-License-Identifier: GPL-2.0-only */
/* A share over a sliding window. */
#include <string.h>

#include "common/units.h"
#include "watch/window.h"

/* Samples closer together than this replace each other, so that 16 always span 10 s. */
#define APART_NS (NS_PER_S * 7 / 10)

static void append(struct window *window, int64_t total_ns, int64_t now_ns)
{
	unsigned int last = window->count - 1;

	/* The last but one is far enough away to keep; the last is not yet: move it. */
	if (window->count > 1 &&
	    window->samples[last].time_ns - window->samples[last - 1].time_ns < APART_NS)
		window->count--;
	if (window->count == WINDOW_SAMPLES) {
		memmove(&window->samples[0], &window->samples[1],
			sizeof(window->samples) - sizeof(window->samples[0]));
		window->count--;
	}
	window->samples[window->count].time_ns = now_ns;
	window->samples[window->count].total_ns = total_ns;
	window->count++;
}

int64_t window_add(struct window *window, int64_t total_ns, int64_t now_ns)
{
	unsigned int i, base = 0;
	int64_t elapsed_ns, share;

	if (window->count && total_ns < window->samples[window->count - 1].total_ns)
		window->count = 0;
	append(window, total_ns, now_ns);
	for (i = 0; i < window->count; i++)
		if (now_ns - window->samples[i].time_ns >= WINDOW_NS)
			base = i;
	elapsed_ns = now_ns - window->samples[base].time_ns;
	if (elapsed_ns <= 0)
		return 0;
	/* A share of less than a window is of the window: a stall at once is not a long one. */
	if (elapsed_ns < WINDOW_NS)
		elapsed_ns = WINDOW_NS;
	share = (int64_t)((__int128)(total_ns - window->samples[base].total_ns) * PPM / elapsed_ns);
	return share > PPM ? PPM : share;
}
