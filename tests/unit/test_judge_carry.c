/* SPDX-License-Identifier: GPL-2.0-only */
/* What a reload keeps; that the levels do not hang on who else is looked at; the words of a reason.
 */
#include "judge_fixture.h"

/* The configuration after a reload, and its judge. */
struct reloaded {
	struct config config;
	struct judge judge;
};

static struct reloaded next;

static void begin_reload(void)
{
	memset(&next, 0, sizeof(next));
	make_config(&next.config);
}

static void end_reload(const struct fixture *fixture, int64_t at_s)
{
	judge_init(&next.judge, &next.config, BEGIN + at_s * S);
	judge_carry(&next.judge, &fixture->judge);
}

static void a_reload_reopens_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct resource *spool;

	fixture->spool->backend = "tp_btf/x";
	see(fixture, fixture->spool, 99, 1);
	see(fixture, fixture->spool, 500, 2);
	fixture->inodes->present = false;
	judge_stall(&fixture->judge, fixture->log, BEGIN + 3 * S);
	begin_reload();
	end_reload(fixture, 5);
	spool = judge_find(&next.judge, RESOURCE_FREE_SPACE, 0);
	assert_memory_equal(&spool->pressure, &fixture->spool->pressure, sizeof(spool->pressure));
	assert_memory_equal(&spool->rule, &fixture->spool->rule, sizeof(spool->rule));
	assert_true(spool->known && spool->present);
	assert_int_equal(spool->value, 500);
	assert_int_equal(spool->size, BYTES);
	assert_true(spool->seen_ns == BEGIN + 2 * S);
	assert_string_equal(spool->backend, "tp_btf/x");
	/* What it points to is the new configuration's. */
	assert_ptr_equal(spool->object, next.config.filesystems[0].path);
	assert_ptr_equal(spool->thresholds,
			 &next.config.filesystems[0].resources[RESOURCE_FREE_SPACE]);
	assert_false(judge_find(&next.judge, RESOURCE_FREE_INODES, 0)->present);
	assert_true(judge_find(&next.judge, RESOURCE_FREE_SPACE, 1)->stalled_ns == BEGIN + 3 * S);
	assert_int_equal(next.judge.level, M);
	assert_int_equal(next.judge.measured, M);
	judge_update(&next.judge, BEGIN + 5 * S);
	assert_int_equal(next.judge.level, M);
	assert_int_equal(next.judge.measured, M);
	assert_true(next.judge.since_ns == BEGIN + S);
}

static void a_reload_keeps_what_can_be_free(void **state)
{
	struct fixture *fixture = *state;
	struct resource *spool;

	judge_capacity(fixture->spool, 950);
	see(fixture, fixture->spool, 500, 1);
	judge_capacity(fixture->spool, 0); /* full: it cannot be seen */
	see(fixture, fixture->spool, 0, 2);
	begin_reload();
	next.config.filesystems[0].resources[RESOURCE_FREE_SPACE].enter[M].any_of[0].number =
		PPM / 10 * 8;
	end_reload(fixture, 3);
	spool = judge_find(&next.judge, RESOURCE_FREE_SPACE, 0);
	assert_int_equal(spool->rule.enter[M], 800);
	assert_int_equal(spool->rule.leave[M], 875);
	judge_capacity(spool, 900);
	assert_int_equal(spool->rule.leave[M], 850);
}

static void a_reload_keeps_the_override(void **state)
{
	struct fixture *fixture = *state;

	judge_override(&fixture->judge, H, BEGIN + 90 * S, "disks", "root", BEGIN + S);
	begin_reload();
	end_reload(fixture, 5);
	judge_update(&next.judge, BEGIN + 89 * S);
	assert_int_equal(next.judge.level, H);
	assert_true(next.judge.since_ns == BEGIN + S);
	assert_string_equal(next.judge.override.reason, "disks");
	judge_update(&next.judge, BEGIN + 90 * S);
	assert_int_equal(next.judge.level, N);
}

static void paths_may_change_places_come_and_go(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 99, 1);
	see(fixture, fixture->log, 49, 1);
	begin_reload();
	next.config.filesystem_count = 0;
	memset(next.config.filesystems, 0, sizeof(next.config.filesystems));
	add_filesystem(&next.config, "/new");
	add_filesystem(&next.config, "/spool");
	end_reload(fixture, 5);
	assert_false(judge_find(&next.judge, RESOURCE_FREE_SPACE, 0)->known);
	assert_int_equal(judge_find(&next.judge, RESOURCE_FREE_SPACE, 0)->pressure.level, N);
	assert_int_equal(judge_find(&next.judge, RESOURCE_FREE_SPACE, 1)->pressure.level, M);
	judge_update(&next.judge, BEGIN + 5 * S);
	assert_int_equal(next.judge.level, M); /* what made it high is no longer watched */
}

static void new_thresholds_judge_the_kept_value(void **state)
{
	struct fixture *fixture = *state;
	struct thresholds *space;

	see(fixture, fixture->spool, 200, 1);
	begin_reload();
	space = &next.config.filesystems[0].resources[RESOURCE_FREE_SPACE];
	space->enter[M].any_of[0].number = PPM / 2;
	end_reload(fixture, 5);
	assert_int_equal(judge_find(&next.judge, RESOURCE_FREE_SPACE, 0)->rule.enter[M], 500);
	judge_update(&next.judge, BEGIN + 5 * S);
	assert_int_equal(next.judge.level, M);
}

static void what_is_turned_off_comes_down_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct thresholds *spool, *log;

	see(fixture, fixture->spool, 10, 1);
	judge_stall(&fixture->judge, fixture->log, BEGIN + S);
	assert_int_equal(wait_until(fixture, 11), H);
	begin_reload();
	spool = &next.config.filesystems[0].resources[RESOURCE_FREE_SPACE];
	log = &next.config.filesystems[1].resources[RESOURCE_FREE_SPACE];
	spool->enter[M].count = spool->enter[H].count = 0;
	log->enter[M].count = log->enter[H].count = 0;
	end_reload(fixture, 12);
	assert_int_equal(judge_deadline(&next.judge), 0);
	judge_update(&next.judge, BEGIN + 12 * S);
	assert_int_equal(next.judge.level, N);
	assert_true(judge_deadline(&next.judge) == PRESSURE_NEVER);
}

/* What is due until UNTIL (not then), in both. */
static void run_out(struct judge *plain, struct judge *often, int64_t until)
{
	int64_t due_ns;

	while ((due_ns = judge_deadline(plain)) < until) {
		assert_true(judge_deadline(often) == due_ns);
		judge_update(plain, due_ns);
		judge_update(often, due_ns);
	}
}

static void observe_both(struct judge *plain, struct judge *often, enum resource_id id,
			 int64_t value, int64_t now)
{
	int64_t size = resource_type(id)->has_size ? BYTES : 0;

	judge_observe(plain, judge_find(plain, id, 0), value, size, now);
	judge_observe(often, judge_find(often, id, 0), value, size, now);
	judge_update(plain, now);
	judge_update(often, now);
}

/* A memory sample each second must not re-arm the dwell of a disk that nobody looks at. */
static void being_called_more_often_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct judge *plain = &fixture->judge, *often = &next.judge;
	uint64_t seed = 42;
	int64_t now = BEGIN;

	*often = *plain;
	for (int i = 0; i < 20000; i++) {
		int64_t until = now + random_in(&seed, 1, 20000) * NS_PER_MS;

		for (; now < until; now += random_in(&seed, 1, 2000) * NS_PER_MS) {
			run_out(plain, often, now + 1);
			judge_update(often, now);
		}
		run_out(plain, often, until);
		now = until;
		if (i % 9 == 0) {
			judge_stall(plain, judge_find(plain, RESOURCE_FREE_SPACE, 0), now);
			judge_stall(often, judge_find(often, RESOURCE_FREE_SPACE, 0), now);
		} else if (i % 2) {
			observe_both(plain, often, RESOURCE_FREE_SPACE, random_in(&seed, 0, 200),
				     now);
		} else {
			observe_both(plain, often, RESOURCE_MEMORY_STALL,
				     random_in(&seed, 0, PPM / 5), now);
		}
		assert_memory_equal(often, plain, sizeof(*often));
	}
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_reload_reopens_nothing),
		WITH_FIXTURE(a_reload_keeps_what_can_be_free),
		WITH_FIXTURE(a_reload_keeps_the_override),
		WITH_FIXTURE(paths_may_change_places_come_and_go),
		WITH_FIXTURE(new_thresholds_judge_the_kept_value),
		WITH_FIXTURE(what_is_turned_off_comes_down_at_once),
		WITH_FIXTURE(being_called_more_often_changes_nothing),
	};

	return cmocka_run_group_tests_name("judge carry", tests, NULL, NULL);
}
