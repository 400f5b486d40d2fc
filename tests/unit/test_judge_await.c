/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks that are waited for when sustain or dwell run out. */
#include "judge_fixture.h"

static int setup_patient(void **state)
{
	struct fixture *fixture;

	if (setup(state))
		return -1;
	fixture = *state;
	fixture->judge.patience_ns = 2 * S;
	return 0;
}

/* At medium until 60 s, by a value of second 1 that lets it go. */
static void leave_in_a_minute(struct fixture *fixture)
{
	see(fixture, fixture->spool, 99, 0);
	see(fixture, fixture->spool, 500, 1);
	assert_int_equal(deadline_s(fixture), 60);
}

static void a_dwell_ends_by_what_the_look_finds(void **state)
{
	struct fixture *fixture = *state;

	leave_in_a_minute(fixture);
	/* Whoever comes along meanwhile, and however late we are. */
	assert_int_equal(wait_until(fixture, 60), M);
	assert_int_equal(wait_until(fixture, 3600), M);
	judge_await(&fixture->judge, BEGIN + 3600 * S);
	assert_int_equal(deadline_s(fixture), 3602);
	assert_int_equal(wait_until(fixture, 3601), M);
	assert_int_equal(see(fixture, fixture->spool, 99, 3601), M);
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(see(fixture, fixture->spool, 500, 3602), M);
	assert_int_equal(deadline_s(fixture), 3661);
	judge_await(&fixture->judge, BEGIN + 3660 * S); /* not due: nothing of it is waited for */
	assert_int_equal(deadline_s(fixture), 3661);
	judge_await(&fixture->judge, BEGIN + 3661 * S);
	assert_int_equal(deadline_s(fixture), 3663);
	assert_int_equal(see(fixture, fixture->spool, 500, 3661), N);
	assert_int_equal(deadline_s(fixture), -1);
}

static void a_look_that_does_not_come_is_not_waited_for_for_ever(void **state)
{
	struct fixture *fixture = *state;

	leave_in_a_minute(fixture);
	judge_await(&fixture->judge, BEGIN + 60 * S);
	judge_await(&fixture->judge, BEGIN + 61 * S); /* waited for since the first */
	assert_int_equal(deadline_s(fixture), 62);
	assert_int_equal(wait_until(fixture, 61), M);
	assert_int_equal(wait_until(fixture, 62), N);
	assert_int_equal(deadline_s(fixture), -1);
}

static void one_that_is_late_is_a_stall(void **state)
{
	struct fixture *fixture = *state;

	leave_in_a_minute(fixture);
	judge_await(&fixture->judge, BEGIN + 60 * S);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + 60 * S);
	assert_int_equal(deadline_s(fixture), 70);
	assert_int_equal(wait_until(fixture, 69), M);
	assert_int_equal(wait_until(fixture, 70), H);
}

/* No longer than the look takes. */
static void a_sustain_ends_with_the_look(void **state)
{
	struct fixture *fixture = *state;
	struct thresholds *thresholds = fixture->config.filesystems[0].resources;

	thresholds[RESOURCE_FREE_SPACE].sustain_ns = 10 * S;
	fixture->spool->rule.sustain_ns = 10 * S;
	see(fixture, fixture->spool, 99, 0);
	assert_int_equal(deadline_s(fixture), 10);
	judge_await(&fixture->judge, BEGIN + 10 * S);
	assert_int_equal(wait_until(fixture, 10), N);
	assert_int_equal(see(fixture, fixture->spool, 98, 10), M);
}

/* The host is read at once, and a rule that nobody judges any more needs no look. */
static void others_are_not_waited_for(void **state)
{
	struct fixture *fixture = *state;

	memory_is(fixture, SHORT, 0);
	see(fixture, fixture->stall, PPM / 5, 0);
	judge_await(&fixture->judge, BEGIN + 10 * S);
	assert_int_equal(deadline_s(fixture), 10);
	assert_int_equal(wait_until(fixture, 10), M);
	see(fixture, fixture->stall, 0, 11);
	assert_int_equal(wait_until(fixture, 71), N);
	see(fixture, fixture->spool, 99, 72);
	fixture->spool->rule.enter[M] = fixture->spool->rule.enter[H] = PRESSURE_OFF;
	assert_int_equal(wait_until(fixture, 73), N);
}

static void a_reload_goes_on_waiting(void **state)
{
	static struct judge next;
	struct fixture *fixture = *state;

	leave_in_a_minute(fixture);
	judge_await(&fixture->judge, BEGIN + 60 * S);
	judge_init(&next, &fixture->config, BEGIN + 60 * S);
	judge_carry(&next, &fixture->judge);
	judge_update(&next, BEGIN + 70 * S);
	assert_int_equal(next.level, M);
	assert_int_equal(judge_deadline(&next), BEGIN + 60 * S); /* asked for anew */
	judge_await(&next, BEGIN + 70 * S);
	judge_update(&next, BEGIN + 72 * S);
	assert_int_equal(next.level, N);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup_patient, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_dwell_ends_by_what_the_look_finds),
		WITH_FIXTURE(a_look_that_does_not_come_is_not_waited_for_for_ever),
		WITH_FIXTURE(one_that_is_late_is_a_stall),
		WITH_FIXTURE(a_sustain_ends_with_the_look),
		WITH_FIXTURE(others_are_not_waited_for),
		WITH_FIXTURE(a_reload_goes_on_waiting),
	};

	return cmocka_run_group_tests_name("judge await", tests, NULL, NULL);
}
