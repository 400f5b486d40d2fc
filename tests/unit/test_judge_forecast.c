/* SPDX-License-Identifier: GPL-2.0-only */
/* time-to-full as the judge derives it; headroom; and when a level is said again. */
#include "judge_fixture.h"
#include "policy/stuck.h"

static struct resource *full(struct fixture *fixture)
{
	return judge_find(&fixture->judge, RESOURCE_TIME_TO_FULL, 0);
}

/* From FROM, BYTES fewer each second. */
static void fill(struct fixture *fixture, int64_t from, int64_t bytes, int64_t from_s, int64_t to_s)
{
	for (int64_t s = from_s; s <= to_s; s++)
		see(fixture, fixture->spool, from - (s - from_s) * bytes, s);
}

/* Medium below 100, high below 50. */
static void judged_below_twice_medium_only(void **state)
{
	struct fixture *fixture = *state;

	fixture->spool->backend = "tp_btf/x";
	fill(fixture, 300, 2, 0, 50);
	assert_true(full(fixture)->known);
	assert_string_equal(full(fixture)->backend, "tp_btf/x");
	assert_true(full(fixture)->value == VALUE_NEVER); /* 200 left */
	assert_true(judge_forecast(&fixture->judge, fixture->spool) == 75 * S);
	see(fixture, fixture->spool, 198, 51);
	assert_true(full(fixture)->value == 74 * S);
	assert_int_equal(fixture->judge.level, N);
	/* Below 2 min since second 51; sustained for 10 s. */
	fill(fixture, 196, 2, 52, 60);
	assert_int_equal(fixture->judge.level, N);
	fill(fixture, 178, 2, 61, 61);
	assert_int_equal(fixture->judge.level, M);
	assert_int_equal(full(fixture)->pressure.level, M);
	assert_int_equal(fixture->spool->pressure.level, N);
	/* At 30 s to go: high, 10 s later; the disk has 90 then. */
	fill(fixture, 176, 2, 62, 94);
	assert_int_equal(fixture->judge.level, M);
	fill(fixture, 110, 2, 95, 110);
	assert_int_equal(full(fixture)->pressure.level, H);
	/* It fills no more. */
	fill(fixture, 150, 0, 111, 180);
	assert_int_equal(fixture->judge.level, N);
}

static void churn_closes_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (int64_t s = 0; s < 600; s++) {
		see(fixture, fixture->spool, 190 - s % 12 * 5, s);
		if (s > 30)
			assert_int_equal(fixture->judge.level, N);
	}
}

static void looked_at_often_while_it_fills(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 900, 0);
	assert_false(judge_hurried(&fixture->judge));
	see(fixture, fixture->spool, 895, 5);
	assert_false(judge_hurried(&fixture->judge)); /* 845 s */
	see(fixture, fixture->spool, 885, 10);
	assert_true(judge_hurried(&fixture->judge)); /* by the last two: 417 s */
	see(fixture, fixture->spool, 885, 11);
	see(fixture, fixture->spool, 900, 12);
	assert_false(judge_hurried(&fixture->judge));
	see(fixture, fixture->log, 99, 12);
	assert_true(judge_hurried(&fixture->judge)); /* a level is above normal */
}

static void gone_with_its_filesystem(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 150, 2, 0, 20);
	assert_int_equal(fixture->judge.level, M);
	fixture->spool->present = false;
	wait_until(fixture, 21);
	assert_false(full(fixture)->present);
	assert_int_equal(fixture->judge.level, N);
	assert_false(judge_hurried(&fixture->judge));
	/* Another one there has no past, nor has one of another size. */
	fixture->spool->present = true;
	see(fixture, fixture->spool, 100, 22);
	assert_true(full(fixture)->present && full(fixture)->value == VALUE_NEVER);
	fill(fixture, 300, 2, 25, 40);
	judge_observe(&fixture->judge, fixture->spool, 268, 2 * BYTES, BEGIN + 41 * S);
	assert_true(judge_forecast(&fixture->judge, fixture->spool) == VALUE_NEVER);
}

/* As in a pool of ZFS: its size shrinks by what the others in the pool take, with each look. */
static void foreseen_though_its_size_moves(void **state)
{
	struct fixture *fixture = *state;
	int64_t size = BYTES;

	for (int64_t s = 0; s <= 20; s++) {
		size -= s % 2 ? 9 : -7;
		judge_observe(&fixture->judge, fixture->spool, 300 - 2 * s, size, BEGIN + s * S);
	}
	assert_true(judge_forecast(&fixture->judge, fixture->spool) < 110 * S);
	/* By a tenth of it, and then by more. */
	judge_observe(&fixture->judge, fixture->spool, 258, size - size / 10, BEGIN + 21 * S);
	assert_true(judge_forecast(&fixture->judge, fixture->spool) < 110 * S);
	judge_observe(&fixture->judge, fixture->spool, 256, size + size / 10, BEGIN + 22 * S);
	assert_true(judge_forecast(&fixture->judge, fixture->spool) == VALUE_NEVER);
}

static void a_reload_keeps_the_forecast(void **state)
{
	static struct judge next;
	static struct config config;
	struct fixture *fixture = *state;

	fill(fixture, 300, 2, 0, 20);
	make_config(&config);
	config.filesystems[2] = config.filesystems[0]; /* it moves */
	strcpy(config.filesystems[0].path, "/first");
	config.filesystem_count = 3;
	judge_init(&next, &config, BEGIN + 21 * S);
	judge_carry(&next, &fixture->judge);
	assert_true(judge_forecast(&next, judge_find(&next, RESOURCE_FREE_SPACE, 2)) == 105 * S);
	assert_true(judge_forecast(&next, judge_find(&next, RESOURCE_FREE_SPACE, 0)) ==
		    VALUE_NEVER);
}

static void without_high_there_is_no_forecast(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.filesystems[0].resources[RESOURCE_FREE_SPACE].enter[H].count = 0;
	fill(fixture, 300, 2, 0, 60);
	assert_true(judge_forecast(&fixture->judge, fixture->spool) == VALUE_NEVER);
	assert_true(full(fixture)->value == VALUE_NEVER);
	assert_false(judge_hurried(&fixture->judge));
	assert_true(judge_headroom(&fixture->judge) == INT64_MAX);
}

static void headroom_is_the_tightest(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.filesystems[0].mail = CONFIG_MAIL_YES;
	fixture->config.filesystems[1].mail = CONFIG_MAIL_YES;
	assert_true(judge_headroom(&fixture->judge) == INT64_MAX);
	see(fixture, fixture->spool, 500, 0);
	assert_int_equal(judge_headroom(&fixture->judge), 450);
	see(fixture, fixture->log, 70, 0);
	assert_int_equal(judge_headroom(&fixture->judge), 20);
	see(fixture, fixture->log, 40, 1);
	assert_int_equal(judge_headroom(&fixture->judge), 0);
	fixture->log->present = false;
	assert_int_equal(judge_headroom(&fixture->judge), 450);
}

/* A tight log says nothing of what fits into the spool; nor does what nobody knows. */
static void headroom_is_of_what_takes_mail(void **state)
{
	static const struct {
		enum config_mail spool, log;
		int64_t headroom;
	} rows[] = {
		{ CONFIG_MAIL_YES, CONFIG_MAIL_YES, 20 },
		{ CONFIG_MAIL_YES, CONFIG_MAIL_UNKNOWN, 450 },
		{ CONFIG_MAIL_YES, CONFIG_MAIL_LOG, 450 },
		{ CONFIG_MAIL_UNKNOWN, CONFIG_MAIL_YES, 20 },
		{ CONFIG_MAIL_UNKNOWN, CONFIG_MAIL_UNKNOWN, 450 },
		{ CONFIG_MAIL_UNKNOWN, CONFIG_MAIL_NO, 450 },
		{ CONFIG_MAIL_LOG, CONFIG_MAIL_UNKNOWN, 20 },
		{ CONFIG_MAIL_NO, CONFIG_MAIL_LOG, INT64_MAX },
	};
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 500, 0);
	see(fixture, fixture->log, 70, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		fixture->config.filesystems[0].mail = rows[i].spool;
		fixture->config.filesystems[1].mail = rows[i].log;
		assert_true(judge_headroom(&fixture->judge) == rows[i].headroom);
	}
	/* One that is known to take mail, and is not seen: nothing is known. */
	fixture->config.filesystems[0].mail = CONFIG_MAIL_YES;
	fixture->spool->present = false;
	assert_true(judge_headroom(&fixture->judge) == INT64_MAX);
}

static void a_level_that_lasts_is_said_again(void **state)
{
	struct fixture *fixture = *state;
	struct judge *judge = &fixture->judge;
	struct stuck stuck = { 0 };
	const int64_t hour = 3600 * S, from = BEGIN + 10 * S;

	assert_false(stuck_due(&stuck, judge, hour, from));
	assert_true(stuck_deadline(&stuck, judge, hour) == INT64_MAX);
	see(fixture, fixture->spool, 99, 10);
	assert_false(stuck_due(&stuck, judge, hour, from + hour - 1));
	assert_true(stuck_deadline(&stuck, judge, hour) == from + hour);
	assert_true(stuck_due(&stuck, judge, hour, from + hour));
	assert_false(stuck_due(&stuck, judge, hour, from + hour + S));
	assert_true(stuck_deadline(&stuck, judge, hour) == from + 2 * hour);
	/* Missed ones are one; another level begins anew; off is never. */
	assert_true(stuck_due(&stuck, judge, hour, from + 5 * hour));
	assert_false(stuck_due(&stuck, judge, hour, from + 6 * hour - 1));
	assert_false(stuck_due(&stuck, judge, 0, from + 99 * hour));
	assert_true(stuck_deadline(&stuck, judge, 0) == INT64_MAX);
	see(fixture, fixture->spool, 40, 40000);
	assert_false(stuck_due(&stuck, judge, hour, BEGIN + 40001 * S));
	assert_true(stuck_due(&stuck, judge, hour, BEGIN + 43600 * S));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(judged_below_twice_medium_only),
		WITH_FIXTURE(churn_closes_nothing),
		WITH_FIXTURE(looked_at_often_while_it_fills),
		WITH_FIXTURE(gone_with_its_filesystem),
		WITH_FIXTURE(foreseen_though_its_size_moves),
		WITH_FIXTURE(a_reload_keeps_the_forecast),
		WITH_FIXTURE(without_high_there_is_no_forecast),
		WITH_FIXTURE(headroom_is_the_tightest),
		WITH_FIXTURE(headroom_is_of_what_takes_mail),
		WITH_FIXTURE(a_level_that_lasts_is_said_again),
	};

	return cmocka_run_group_tests_name("judge forecast", tests, NULL, NULL);
}
