/* SPDX-License-Identifier: GPL-2.0-only */
/* When to look again: the arithmetic of marks. Pure functions. */
#ifndef WATCH_MARK_H
#define WATCH_MARK_H

#include <stdint.h>

/*
 * Pages each CPU may hold back, so that all together hold back no more than 4 MiB of room where a
 * dirtied page takes up to GROWTH pages of it.
 */
unsigned int mark_batch_pages(unsigned int cpus, unsigned int growth, unsigned int page_bytes);

/*
 * How many more dirtied pages to let pass before the next look. The filesystem can take
 * SPACE_BYTES and FREE_INODES more before its level could change (INT64_MAX: no limit); a
 * dirtied page takes up to GROWTH pages of space. Half the way, since what is dirtied is
 * only a guess at what is taken; never less than twice what all CPUs hold back, HELD_PAGES.
 */
uint64_t mark_step_pages(int64_t space_bytes, int64_t free_inodes, unsigned int growth,
			 unsigned int page_bytes, unsigned int held_pages);

/*
 * How many more dirtied pages until the kernel may brake, should no look be answered meanwhile:
 * the room above high, less what all CPUs may hold back, 1 at least. 0 when neither has a level
 * high (INT64_MAX).
 */
uint64_t mark_brake_pages(int64_t space_bytes, int64_t free_inodes, unsigned int growth,
			  unsigned int page_bytes, unsigned int held_pages);

#endif
