/* SPDX-License-Identifier: GPL-2.0-only */
/* Promised room: what is let in, what is released, and the attacker who promises and never sends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/units.h"
#include "policy/address.h"
#include "policy/reservation.h"
#include "random.h"

#define S     NS_PER_S
#define MB    INT64_C(1000000)
#define BEGIN (1000 * S)
#define ROOM  (500 * MB)

static struct reservations reservations;

static int setup(void **state)
{
	(void)state;
	reservation_init(&reservations, 0x5eed);
	reservation_headroom(&reservations, ROOM, BEGIN);
	return 0;
}

static bool ask(enum class class, int64_t size, const char *address, int64_t at_s)
{
	return reservation_take(&reservations, class, size, address, BEGIN + at_s * S);
}

/* The Nth address of many. */
static const char *address_of(unsigned int n)
{
	static char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	return text;
}

static unsigned int let_in(unsigned int sessions, int64_t size, bool addresses, int64_t at_s)
{
	unsigned int in = 0;

	for (unsigned int i = 0; i < sessions; i++)
		in += ask(CLASS_INBOUND, size, addresses ? address_of(i) : NULL, at_s);
	return in;
}

static void a_hundred_sessions_do_not_all_get_in(void **state)
{
	unsigned int in = let_in(100, 20 * MB, true, 0);

	(void)state;
	assert_in_range(in, 10, 18);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), in * 20 * MB);
	/* Small mail of strangers enters, and so does a user's. */
	assert_int_equal(let_in(200, 50000, true, 1), 200);
	assert_true(ask(CLASS_SUBMISSION, 20 * MB, "192.0.2.1", 1));
}

static void without_an_address_the_sum_is_the_limit(void **state)
{
	(void)state;
	assert_in_range(let_in(100, 20 * MB, false, 0), 10, 18);
	assert_true(reservation_bytes(&reservations, CLASS_INBOUND) <= ROOM * 3 / 4);
}

static void what_does_not_arrive_is_released(void **state)
{
	unsigned int in = let_in(100, 20 * MB, true, 0);

	(void)state;
	assert_int_equal(let_in(100, 20 * MB, true, 59), 0);
	assert_int_equal(let_in(100, 20 * MB, true, 61), in);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), in * 20 * MB);
	/* Long after, and the shares of the addresses with it. */
	assert_true(ask(CLASS_INBOUND, ROOM / 4, address_of(0), 1000));
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), ROOM / 4);
}

static void what_arrives_is_released_the_oldest_first(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", 0));
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.2", 1));
	reservation_headroom(&reservations, ROOM - 100 * MB, BEGIN + 2 * S);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), 100 * MB);
	/* The first may come again, up to a quarter of what there is now. */
	assert_false(ask(CLASS_INBOUND, 100 * MB + 1, "192.0.2.1", 3));
	assert_true(ask(CLASS_INBOUND, 90 * MB, "192.0.2.1", 3));
	assert_false(ask(CLASS_INBOUND, MB, "192.0.2.2", 3));
	/* A part of the oldest. */
	reservation_headroom(&reservations, ROOM - 130 * MB, BEGIN + 4 * S);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), 160 * MB);
}

/* A filesystem that others write and delete on releases its swing once a minute, not each time. */
static void churn_does_not_release_everything(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(ask(CLASS_INBOUND, 30 * MB, address_of((unsigned int)i), 0));
	for (int i = 1; i < 40; i++)
		reservation_headroom(&reservations, ROOM - i % 2 * 50 * MB, BEGIN + i * S);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), 250 * MB);
}

/* One honest sender whose mail arrives is not held up by what has arrived. */
static void a_steady_sender_goes_on(void **state)
{
	int64_t headroom = 4000 * MB;

	(void)state;
	reservation_headroom(&reservations, headroom, BEGIN);
	for (int i = 0; i < 200; i++) {
		assert_true(ask(CLASS_INBOUND, 15 * MB, "192.0.2.1", i));
		if (i >= 2) /* it takes a while: its promises are never all released */
			headroom -= 15 * MB;
		reservation_headroom(&reservations, headroom, BEGIN + i * S + S / 2);
	}
}

static void thirty_sessions_of_one_attacker(void **state)
{
	unsigned int in = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		in += ask(CLASS_INBOUND, 100 * MB, "2001:db8::bad", 0);
	assert_int_equal(in, 1);
	/* Its neighbours in the /64 are the same; others, users and small mail are not. */
	assert_false(ask(CLASS_INBOUND, 100 * MB, "2001:db8::1:2:3:4", 0));
	assert_true(ask(CLASS_INBOUND, 100 * MB, "2001:db8:0:1::bad", 0));
	assert_true(ask(CLASS_SUBMISSION, 100 * MB, "2001:db8:0:2::1", 0));
	assert_true(ask(CLASS_INBOUND, 20000, "192.0.2.1", 0));
}

static void thousands_of_requests_of_one_attacker(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++)
		ask(CLASS_INBOUND, 1 * MB, "::ffff:192.0.2.66", i / 1000);
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), ROOM / 4);
	assert_false(ask(CLASS_INBOUND, 1 * MB, "192.0.2.66", 21));
	assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.67", 21));
}

/* Thousands of addresses take the strangers' share, yet not the users', nor all of small mail's. */
static void thousands_of_addresses(void **state)
{
	(void)state;
	let_in(20000, 20 * MB, true, 0);
	let_in(20000, 1 * MB, true, 1);
	assert_true(reservation_bytes(&reservations, CLASS_INBOUND) <= ROOM * 3 / 4);
	assert_true(ask(CLASS_INBOUND, 50000, "192.0.2.1", 2));
	assert_true(ask(CLASS_SUBMISSION, 50 * MB, "192.0.2.2", 2));
	assert_true(ask(CLASS_INTERNAL, ROOM * 10, NULL, 2));
	assert_true(ask(CLASS_INBOUND, ROOM / 4, "192.0.2.3", 100));
}

/* Did strangers' promises grow by this one? */
static bool grabs(int64_t size, unsigned int address)
{
	int64_t before = reservation_bytes(&reservations, CLASS_INBOUND);

	ask(CLASS_INBOUND, size, address_of(address), 0);
	return reservation_bytes(&reservations, CLASS_INBOUND) > before;
}

/* Ever half of what is left, from a fresh address where one has its share. */
static void grab_all(int64_t room)
{
	unsigned int address = 0;

	for (int64_t size = room / 4; size > 0; size /= 2)
		while (grabs(size, address) || grabs(size, ++address))
			;
}

static void halving_sizes_leave_small_mail_alone(void **state)
{
	int64_t small = reservation_small(&reservations, CLASS_INBOUND);

	(void)state;
	grab_all(ROOM);
	assert_true(reservation_bytes(&reservations, CLASS_INBOUND) > ROOM * 3 / 4 - 1000);
	assert_true(reservation_bytes(&reservations, CLASS_INBOUND) <= ROOM * 3 / 4);
	assert_false(ask(CLASS_INBOUND, 1 * MB, "192.0.2.1", 1));
	/* Of the attacker's addresses, too: it may as well send what is small. */
	assert_true(ask(CLASS_INBOUND, 1000, "192.0.2.1", 1));
	assert_true(ask(CLASS_INBOUND, ROOM / RESERVATION_SMALL, address_of(0), 1));
	assert_false(ask(CLASS_INBOUND, ROOM / RESERVATION_SMALL + 1, address_of(0), 1));
	assert_true(reservation_small(&reservations, CLASS_INBOUND) == small);
	/* What was let in without room was promised none. */
	assert_true(reservation_bytes(&reservations, CLASS_INBOUND) <= ROOM * 3 / 4);
	/* Where there is next to no room no mail is small. */
	reservation_headroom(&reservations, MB, BEGIN + S);
	grab_all(MB);
	assert_false(ask(CLASS_INBOUND, 1000, "192.0.2.1", 1));
}

/* Users cannot lock strangers out either: half for one address, three quarters for all. */
static void users_have_a_limit_too(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		ask(CLASS_SUBMISSION, 10 * MB, "192.0.2.9", 0);
	assert_int_equal(reservation_bytes(&reservations, CLASS_SUBMISSION), ROOM / 2);
	for (unsigned int i = 0; i < 1000; i++)
		ask(CLASS_SUBMISSION, 1 * MB, address_of(i), 0);
	assert_true(reservation_bytes(&reservations, CLASS_SUBMISSION) <= ROOM * 3 / 4);
	assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.1", 0));
}

static void edges(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, -1, NULL, 0));
	assert_true(ask(CLASS_INBOUND, 0, "192.0.2.1", 0));
	assert_false(ask(CLASS_INBOUND, INT64_MAX, NULL, 0));
	assert_false(ask(CLASS_INBOUND, INT64_MAX, "192.0.2.1", 0));
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), 0);
	reservation_headroom(&reservations, 0, BEGIN + S);
	assert_false(ask(CLASS_INBOUND, 1, "192.0.2.1", 1));
	assert_false(ask(CLASS_SUBMISSION, 1, NULL, 1));
	reservation_headroom(&reservations, INT64_MAX, BEGIN + 2 * S);
	assert_true(ask(CLASS_INBOUND, INT64_MAX, "192.0.2.1", 2));
	assert_int_equal(reservation_bytes(&reservations, CLASS_INBOUND), 0);
}

/* What holds whatever is asked: no class and no address has more than its share of the room. */
static void shares_hold_for_any_walk(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int64_t at_ns = 0; at_ns < 300 * S; at_ns += random_in(&seed, 0, S / 50)) {
		enum class class = (enum class)random_in(&seed, 0, 2);
		int64_t size = random_in(&seed, 0, 30 * MB), held = 0;

		if (random_next(&seed) % 40 == 0)
			reservation_headroom(&reservations, ROOM - random_in(&seed, 0, 20 * MB),
					     BEGIN + at_ns);
		if (!reservation_take(&reservations, class, size,
				      address_of((unsigned int)random_in(&seed, 0, 40)),
				      BEGIN + at_ns))
			continue;
		for (int i = 0; i < CLASSES; i++) {
			assert_true(reservations.bytes[i] >= 0);
			assert_true(reservations.bytes[i] <= ROOM * 3 / 4);
			held += reservations.bytes[i];
		}
		assert_true(held <= ROOM);
		assert_true(reservations.promised - reservations.released == (uint64_t)held);
	}
}

/* What is small is taken whoever asks and whatever was promised. */
static void small_ones_need_no_promise(void **state)
{
	uint64_t random = 7;

	(void)state;
	assert_true(reservation_small(&reservations, CLASS_INTERNAL) == INT64_MAX);
	assert_true(reservation_small(&reservations, CLASS_INBOUND) == 256 * 1024);
	for (int64_t i = 0; i < 20000; i++) {
		enum class class = i & 1 ? CLASS_INBOUND : CLASS_SUBMISSION;
		int64_t small;

		ask(class, (int64_t)(random_next(&random) % (100 * MB)), NULL, i / 100);
		small = reservation_small(&reservations, class);
		assert_true(small == 256 * 1024 && small * RESERVATION_SMALL <= ROOM);
		assert_true(ask(class, small, NULL, i / 100));
	}
	reservation_headroom(&reservations, 0, BEGIN);
	assert_true(reservation_small(&reservations, CLASS_INBOUND) == 0);
	reservation_headroom(&reservations, INT64_MAX, BEGIN);
	assert_true(reservation_small(&reservations, CLASS_INBOUND) == INT64_MAX);
}

static void hashes_are_of_networks(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::192.0.2.1", false },
		{ "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
		{ "::", "::1", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(address_hash(rows[i].a, 9) == address_hash(rows[i].b, 9),
				 rows[i].same);
		assert_true(address_hash(rows[i].a, 9) != address_hash(rows[i].a, 8));
		assert_true(address_hash(rows[i].a, 0));
	}
	assert_true(address_hash(NULL, 9) == 0);
	assert_true(address_hash("mail.example", 9) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_hundred_sessions_do_not_all_get_in, setup),
		cmocka_unit_test_setup(without_an_address_the_sum_is_the_limit, setup),
		cmocka_unit_test_setup(what_does_not_arrive_is_released, setup),
		cmocka_unit_test_setup(what_arrives_is_released_the_oldest_first, setup),
		cmocka_unit_test_setup(churn_does_not_release_everything, setup),
		cmocka_unit_test_setup(a_steady_sender_goes_on, setup),
		cmocka_unit_test_setup(thirty_sessions_of_one_attacker, setup),
		cmocka_unit_test_setup(thousands_of_requests_of_one_attacker, setup),
		cmocka_unit_test_setup(thousands_of_addresses, setup),
		cmocka_unit_test_setup(halving_sizes_leave_small_mail_alone, setup),
		cmocka_unit_test_setup(users_have_a_limit_too, setup),
		cmocka_unit_test_setup(edges, setup),
		cmocka_unit_test_setup(shares_hold_for_any_walk, setup),
		cmocka_unit_test_setup(small_ones_need_no_promise, setup),
		cmocka_unit_test(hashes_are_of_networks),
	};

	return cmocka_run_group_tests_name("reservation", tests, NULL, NULL);
}
