/* SPDX-License-Identifier: GPL-2.0-only */
/* fsync times out of a histogram, over a window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/units.h"
#include "watch/latency.h"

#define S NS_PER_S

static void too_few_say_nothing(void **state)
{
	uint64_t counts[LEDGER_SYNC_BUCKETS] = { [20] = LATENCY_SYNCS - 1 };

	(void)state;
	assert_int_equal(latency_p95(counts), -1);
	counts[20]++;
	assert_true(latency_p95(counts) > 0);
}

static void p95_is_in_its_bucket(void **state)
{
	/* 94 fast, 6 slow: the 95th of 100 is the first of the slow. */
	uint64_t counts[LEDGER_SYNC_BUCKETS] = { [15] = 94, [25] = 6 };

	(void)state;
	assert_in_range(latency_p95(counts), 1 << 25, 1 << 26);
	/* 95 fast: it is the last of the fast, at the upper end of their bucket. */
	counts[15] = 95;
	counts[25] = 5;
	assert_int_equal(latency_p95(counts), 1 << 16);
	/* All alike: 95 % of the way through the bucket. */
	counts[15] = 100;
	counts[25] = 0;
	assert_in_range(latency_p95(counts), 63000, 64500);
}

static void longer_than_all_buckets(void **state)
{
	uint64_t counts[LEDGER_SYNC_BUCKETS] = { [LEDGER_SYNC_BUCKETS - 1] = 50 };

	(void)state;
	assert_true(latency_p95(counts) >= INT64_C(1) << (LEDGER_SYNC_BUCKETS - 1));
}

static void only_the_last_ten_seconds_count(void **state)
{
	struct ledger_sync sync = { 0 };
	struct latency latency = { 0 };
	int64_t t;

	(void)state;
	latency_add(&latency, &sync, 0, 1000 * S);
	sync.counts[30] = 50; /* a second each */
	assert_in_range(latency_add(&latency, &sync, 0, 1001 * S), 1 << 30, INT64_C(1) << 31);
	for (t = 1002; t <= 1009; t++)
		assert_true(latency_add(&latency, &sync, 0, t * S) > 0);
	for (t = 1010; t <= 1012; t++)
		latency_add(&latency, &sync, 0, t * S);
	assert_int_equal(latency_add(&latency, &sync, 0, 1013 * S), 0);
	/* And anew, with samples as rare as they are when nothing happens. */
	sync.counts[22] += 20;
	assert_in_range(latency_add(&latency, &sync, 0, 1018 * S), 1 << 22, 1 << 23);
}

static void the_oldest_that_still_runs(void **state)
{
	struct ledger_sync sync = { .started_ns = { [3] = 900 * S, [63] = 990 * S } };
	struct latency latency = { 0 };

	(void)state;
	assert_int_equal(latency_oldest(&sync, 0, 1000 * S), 100 * S);
	/* A hung disk shows before a single fsync has ended. */
	assert_int_equal(latency_add(&latency, &sync, 0, 1000 * S), 100 * S);
	sync.started_ns[3] = 0;
	assert_int_equal(latency_add(&latency, &sync, 0, 1001 * S), 11 * S);
	/* Begun before the slot was its device's: its end may have gone unseen. */
	assert_int_equal(latency_oldest(&sync, 990 * S, 1001 * S), 11 * S);
	assert_int_equal(latency_oldest(&sync, 990 * S + 1, 1001 * S), 0);
	assert_int_equal(latency_add(&latency, &sync, 995 * S, 1001 * S), 0);
	/* Begun after the clock was read. */
	sync.started_ns[63] = 1003 * S;
	assert_int_equal(latency_oldest(&sync, 0, 1002 * S), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_few_say_nothing),
		cmocka_unit_test(p95_is_in_its_bucket),
		cmocka_unit_test(longer_than_all_buckets),
		cmocka_unit_test(only_the_last_ten_seconds_count),
		cmocka_unit_test(the_oldest_that_still_runs),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
