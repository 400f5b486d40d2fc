/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel programs' arithmetic: in which power of two an fsync's time lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define barrier_var(x) __asm__ volatile("" : "+r"(x))

#include "../../bpf/bits.h"

static void an_fsyncs_time_falls_into_its_power_of_two(void **state)
{
	unsigned int bit;

	(void)state;
	assert_int_equal(highest_bit(0), 0);
	assert_int_equal(highest_bit(1), 0);
	for (bit = 1; bit < 63; bit++) {
		assert_int_equal(highest_bit((1ULL << bit) - 1), bit - 1);
		assert_int_equal(highest_bit(1ULL << bit), bit);
		assert_int_equal(highest_bit((1ULL << bit) + 1), bit);
	}
}

static void what_the_verifier_forgets_stays_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(forget(7, 0xdeadbeefULL), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_fsyncs_time_falls_into_its_power_of_two),
		cmocka_unit_test(what_the_verifier_forgets_stays_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
