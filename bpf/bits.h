/* SPDX-License-Identifier: GPL-2.0-only */
/* Arithmetic in such a form that the verifier has little to walk, whatever clang compiles it. */
#ifndef BPF_BITS_H
#define BPF_BITS_H

/*
 * The place of X's highest bit, for X below 2^63; 0 for 0. By halves, and without a branch: the
 * borrow of a subtraction says whether X reaches that half. barrier_var keeps it a number. Clang 16
 * and newer otherwise make branches of it, each of which doubles what the verifier walks: it
 * refused fsync times after 1,000,000 steps.
 */
static __always_inline __u64 highest_bit(__u64 x)
{
	__u64 bit = 0, step;

	for (__u32 log = 6; log--;) {
		step = 1 - ((x - (1ULL << (1 << log))) >> 63);
		barrier_var(step);
		step <<= log;
		x >>= step;
		bit += step;
	}
	return bit;
}

/*
 * NUMBER, of which the verifier knows nothing any more; ANY is one it knows nothing of either.
 * Else it walks all that follows once for each value there can be: of the port's place 16 times,
 * which were 300,000 to 500,000 steps.
 */
static __always_inline __u64 forget(__u64 number, __u64 any)
{
	number ^= any;
	barrier_var(number);
	return number ^ any;
}

#endif
