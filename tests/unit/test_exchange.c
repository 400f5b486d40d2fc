/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exchange's table of back pressure (2016 and later), said in our thresholds: each row's
 * four transitions, at the values where they happen.
 *
 * Exchange counts what is used and polls every 2 s; a history of N polls is a sustain of
 * N × 2 s: the level rises when the value has been past for all of them. It has no dwell.
 */
#include "walk.h"

#include "common/units.h"

#define PERCENT (PPM / 100)
#define POLL_NS (2 * S)

#define SHARE(percent)                                            \
	{                                                         \
		1,                                                \
		{                                                 \
			{                                         \
				QUANTITY_SHARE, (percent)*PERCENT \
			}                                         \
		}                                                 \
	}
#define FREE(used) SHARE(100 - (used))
#define NUMBER(count)                                 \
	{                                             \
		1,                                    \
		{                                     \
			{                             \
				QUANTITY_COUNT, count \
			}                             \
		}                                     \
	}

/* Of a disk and of memory we count what is free, so their percentages are turned around. */
#define DISK_BYTES   (200 * GIB)
#define MEMORY_BYTES (64 * GIB)

/* What spoolgate has no resource for: a share of memory that one process has, and a queue. */
static const struct resource_type private_bytes = { .name = "private-bytes", .unit = UNIT_SHARE };
static const struct resource_type queue = { .name = "queue-length", .unit = UNIT_COUNT };

struct row {
	const char *name;
	const struct resource_type *type; /* NULL: the one of ID */
	enum resource_id id;
	int64_t size;
	int64_t polls; /* of history */
	struct thresholds thresholds;
	int64_t enter[LEVELS], leave[LEVELS]; /* as they must come out, in our unit */
};

#define OF_DISK(used)	((int64_t)((100 - (used)) * DISK_BYTES / 100))
#define OF_MEMORY(used) ((int64_t)((__int128)(100 - (used)) * MEMORY_BYTES / 100))

static const struct row rows[] = {
	{ .name = "database disk",
	  .id = RESOURCE_FREE_SPACE,
	  .size = DISK_BYTES,
	  .thresholds = { .enter = { [M] = FREE(96), [H] = FREE(99) },
			  .leave = { [H] = FREE(97), [M] = FREE(94) } },
	  .enter = { 0, OF_DISK(96), OF_DISK(99) },
	  .leave = { 0, OF_DISK(94), OF_DISK(97) } },
	{ .name = "log and content disk",
	  .id = RESOURCE_FREE_SPACE,
	  .size = DISK_BYTES,
	  .thresholds = { .enter = { [M] = FREE(89), [H] = FREE(99) },
			  .leave = { [H] = FREE(90), [M] = FREE(80) } },
	  .enter = { 0, OF_DISK(89), OF_DISK(99) },
	  .leave = { 0, OF_DISK(80), OF_DISK(90) } },
	{ .name = "private bytes",
	  .type = &private_bytes,
	  .polls = 30,
	  .thresholds = { .enter = { [M] = SHARE(72), [H] = SHARE(75) },
			  .leave = { [H] = SHARE(73), [M] = SHARE(71) },
			  .sustain_ns = 30 * POLL_NS },
	  .enter = { 0, 72 * PERCENT, 75 * PERCENT },
	  .leave = { 0, 71 * PERCENT, 73 * PERCENT } },
	{ .name = "system memory",
	  .id = RESOURCE_MEMORY_AVAILABLE,
	  .size = MEMORY_BYTES,
	  .thresholds = { .enter = { [M] = FREE(88), [H] = FREE(94) },
			  .leave = { [H] = FREE(89), [M] = FREE(84) } },
	  .enter = { 0, OF_MEMORY(88), OF_MEMORY(94) },
	  .leave = { 0, OF_MEMORY(84), OF_MEMORY(89) } },
	{ .name = "submission queue",
	  .type = &queue,
	  .polls = 300,
	  .thresholds = { .enter = { [M] = NUMBER(9999), [H] = NUMBER(15000) },
			  .leave = { [H] = NUMBER(10000), [M] = NUMBER(2000) },
			  .sustain_ns = 300 * POLL_NS },
	  .enter = { 0, 9999, 15000 },
	  .leave = { 0, 2000, 10000 } },
};

/* One server, polled every 2 s. */
struct server {
	const struct row *row;
	struct pressure_rule rule;
	struct pressure pressure;
	int64_t worse; /* the step by which a value gets worse: -1 or 1 */
	int64_t now;
};

static void start(struct server *server, const struct row *row)
{
	const struct resource_type *type = row->type ? row->type : resource_type(row->id);

	memset(server, 0, sizeof(*server));
	server->row = row;
	server->now = BEGIN;
	server->worse = type->less_is_worse ? -1 : 1;
	pressure_rule_make(&server->rule, &row->thresholds, type, row->size, 0);
}

static void poll(struct server *server, int64_t value, int64_t polls, enum level expected)
{
	for (int64_t i = 0; i < polls; i++) {
		enum level level = take(&server->pressure, &server->rule, value, server->now);

		if (level != expected)
			fail_msg("%s: poll %lld of %lld gives %s, not %s", server->row->name,
				 (long long)i, (long long)value, level_name(level),
				 level_name(expected));
		server->now += POLL_NS;
	}
}

/* VALUE is past the enter of the next level: that rises when the history is full of it. */
static void poll_up(struct server *server, int64_t value, enum level from, enum level to)
{
	poll(server, value, server->row->polls, from);
	poll(server, value, 2, to);
}

static void thresholds_come_out_as_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server server;

		start(&server, &rows[i]);
		for (enum level level = M; level <= H; level++) {
			assert_true(server.rule.enter[level] == rows[i].enter[level]);
			assert_true(server.rule.leave[level] == rows[i].leave[level]);
		}
		assert_true(server.rule.sustain_ns == rows[i].polls * POLL_NS);
	}
}

static void each_transition_at_its_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct server server;

		start(&server, row);
		/* low → medium: above, not at */
		poll(&server, row->enter[M], 400, N);
		poll_up(&server, row->enter[M] + server.worse, N, M);
		/* medium → high */
		poll(&server, row->enter[H], 400, M);
		poll_up(&server, row->enter[H] + server.worse, M, H);
		/* high → medium: at it, at the first poll */
		poll(&server, row->leave[H] + server.worse, 400, H);
		poll(&server, row->leave[H], 400, M);
		/* medium → low */
		poll(&server, row->leave[M] + server.worse, 400, M);
		poll(&server, row->leave[M], 400, N);
		/* and not again before low → medium */
		poll(&server, row->enter[M], 400, N);
	}
}

static void straight_up_and_straight_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct server server;

		start(&server, row);
		poll_up(&server, row->enter[H] + server.worse, N, H);
		poll(&server, row->leave[M], 2, N);
	}
}

static void one_good_poll_empties_the_history(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct server server;

		if (!row->polls)
			continue;
		start(&server, row);
		poll(&server, row->enter[M] + server.worse, row->polls, N);
		poll(&server, row->enter[M], 1, N);
		poll_up(&server, row->enter[M] + server.worse, N, M);
	}
}

/* What its administrators complain of, and what the dwell is for. */
static void with_a_dwell_it_does_not_hover(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct server server;

		start(&server, row);
		server.rule.dwell_ns = 60 * S;
		poll_up(&server, row->enter[M] + server.worse, N, M);
		for (int j = 0; j < 100; j++) {
			poll(&server, row->leave[M], 28, M);
			poll(&server, row->enter[M] + server.worse, 1, M);
		}
		poll(&server, row->leave[M], 29, M);
		poll(&server, row->leave[M], 1, N);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_come_out_as_in_the_table),
		cmocka_unit_test(each_transition_at_its_value),
		cmocka_unit_test(straight_up_and_straight_down),
		cmocka_unit_test(one_good_poll_empties_the_history),
		cmocka_unit_test(with_a_dwell_it_does_not_hover),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
