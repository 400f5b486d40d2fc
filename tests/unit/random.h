/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers for tests: the same in each run, on each machine (xorshift). */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

/* SEED is the state; never 0. */
static inline uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static inline int64_t random_in(uint64_t *seed, int64_t from, int64_t to)
{
	return from + (int64_t)(random_next(seed) % (uint64_t)(to - from + 1));
}

#endif
