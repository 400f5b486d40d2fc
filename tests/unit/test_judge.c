/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's level from all its resources: layout, worst, absence, stalls, overrides. */
#include <stdio.h>

#include "judge_fixture.h"
#include "common/text.h"

static unsigned int rows_of(const char *section)
{
	unsigned int count = 0;

	for (int id = 0; id < RESOURCE_IDS; id++)
		count += !strcmp(resource_type(id)->section, section);
	return count;
}

/* Each filesystem's rows of the table in the configuration's order, then the host's. */
static void laid_out_as_the_table_says(void **state)
{
	struct fixture *fixture = *state;
	unsigned int each = rows_of("filesystem"), hosts = rows_of("memory") + rows_of("io");

	assert_int_equal(fixture->judge.count, 2 * each + hosts);
	for (unsigned int i = 0; i < fixture->judge.count; i++) {
		const struct resource *resource = &fixture->judge.resources[i];
		bool host = i >= 2 * each;

		assert_ptr_equal(resource->type, resource_type(resource->id));
		assert_int_equal(!strcmp(resource->type->section, "filesystem"), !host);
		assert_string_equal(resource->object, host	 ? JUDGE_HOST
						      : i < each ? "/spool"
								 : "/log");
		assert_int_equal(resource->index, !host && i >= each);
		assert_ptr_equal(
			resource->thresholds,
			host ? &fixture->config.host[resource->id]
			     : &fixture->config.filesystems[i / each].resources[resource->id]);
		assert_ptr_equal(judge_find(&fixture->judge, resource->id, resource->index),
				 resource);
		assert_true(resource->present && !resource->known && !resource->stalled_ns);
		assert_int_equal(resource->pressure.level, N);
		assert_true(resource->pressure.since_ns == BEGIN);
		assert_non_null(resource->backend);
	}
	assert_null(judge_find(&fixture->judge, RESOURCE_FREE_SPACE, 2));
	assert_null(judge_find(&fixture->judge, RESOURCE_MEMORY_STALL, 1));
	assert_int_equal(fixture->judge.level, N);
	assert_true(fixture->judge.since_ns == BEGIN);
	assert_int_equal(deadline_s(fixture), -1);
}

static void queues_and_their_own_thresholds_are_laid_out(void **state)
{
	struct fixture *fixture = *state;
	struct config_queue *queues = fixture->config.queues;
	struct resource *resource;

	fixture->config.queue_count = 2;
	strcpy(queues[0].path, "/spool/active");
	strcpy(queues[1].path, "/spool/deferred");
	queues[1].resources[RESOURCE_QUEUE_LENGTH].enter[M] =
		(struct threshold){ 1, { { QUANTITY_COUNT, 20000 } } };
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	resource = judge_find(&fixture->judge, RESOURCE_QUEUE_LENGTH, 0);
	assert_string_equal(resource->object, "/spool/active");
	assert_int_equal(see(fixture, resource, 1000000, 1), N);
	resource = judge_find(&fixture->judge, RESOURCE_QUEUE_LENGTH, 1);
	assert_string_equal(resource->object, "/spool/deferred");
	assert_int_equal(see(fixture, resource, 20000, 2), N);
	assert_int_equal(see(fixture, resource, 20001, 3), M);
	assert_null(judge_find(&fixture->judge, RESOURCE_QUEUE_LENGTH, 2));
}

static void all_filesystems_that_may_be_configured_fit(void **state)
{
	struct fixture *fixture = *state;
	char path[16];

	while (fixture->config.filesystem_count < CONFIG_FILESYSTEMS) {
		snprintf(path, sizeof(path), "/%u", fixture->config.filesystem_count);
		add_filesystem(&fixture->config, path);
	}
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	assert_non_null(judge_find(&fixture->judge, RESOURCE_OOM_KILL, 0));
	assert_int_equal(fixture->judge.count, CONFIG_FILESYSTEMS * rows_of("filesystem") +
						       rows_of("memory") + rows_of("io"));
}

static void the_host_is_as_bad_as_its_worst_resource(void **state)
{
	struct fixture *fixture = *state;
	struct judge *judge = &fixture->judge;

	assert_int_equal(see(fixture, fixture->spool, 500, 1), N);
	assert_true(judge->since_ns == BEGIN);
	assert_int_equal(see(fixture, fixture->log, 99, 2), M);
	assert_true(judge->since_ns == BEGIN + 2 * S);
	assert_int_equal(see(fixture, fixture->spool, 99, 3), M);
	assert_true(judge->since_ns == BEGIN + 2 * S);
	assert_int_equal(see(fixture, fixture->inodes, 49, 4), H);
	assert_int_equal(see(fixture, fixture->inodes, 500, 64), M);
	assert_true(judge->since_ns == BEGIN + 64 * S);
	assert_int_equal(see(fixture, fixture->log, 500, 65), M);
	assert_int_equal(see(fixture, fixture->spool, 500, 66), N);
	assert_int_equal(judge->measured, N);
}

static void one_look_may_bring_several_values(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 49, 0);
	judge_observe(&fixture->judge, fixture->spool, 500, BYTES, BEGIN + 60 * S);
	judge_observe(&fixture->judge, fixture->inodes, 10, BYTES, BEGIN + 60 * S);
	assert_int_equal(wait_until(fixture, 60), H);
	assert_true(fixture->judge.since_ns == BEGIN); /* it never was anything else */
}

/* The host's counts the reclaim of any cgroup: another's in a limit of its own closes nothing. */
static void a_stall_counts_where_memory_is_short(void **state)
{
	struct fixture *fixture = *state;

	/* Not known yet: fail open. */
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 0), N);
	assert_int_equal(wait_until(fixture, 20), N);
	memory_is(fixture, SPARE, 20);
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 20), N);
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(wait_until(fixture, 100), N);
	assert_int_equal(fixture->stall->value, PPM / 2);
	assert_true(judge_room(fixture->stall) == PRESSURE_NEVER);
	assert_true(judge_distance(fixture->stall) > 0);
	/* What was spared so far has not been past enter for a second. */
	memory_is(fixture, SHORT, 100);
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 100), N);
	assert_int_equal(judge_room(fixture->stall), 0);
	assert_int_equal(deadline_s(fixture), 110);
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 110), H);
	/* And the other way: left after the dwell, as if it had ended. */
	memory_is(fixture, SPARE, 120);
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 120), H);
	assert_int_equal(wait_until(fixture, 169), H);
	assert_int_equal(wait_until(fixture, 170), N);
}

static void where_memory_available_is_off_a_stall_is_shown_alone(void **state)
{
	struct fixture *fixture = *state;
	struct thresholds *available = &fixture->config.host[RESOURCE_MEMORY_AVAILABLE];

	available->enter[M].count = 0;
	memory_is(fixture, 90, 0); /* below twice high */
	see(fixture, fixture->stall, PPM / 2, 0);
	assert_int_equal(wait_until(fixture, 10), H);
	available->enter[H].count = 0;
	judge_init(&fixture->judge, &fixture->config, BEGIN); /* thresholds are made once */
	find_all(fixture);
	memory_is(fixture, 90, 0);
	see(fixture, fixture->stall, PPM / 2, 0);
	assert_int_equal(wait_until(fixture, 80), N);
}

/* The mail server's own is judged whatever the host has. */
static void a_cgroups_stall_counts_always(void **state)
{
	struct fixture *fixture = *state;
	struct resource *stall;

	strcpy(fixture->config.memory_cgroup.path, "/mail");
	for (int id = 0; id < RESOURCE_IDS; id++)
		fixture->config.memory_cgroup.resources[id] = resource_type(id)->defaults;
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	stall = judge_find(&fixture->judge, RESOURCE_MEMORY_STALL, 1);
	memory_is(fixture, SPARE, 0);
	assert_int_equal(see(fixture, stall, PPM / 2, 0), N);
	assert_int_equal(wait_until(fixture, 10), H);
}

static void time_alone_runs_out_sustain_and_dwell(void **state)
{
	struct fixture *fixture = *state;

	memory_is(fixture, SHORT, 0);
	assert_int_equal(see(fixture, fixture->stall, PPM / 2, 0), N);
	assert_int_equal(deadline_s(fixture), 10);
	assert_int_equal(wait_until(fixture, 9), N);
	assert_int_equal(wait_until(fixture, 10), H);
	assert_int_equal(deadline_s(fixture), -1);
	see(fixture, fixture->spool, 99, 15);
	see(fixture, fixture->spool, 500, 20);
	assert_int_equal(see(fixture, fixture->stall, 0, 20), H);
	assert_int_equal(deadline_s(fixture), 70); /* the first of the two */
	assert_int_equal(wait_until(fixture, 69), H);
	assert_int_equal(wait_until(fixture, 70), M);
	assert_int_equal(deadline_s(fixture), 75);
	assert_int_equal(wait_until(fixture, 75), N);
	assert_int_equal(deadline_s(fixture), -1);
}

static void shares_follow_a_filesystem_that_is_resized(void **state)
{
	struct fixture *fixture = *state;
	struct judge *judge = &fixture->judge;

	assert_int_equal(see(fixture, fixture->spool, 150, 0), N);
	judge_observe(judge, fixture->spool, 150, 2 * BYTES, BEGIN + S);
	assert_int_equal(wait_until(fixture, 1), M);
	assert_int_equal(fixture->spool->rule.enter[M], 200);
	assert_int_equal(fixture->spool->size, 2 * BYTES);
	assert_int_equal(see(fixture, fixture->spool, 150, 61), N);
	assert_int_equal(fixture->spool->rule.enter[M], 100);
}

static void what_is_absent_or_unknown_does_not_count(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 10, 0);
	see(fixture, fixture->spool, 500, 0);
	assert_int_equal(deadline_s(fixture), 60);
	fixture->spool->present = false;
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(wait_until(fixture, 1), N);
	assert_int_equal(fixture->spool->pressure.level, N);
	assert_true(fixture->spool->pressure.since_ns == BEGIN + S);
	assert_int_equal(deadline_s(fixture), -1);
	/* It is back: judged afresh, with no dwell left from before. */
	fixture->spool->present = true;
	assert_false(fixture->spool->known);
	assert_int_equal(wait_until(fixture, 2), N);
	assert_int_equal(see(fixture, fixture->spool, 500, 3), N);
}

static void silence_ripens(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 500, 0);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + 5 * S);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + 8 * S); /* asked again in vain */
	assert_int_equal(deadline_s(fixture), 15);
	assert_int_equal(wait_until(fixture, 14), N);
	assert_int_equal(wait_until(fixture, 15), H);
	assert_int_equal(fixture->spool->pressure.level, H);
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(wait_until(fixture, 600), H);
	/* The dwell counts from the answer. */
	assert_int_equal(see(fixture, fixture->spool, 500, 700), H);
	assert_int_equal(fixture->spool->stalled_ns, 0);
	assert_int_equal(deadline_s(fixture), 760);
	assert_int_equal(wait_until(fixture, 759), H);
	assert_int_equal(wait_until(fixture, 760), N);
}

static void an_answer_in_time_clears_the_stall(void **state)
{
	struct fixture *fixture = *state;

	judge_stall(&fixture->judge, fixture->spool, BEGIN);
	assert_int_equal(see(fixture, fixture->spool, 500, 9), N);
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(wait_until(fixture, 20), N);
}

/* We were stopped ourselves: nobody was refused while it lasted, so nobody is now. */
static void a_stall_that_nobody_judged_closes_nothing(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 500, 0);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + S);
	assert_int_equal(see(fixture, fixture->spool, 500, 3600), N);
}

static void silence_counts_from_the_start_too(void **state)
{
	struct fixture *fixture = *state;

	judge_stall(&fixture->judge, fixture->log, BEGIN);
	assert_int_equal(wait_until(fixture, 10), H);
	assert_false(fixture->log->known);
	fixture->log->present = false;
	assert_int_equal(wait_until(fixture, 11), N);
	assert_int_equal(fixture->log->stalled_ns, 0);
}

/* Its last value says nothing any more, neither good nor bad. */
static void nothing_runs_out_in_silence(void **state)
{
	struct fixture *fixture = *state;

	see(fixture, fixture->spool, 99, 0);
	see(fixture, fixture->spool, 500, 1);
	assert_int_equal(deadline_s(fixture), 60);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + 55 * S);
	assert_int_equal(deadline_s(fixture), 65);
	assert_int_equal(wait_until(fixture, 60), M);
	assert_int_equal(see(fixture, fixture->spool, 500, 61), N);
}

static void silence_counts_as_the_worst_level_that_is_judged(void **state)
{
	struct fixture *fixture = *state;
	struct thresholds *thresholds = fixture->config.filesystems[0].resources;

	thresholds[RESOURCE_FREE_SPACE].enter[H].count = 0;
	thresholds[RESOURCE_FREE_INODES].enter[H].count = 0;
	thresholds[RESOURCE_FREE_INODES].enter[M].count = 0;
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	judge_stall(&fixture->judge, fixture->inodes, BEGIN);
	assert_int_equal(deadline_s(fixture), -1);
	assert_int_equal(wait_until(fixture, 100), N);
	judge_stall(&fixture->judge, fixture->spool, BEGIN + 100 * S);
	assert_int_equal(wait_until(fixture, 110), M);
	assert_int_equal(deadline_s(fixture), -1);
}

static void an_override_beats_what_is_measured(void **state)
{
	struct fixture *fixture = *state;
	struct judge *judge = &fixture->judge;
	static const int64_t values[LEVELS] = { 500, 99, 49 };

	for (enum level measured = N; measured < LEVELS; measured++)
		for (enum level forced = N; forced < LEVELS; forced++) {
			judge_init(judge, &fixture->config, BEGIN);
			see(fixture, fixture->spool, values[measured], 1);
			judge_override(judge, forced, BEGIN + 50 * S, "disks", "root",
				       BEGIN + 2 * S);
			assert_int_equal(judge->level, forced);
			assert_int_equal(judge->measured, measured);
			assert_true(judge->since_ns == BEGIN + (forced != measured ? 2
								: measured == N	   ? 0
										   : 1) *
								       S);
			assert_string_equal(judge->override.reason, "disks");
			assert_string_equal(judge->override.by, "root");
			assert_int_equal(deadline_s(fixture), 50);
			assert_int_equal(wait_until(fixture, 49), forced);
			assert_true(judge->override.active);
			assert_int_equal(wait_until(fixture, 50), measured);
			assert_false(judge->override.active);
			assert_string_equal(judge->override.reason, "");
		}
}

static void an_override_ends_by_hand_or_never(void **state)
{
	struct fixture *fixture = *state;
	struct judge *judge = &fixture->judge;

	judge_override(judge, H, PRESSURE_NEVER, "", "uid 7", BEGIN);
	assert_int_equal(deadline_s(fixture), -1);
	judge_update(judge, PRESSURE_NEVER - 1);
	assert_int_equal(judge->level, H);
	judge_override(judge, M, BEGIN + 9 * S, "", "uid 7",
		       BEGIN + S); /* a later one replaces it */
	assert_int_equal(judge->level, M);
	judge_override_off(judge, BEGIN + 2 * S);
	assert_int_equal(judge->level, N);
	assert_true(judge->since_ns == BEGIN + 2 * S);
	assert_false(judge->override.active);
	judge_override(judge, H, BEGIN, "", "uid 7", BEGIN + 3 * S); /* over already */
	assert_int_equal(judge->level, N);
}

static void reasons_are_cut_to_whole_characters(void **state)
{
	struct fixture *fixture = *state;
	struct override *override = &fixture->judge.override;
	char reason[4 * JUDGE_REASON] = "x";

	for (size_t i = 1; i + 2 < sizeof(reason); i += 2)
		memcpy(reason + i, "é", 3);
	judge_override(&fixture->judge, H, PRESSURE_NEVER, reason, reason, BEGIN);
	assert_true(strlen(override->reason) >= JUDGE_REASON - 2);
	assert_true(text_is_clean(override->reason, strlen(override->reason)));
	assert_true(text_is_clean(override->by, strlen(override->by)));
	judge_override(&fixture->judge, H, PRESSURE_NEVER, "a\nb\x1b[2J", "root", BEGIN);
	assert_string_equal(override->reason, "a?b?[2J");
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(laid_out_as_the_table_says),
		WITH_FIXTURE(queues_and_their_own_thresholds_are_laid_out),
		WITH_FIXTURE(all_filesystems_that_may_be_configured_fit),
		WITH_FIXTURE(the_host_is_as_bad_as_its_worst_resource),
		WITH_FIXTURE(one_look_may_bring_several_values),
		WITH_FIXTURE(a_stall_counts_where_memory_is_short),
		WITH_FIXTURE(where_memory_available_is_off_a_stall_is_shown_alone),
		WITH_FIXTURE(a_cgroups_stall_counts_always),
		WITH_FIXTURE(time_alone_runs_out_sustain_and_dwell),
		WITH_FIXTURE(shares_follow_a_filesystem_that_is_resized),
		WITH_FIXTURE(what_is_absent_or_unknown_does_not_count),
		WITH_FIXTURE(silence_ripens),
		WITH_FIXTURE(an_answer_in_time_clears_the_stall),
		WITH_FIXTURE(a_stall_that_nobody_judged_closes_nothing),
		WITH_FIXTURE(silence_counts_from_the_start_too),
		WITH_FIXTURE(nothing_runs_out_in_silence),
		WITH_FIXTURE(silence_counts_as_the_worst_level_that_is_judged),
		WITH_FIXTURE(an_override_beats_what_is_measured),
		WITH_FIXTURE(an_override_ends_by_hand_or_never),
		WITH_FIXTURE(reasons_are_cut_to_whole_characters),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
