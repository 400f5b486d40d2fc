/* SPDX-License-Identifier: GPL-2.0-only */
/* Reclaim that lasts: told while it does, never twice, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/units.h"
#include "random.h"
#include "watch/reclaim.h"
#include "watch/window.h"

#define S     NS_PER_S
#define BEGIN (1000 * S)

struct fixture {
	struct ledger_memory ledger;
	struct reclaim reclaim;
};

/* As the kernel program does at an entry (STEP 1) or an exit (-1). */
static void event(struct ledger_memory *ledger, int step, int64_t at_ns)
{
	int64_t slice_ns = at_ns - (int64_t)ledger->event_ns;

	ledger->event_ns = (uint64_t)at_ns;
	if (ledger->running)
		ledger->stall_ns +=
			(uint64_t)(slice_ns < RECLAIM_SLICE_NS ? slice_ns : RECLAIM_SLICE_NS);
	ledger->running += (uint64_t)(int64_t)step;
}

static int64_t total_s(struct fixture *fixture, int64_t at_s)
{
	return reclaim_total(&fixture->reclaim, &fixture->ledger, BEGIN + at_s * S) / S;
}

static void told_while_it_lasts_and_once(void **state)
{
	struct fixture fixture = { 0 };

	(void)state;
	assert_int_equal(total_s(&fixture, 0), 0);
	event(&fixture.ledger, 1, BEGIN + S);
	assert_int_equal(total_s(&fixture, 1), 0);
	assert_int_equal(total_s(&fixture, 3), 2);
	assert_true(reclaim_lasts(&fixture.reclaim));
	assert_int_equal(total_s(&fixture, 7), 6);
	/* The ledger takes one second of it. */
	event(&fixture.ledger, -1, BEGIN + 7 * S);
	assert_int_equal(fixture.ledger.stall_ns, S);
	assert_int_equal(total_s(&fixture, 8), 6);
	assert_false(reclaim_lasts(&fixture.reclaim));
	assert_int_equal(total_s(&fixture, 50), 6);
	/* The next is told from its first second on, and a short one as it ever was. */
	event(&fixture.ledger, 1, BEGIN + 60 * S);
	assert_int_equal(total_s(&fixture, 62), 8);
	event(&fixture.ledger, 1, BEGIN + 62 * S);
	assert_int_equal(total_s(&fixture, 63), 9);
	event(&fixture.ledger, -1, BEGIN + 63 * S);
	event(&fixture.ledger, -1, BEGIN + 63 * S + S / 2);
	assert_int_equal(total_s(&fixture, 70) * 2, 18);
	assert_int_equal(reclaim_total(&fixture.reclaim, &fixture.ledger, BEGIN + 70 * S),
			 9 * S + S / 2);
}

static void a_missed_exit_is_no_stall_for_ever(void **state)
{
	struct fixture fixture = { 0 };

	(void)state;
	event(&fixture.ledger, 1, BEGIN);
	assert_int_equal(total_s(&fixture, 9), 9);
	assert_int_equal(total_s(&fixture, 11), 10);
	assert_false(reclaim_lasts(&fixture.reclaim));
	assert_int_equal(total_s(&fixture, 3600), 10);
	/* Before the first event, and with a clock that was read a moment before it. */
	fixture = (struct fixture){ .ledger.running = 1 };
	assert_int_equal(total_s(&fixture, 5), 0);
	fixture.ledger.event_ns = (uint64_t)(BEGIN + 6 * S);
	assert_int_equal(total_s(&fixture, 5), 0);
}

/* Read between the kernel's two stores: a total that went back would start the window anew. */
static void it_never_goes_back(void **state)
{
	struct fixture fixture = { 0 };

	(void)state;
	event(&fixture.ledger, 1, BEGIN);
	assert_int_equal(total_s(&fixture, 4), 4);
	fixture.ledger.event_ns = (uint64_t)(BEGIN + 4 * S);
	fixture.ledger.running = 0;
	assert_int_equal(total_s(&fixture, 4), 4);
	fixture.ledger.stall_ns = (uint64_t)S;
	assert_int_equal(total_s(&fixture, 5), 4);
}

/* Against the truth: never more than it, and all of it where no slice was longer than is told. */
static void right_for_any_walk(void **state)
{
	struct fixture fixture = { 0 };
	int64_t now_ns = BEGIN, true_ns = 0, last_ns = 0, told_ns;
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t step_ns = random_in(&seed, 0, 2 * S);

		now_ns += step_ns;
		true_ns += fixture.ledger.running ? step_ns : 0;
		/* Looked at before each event, so that nothing of a slice is missed. */
		told_ns = reclaim_total(&fixture.reclaim, &fixture.ledger, now_ns);
		assert_true(told_ns >= last_ns && told_ns == true_ns);
		last_ns = told_ns;
		event(&fixture.ledger,
		      fixture.ledger.running > 2 || (fixture.ledger.running && i & 1) ? -1 : 1,
		      now_ns);
	}
}

/* What it is for: one task that reclaims on and on is seen as a stall of all the time. */
static void the_share_of_one_that_lasts(void **state)
{
	struct fixture fixture = { 0 };
	struct window window = { 0 };
	int64_t share = 0;

	(void)state;
	for (int64_t s = 0; s <= 16; s++) {
		if (s == 5)
			event(&fixture.ledger, 1, BEGIN + s * S);
		share = window_add(&window,
				   reclaim_total(&fixture.reclaim, &fixture.ledger, BEGIN + s * S),
				   BEGIN + s * S);
		if (s == 9)
			assert_int_equal(share, PPM * 4 / 10);
	}
	assert_in_range(share, PPM * 9 / 10, PPM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_while_it_lasts_and_once),
		cmocka_unit_test(a_missed_exit_is_no_stall_for_ever),
		cmocka_unit_test(it_never_goes_back),
		cmocka_unit_test(right_for_any_walk),
		cmocka_unit_test(the_share_of_one_that_lasts),
	};

	return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
