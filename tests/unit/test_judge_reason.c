/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a resource has its level, in words. */
#include <errno.h>
#include "judge_fixture.h"

static void expect(const struct resource *resource, int64_t at_s, const char *words)
{
	char reason[512];

	assert_string_equal(judge_reason(reason, sizeof(reason), resource, BEGIN + at_s * S),
			    words);
}

static void reasons_in_words(void **state)
{
	struct fixture *fixture = *state;
	struct resource *kills = judge_find(&fixture->judge, RESOURCE_OOM_KILL, 0);

	expect(fixture->spool, 0, "free-space of /spool is not known yet");
	see(fixture, fixture->spool, 500, 0);
	expect(fixture->spool, 0, "free-space of /spool is 500 B: medium is entered below 100 B");
	see(fixture, fixture->spool, 99, 1);
	expect(fixture->spool, 1,
	       "free-space of /spool is 99 B: medium is entered below 100 B and left above 120 B for 60 s");
	see(fixture, fixture->spool, 49, 2);
	expect(fixture->spool, 2,
	       "free-space of /spool is 49 B: high is entered below 50 B and left above 60 B for 60 s");
	see(fixture, fixture->spool, 500, 20);
	expect(fixture->spool, 20,
	       "free-space of /spool is 500 B: high is entered below 50 B and left above 60 B, in 42 s; "
	       "high for 18 s, since it was 49 B");
	memory_is(fixture, SPARE, 0);
	see(fixture, fixture->stall, PPM / 5, 0);
	expect(fixture->stall, 0,
	       "memory-stall of host is 20 %: not judged while memory-available is above twice its "
	       "medium threshold");
	memory_is(fixture, SHORT, 0);
	see(fixture, fixture->stall, PPM / 5, 0);
	expect(fixture->stall, 0,
	       "memory-stall of host is 20 %: medium is entered above 10 % for 10 s");
	assert_int_equal(fixture->stall->pressure.level, N);
	wait_until(fixture, 10);
	expect(fixture->stall, 10,
	       "memory-stall of host is 20 %: medium is entered above 10 % for 10 s and left below 8 % for 60 s");
	see(fixture, kills, 3, 0);
	expect(kills, 0, "oom-kill of host is 3: not judged");
	fixture->config.host[RESOURCE_OOM_KILL].enter[H] =
		(struct threshold){ 1, { { QUANTITY_COUNT, 5 } } };
	pressure_rule_make(&kills->rule, kills->thresholds, kills->type, 0, 0);
	expect(kills, 0, "oom-kill of host is 3: high is entered above 5");
}

static void reasons_of_silence(void **state)
{
	struct fixture *fixture = *state;
	char reason[512];

	judge_stall(&fixture->judge, fixture->spool, BEGIN);
	expect(fixture->spool, 12, "free-space of /spool does not answer, for 12 s now");
	see(fixture, fixture->log, 99, 0);
	judge_stall(&fixture->judge, fixture->log, BEGIN + 200 * S);
	expect(fixture->log, 350, "free-space of /log does not answer, for 2 min 30 s now");
	/* Without a time. */
	judge_reason(reason, sizeof(reason), fixture->log, 0);
	assert_string_equal(reason, "free-space of /log does not answer");
}

static void reasons_of_what_is_gone(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 40, 0);
	fixture->spool->present = false;
	assert_int_equal(wait_until(fixture, 1), N);
	expect(fixture->spool, 1, "free-space of /spool is gone; it was 40 B");
	/* It never told of itself. */
	judge_stall(&fixture->judge, fixture->log, BEGIN);
	assert_int_equal(wait_until(fixture, 20), H);
	fixture->log->present = false;
	assert_int_equal(wait_until(fixture, 21), N);
	expect(fixture->log, 21, "free-space of /log is gone");
	/* And is there again. */
	fixture->log->present = true;
	expect(fixture->log, 22, "free-space of /log is not known yet");
}

/* Nobody should have to know that 0 s since the last error means a read-only filesystem. */
static void a_reason_says_what_zero_means(void **state)
{
	struct fixture *fixture = *state;
	struct resource *error = judge_find(&fixture->judge, RESOURCE_FILESYSTEM_ERROR, 0);

	see(fixture, error, 0, 0);
	expect(error, 0,
	       "filesystem-error of /spool is 0 s, for it is read-only or has failed: high is "
	       "entered below 60 s and left above 60 s");
	error->cause = ENOSPC;
	expect(error, 0,
	       "filesystem-error of /spool is 0 s, for no mail can be written there: No space left "
	       "on device: high is entered below 60 s and left above 60 s");
	expect(error, 5,
	       "filesystem-error of /spool is 0 s, for no mail can be written there: No space left "
	       "on device: high is entered below 60 s and left above 60 s; high for 5 s");
	error->cause = 0;
	see(fixture, error, 30 * S, 5);
	expect(error, 5,
	       "filesystem-error of /spool is 30 s: high is entered below 60 s and left above 60 s; "
	       "high for 5 s, since it was 0 s, for it is read-only or has failed");
}

/* High that is sustaining is no reason for medium to be left. */
static void a_reason_tells_of_leaving_only(void **state)
{
	struct fixture *fixture = *state;

	memory_is(fixture, SHORT, 0);
	see(fixture, fixture->stall, PPM / 5, 0);
	wait_until(fixture, 10);
	see(fixture, fixture->stall, PPM / 2, 11);
	expect(fixture->stall, 12,
	       "memory-stall of host is 50 %: medium is entered above 10 % for 10 s and left below 8 % "
	       "for 60 s; medium for 2 s, since it was 20 %");
}

static void a_small_buffer_ends_the_reason(void **state)
{
	struct fixture *fixture = *state;
	char reason[16];

	see(fixture, fixture->spool, 99, 0);
	assert_string_equal(judge_reason(reason, sizeof(reason), fixture->spool, BEGIN),
			    "free-space of /");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(reasons_in_words),
		WITH_FIXTURE(reasons_of_silence),
		WITH_FIXTURE(reasons_of_what_is_gone),
		WITH_FIXTURE(a_reason_says_what_zero_means),
		WITH_FIXTURE(a_reason_tells_of_leaving_only),
		WITH_FIXTURE(a_small_buffer_ends_the_reason),
	};

	return cmocka_run_group_tests_name("judge reason", tests, NULL, NULL);
}
