/* SPDX-License-Identifier: GPL-2.0-only */
/* The arithmetic of marks. */
#include "common/units.h"
#include "ledger.h"
#include "watch/mark.h"

#define HELD_BACK_BYTES (4 * MIB)

unsigned int mark_batch_pages(unsigned int cpus, unsigned int growth, unsigned int page_bytes)
{
	unsigned int held = (unsigned int)(HELD_BACK_BYTES / page_bytes);
	unsigned int pages = cpus ? held / growth / cpus : LEDGER_BATCH_PAGES;

	if (pages > LEDGER_BATCH_PAGES)
		return LEDGER_BATCH_PAGES;
	return pages ? pages : 1;
}

/* How many dirtied pages use up the space or the inodes, whichever is first. */
static uint64_t pages_until(int64_t space_bytes, int64_t free_inodes, unsigned int growth,
			    unsigned int page_bytes)
{
	uint64_t pages = (uint64_t)(space_bytes > 0 ? space_bytes : 0) / page_bytes / growth;

	/* A new file with anything in it dirties a page at least. */
	if (free_inodes < 0)
		free_inodes = 0;
	return pages < (uint64_t)free_inodes ? pages : (uint64_t)free_inodes;
}

uint64_t mark_step_pages(int64_t space_bytes, int64_t free_inodes, unsigned int growth,
			 unsigned int page_bytes, unsigned int held_pages)
{
	uint64_t least = 2ULL * held_pages;
	uint64_t pages = pages_until(space_bytes, free_inodes, growth, page_bytes) / 2;

	return pages > least ? pages : least;
}

uint64_t mark_brake_pages(int64_t space_bytes, int64_t free_inodes, unsigned int growth,
			  unsigned int page_bytes, unsigned int held_pages)
{
	uint64_t pages = pages_until(space_bytes, free_inodes, growth, page_bytes);

	if (space_bytes == INT64_MAX && free_inodes == INT64_MAX)
		return 0;
	return pages > held_pages ? pages - held_pages : 1;
}
