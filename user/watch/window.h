/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The share of the last seconds that a growing total of time took up: of a kernel counter
 * that is read at irregular times. Pure functions.
 */
#ifndef WATCH_WINDOW_H
#define WATCH_WINDOW_H

#include <stdint.h>

#define WINDOW_SAMPLES 16
#define WINDOW_NS      (INT64_C(10) * 1000000000)

struct window {
	unsigned int count;
	struct {
		int64_t time_ns;
		int64_t total_ns;
	} samples[WINDOW_SAMPLES]; /* oldest first */
};

/*
 * Take TOTAL_NS as read at NOW_NS, and return the share in ppm since the newest
 * sample that is at least WINDOW_NS old. While there is none yet it is a share of WINDOW_NS
 * all the same: a stall in the first second is not a stall of ten. A total that went back (a
 * counter started anew) starts the window anew.
 */
int64_t window_add(struct window *window, int64_t total_ns, int64_t now_ns);

#endif
