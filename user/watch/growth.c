/* SPDX-License-Identifier: GPL-2.0-only */
/* How much room a dirtied page takes. */
#include <string.h>

#include "watch/growth.h"

/* A trial's page in an extent of 64 MiB: nobody has larger ones. */
#define TRIAL_MOST 16384

void growth_reset(struct growth *growth)
{
	memset(growth, 0, sizeof(*growth));
}

void growth_trial(struct growth *growth, int64_t takes_bytes)
{
	if (takes_bytes > 0)
		growth->page_takes_bytes = takes_bytes;
}

static unsigned int pages_for_one(int64_t taken_bytes, uint64_t pages, unsigned int page_bytes)
{
	uint64_t most = GROWTH_SEEN * pages, taken;

	if (taken_bytes <= 0)
		return 0;
	taken = (uint64_t)taken_bytes / page_bytes;
	return (unsigned int)(((taken < most ? taken : most) + pages - 1) / pages);
}

void growth_look(struct growth *growth, uint64_t pages, int64_t available_bytes,
		 unsigned int page_bytes)
{
	uint64_t dirtied = pages - growth->pages;
	unsigned int now, sure;

	if (growth->pages && pages >= growth->pages && dirtied * page_bytes < GROWTH_WINDOW)
		return;
	if (growth->pages && pages >= growth->pages) {
		now = pages_for_one(growth->available_bytes - available_bytes, dirtied, page_bytes);
		sure = now < growth->last ? now : growth->last;
		growth->last = now;
		if (sure < growth->seen)
			growth->seen -= (growth->seen - sure + 3) / 4;
		else
			growth->seen = sure;
	}
	growth->pages = pages;
	growth->available_bytes = available_bytes;
}

unsigned int growth_pages(const struct growth *growth, unsigned int of_type,
			  unsigned int page_bytes)
{
	int64_t trial = (growth->page_takes_bytes + page_bytes - 1) / page_bytes;
	unsigned int most = growth->seen > of_type ? growth->seen : of_type;

	if (trial > TRIAL_MOST)
		trial = TRIAL_MOST;
	return trial > most ? (unsigned int)trial : most;
}
