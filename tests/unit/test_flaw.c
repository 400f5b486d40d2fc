/* SPDX-License-Identifier: GPL-2.0-only */
/* Thresholds that can never be left or entered: found for each kind of resource, and told. */
#include "judge_fixture.h"
#include "policy/flaw.h"

/* A resource with these thresholds (-1: off), of an object of SIZE. */
static enum flaw flaw_of(struct fixture *fixture, struct resource *resource, int64_t enter,
			 int64_t leave, int64_t size, int64_t capacity)
{
	static struct thresholds thresholds;
	enum quantity_kind kind = QUANTITY_COUNT;

	thresholds = (struct thresholds){ .lines = { [M] = 7 }, .leave_lines = { [M] = 8 } };
	if (enter >= 0)
		thresholds.enter[M] = (struct threshold){ 1, { { kind, enter } } };
	if (leave >= 0)
		thresholds.leave[M] = (struct threshold){ 1, { { kind, leave } } };
	resource->thresholds = &thresholds;
	resource->capacity = capacity;
	resource->size = -1; /* so that the rule is made anew */
	judge_observe(&fixture->judge, resource, 0, size, BEGIN);
	return flaw_find(&fixture->judge, resource, M);
}

static void shrinks_and_grows(void **state)
{
	static const struct {
		int64_t enter, leave, size, capacity;
		enum flaw flaw;
	} rows[] = {
		{ 100, -1, 1000, 0, FLAW_NONE },     { 1000, -1, 1000, 0, FLAW_ALWAYS },
		{ 2000, -1, 1000, 0, FLAW_ALWAYS },  { 999, -1, 1000, 0, FLAW_NONE },
		{ 960, -1, 1000, 950, FLAW_ALWAYS }, { 940, -1, 1000, 950, FLAW_NONE },
		{ 100, 950, 1000, 950, FLAW_NONE },  { 100, 960, 1000, 950, FLAW_LEAVE },
		{ 100, 1001, 1000, 0, FLAW_LEAVE },  { 0, -1, 1000, 0, FLAW_NEVER_ENTERED },
		{ -1, -1, 1000, 0, FLAW_NONE },	     { 2000, -1, 0, 0, FLAW_NONE },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(flaw_of(fixture, fixture->spool, rows[i].enter, rows[i].leave,
					 rows[i].size, rows[i].capacity),
				 rows[i].flaw);
		assert_int_equal(flaw_of(fixture, fixture->inodes, rows[i].enter, rows[i].leave,
					 rows[i].size, rows[i].capacity),
				 rows[i].flaw);
	}
}

/* Of shares there is no more than all; times and kills have no end. */
static void what_has_no_size(void **state)
{
	struct fixture *fixture = *state;
	struct resource *kills = judge_find(&fixture->judge, RESOURCE_OOM_KILL, 0);
	struct resource *error = judge_find(&fixture->judge, RESOURCE_FILESYSTEM_ERROR, 0);

	assert_int_equal(flaw_of(fixture, fixture->stall, PPM, -1, 0, 0), FLAW_NEVER_ENTERED);
	assert_int_equal(flaw_of(fixture, fixture->stall, PPM - 1, 0, 0, 0), FLAW_NONE);
	assert_int_equal(flaw_of(fixture, fixture->stall, 0, -1, 0, 0), FLAW_NONE);
	assert_int_equal(flaw_of(fixture, kills, 0, -1, 0, 0), FLAW_NONE);
	assert_int_equal(flaw_of(fixture, kills, INT64_MAX, -1, 0, 0), FLAW_NONE);
	assert_int_equal(flaw_of(fixture, error, 60 * S, 60 * S, 0, 0), FLAW_NONE);
	assert_int_equal(flaw_of(fixture, error, 0, -1, 0, 0), FLAW_NEVER_ENTERED);
}

/* Each file of a queue has an inode of the filesystem it is on. */
static void a_queue_and_its_inodes(void **state)
{
	struct fixture *fixture = *state;
	struct resource *length;

	fixture->config.queue_count = 1;
	strcpy(fixture->config.queues[0].path, "/spool/deferred");
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	find_all(fixture);
	length = judge_find(&fixture->judge, RESOURCE_QUEUE_LENGTH, 0);
	assert_int_equal(flaw_of(fixture, length, 5000, -1, 0, 0), FLAW_NONE);
	judge_observe(&fixture->judge, fixture->inodes, 10, 4000, BEGIN);
	assert_int_equal(flaw_of(fixture, length, 5000, -1, 0, 0), FLAW_NEVER_ENTERED);
	assert_int_equal(flaw_of(fixture, length, 3999, -1, 0, 0), FLAW_NONE);
}

static void the_words(void **state)
{
	struct fixture *fixture = *state;
	char text[512];

	flaw_of(fixture, fixture->spool, 2000, -1, 1000, 0);
	assert_string_equal(
		flaw_text(text, sizeof(text), &fixture->judge, fixture->spool, M, FLAW_ALWAYS),
		"medium of free-space of /spool is entered below 1.9 KiB, and there is "
		"never more than 1000 B: it is never left; allowed: less than 1000 B, "
		"or \"off\"");
	assert_int_equal(flaw_line(fixture->spool, M, FLAW_ALWAYS), 7);
	flaw_of(fixture, fixture->spool, 100, 960, 1000, 950);
	assert_string_equal(
		flaw_text(text, sizeof(text), &fixture->judge, fixture->spool, M, FLAW_LEAVE),
		"leave-medium of free-space of /spool is 960 B, and there is never more than "
		"950 B: it is left above 525 B instead; allowed: up to 950 B");
	assert_int_equal(flaw_line(fixture->spool, M, FLAW_LEAVE), 8);
	flaw_of(fixture, fixture->stall, PPM, -1, 0, 0);
	assert_string_equal(flaw_text(text, sizeof(text), &fixture->judge, fixture->stall, M,
				      FLAW_NEVER_ENTERED),
			    "medium of memory-stall of host is entered above 100 %, which it never "
			    "is; allowed: less than 100 %, or \"off\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shrinks_and_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_size, setup, teardown),
		cmocka_unit_test_setup_teardown(a_queue_and_its_inodes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_words, setup, teardown),
	};

	return cmocka_run_group_tests_name("flaw", tests, NULL, NULL);
}
