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
#include "common/address.h"
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

static int64_t held(enum class class, int64_t at_s)
{
	return reservation_bytes(&reservations, class, BEGIN + at_s * S);
}

static void write(int64_t bytes, int64_t at_s)
{
	reservation_written(&reservations, bytes, BEGIN + at_s * S);
}

static void look(int64_t headroom, int64_t at_s)
{
	reservation_headroom(&reservations, headroom, BEGIN + at_s * S);
}

static void end(enum class class, int64_t size, const char *address, int64_t at_s)
{
	reservation_ended(&reservations, class, size, address, BEGIN + at_s * S);
}

static void a_hundred_sessions_do_not_all_get_in(void **state)
{
	unsigned int in = let_in(100, 20 * MB, true, 0);

	(void)state;
	assert_in_range(in, 10, 18);
	assert_int_equal(held(CLASS_INBOUND, 0), in * 20 * MB);
	/* Small mail of strangers enters, and so does a user's. */
	assert_int_equal(let_in(200, 50000, true, 1), 200);
	assert_true(ask(CLASS_SUBMISSION, 20 * MB, "192.0.2.1", 1));
}

static void without_an_address_the_sum_is_the_limit(void **state)
{
	(void)state;
	assert_in_range(let_in(100, 20 * MB, false, 0), 10, 18);
	assert_true(held(CLASS_INBOUND, 0) <= ROOM * 3 / 4);
}

/* By time in proportion: half of it after half of the minute. */
static void what_does_not_arrive_is_released(void **state)
{
	unsigned int in = let_in(100, 20 * MB, true, 0);

	(void)state;
	assert_in_range(held(CLASS_INBOUND, 15), in * 15 * MB - 1, in * 15 * MB);
	assert_in_range(held(CLASS_INBOUND, 30), in * 10 * MB - 1, in * 10 * MB);
	assert_in_range(held(CLASS_INBOUND, 45), in * 5 * MB - 1, in * 5 * MB);
	assert_int_equal(held(CLASS_INBOUND, 60), 0);
	assert_int_equal(let_in(100, 20 * MB, true, 61), in);
	assert_int_equal(held(CLASS_INBOUND, 61), in * 20 * MB);
	/* Long after, and the shares of the addresses with it. */
	assert_true(ask(CLASS_INBOUND, ROOM / 4, address_of(0), 1000));
	assert_int_equal(held(CLASS_INBOUND, 1000), ROOM / 4);
}

/* Spells fade each by itself, and a place is taken again when its spell is over. */
static void spells_go_round(void **state)
{
	(void)state;
	for (int at_s = 0; at_s < 1000; at_s++) {
		assert_true(ask(CLASS_INBOUND, MB, "192.0.2.1", at_s));
		if (at_s > 80) /* 1 MB of each of the last 60 s, half of it on the average */
			assert_in_range(held(CLASS_INBOUND, at_s), 28 * MB, 33 * MB);
	}
}

/* What arrives was announced last; what never comes stays on the account of who made it. */
static void what_is_written_is_released_the_newest_first(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", 0));
	assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.2", 15));
	write(40 * MB, 16);
	look(ROOM - 40 * MB, 16);
	assert_in_range(held(CLASS_INBOUND, 16), 83 * MB, 85 * MB); /* 100 × 44/60 + 10 × 59/60 */
	assert_false(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", 16));
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.2", 16));
	/* More than was promised releases it all, and no more. */
	write(1000 * MB, 17);
	write(1000 * MB, 18);
	assert_int_equal(held(CLASS_INBOUND, 18), 0);
	look(ROOM, 19);
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", 19));
}

/* Three messages of 1 MB a second, each gone again at once, from ever other addresses. */
static void mail_that_came_and_went_promises_nothing(void **state)
{
	(void)state;
	look(100 * MB, 0);
	for (int i = 0; i < 900; i++) {
		int64_t now = BEGIN + i * S / 3;

		assert_true(reservation_take(&reservations, CLASS_INBOUND, MB,
					     address_of((unsigned int)i), now));
		reservation_written(&reservations, MB + 4000, now + S / 10);
		if (i % 15 == 0)
			reservation_headroom(&reservations, 100 * MB, now + S / 5);
	}
	assert_true(held(CLASS_INBOUND, 300) < 2 * MB);
}

/* Beside a database that overwrites 100 MB a second, too. */
static void a_relay_beside_a_database(void **state)
{
	(void)state;
	look(120 * MB, 0);
	for (int i = 0; i < 90; i++)
		write(100 * MB, i - 90);
	for (int i = 0; i < 900; i++) {
		int64_t now = BEGIN + i * S / 3;

		assert_true(reservation_take(&reservations, CLASS_INBOUND, MB,
					     address_of((unsigned int)i), now));
		reservation_written(&reservations, 34 * MB, now + S / 10);
		if (reservation_wants_look(&reservations) || i % 15 == 0)
			reservation_headroom(&reservations, 120 * MB, now + S / 5);
	}
}

/* Which releases nothing at once of what was promised to slow senders. */
static void a_database_releases_no_promises_at_once(void **state)
{
	int64_t promised;

	(void)state;
	for (int i = 0; i < 60; i++)
		write(100 * MB, i - 60);
	let_in(100, 20 * MB, true, 0);
	promised = held(CLASS_INBOUND, 0);
	for (int i = 1; i <= 10; i++)
		write(100 * MB, i);
	assert_true(held(CLASS_INBOUND, 10) > promised / 3);
}

/* Until a look has found the room that is left, what was written is as if it was promised. */
static void what_no_look_has_seen_is_not_promised_again(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", 0));
	write(100 * MB, 1);
	assert_int_equal(held(CLASS_INBOUND, 1), 0);
	assert_true(reservation_wants_look(&reservations));
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.2", 1));
	write(100 * MB, 2);
	assert_true(ask(CLASS_INBOUND, 120 * MB, "192.0.2.3", 2));
	assert_false(ask(CLASS_INBOUND, 100 * MB, "192.0.2.4", 2));
	/* The same look, told again for another filesystem's, has seen nothing more. */
	reservation_headroom(&reservations, ROOM, BEGIN);
	assert_false(ask(CLASS_INBOUND, 100 * MB, "192.0.2.4", 2));
	look(ROOM - 200 * MB, 3);
	assert_false(reservation_wants_look(&reservations));
	assert_false(ask(CLASS_INBOUND, 60 * MB, "192.0.2.4", 3));
	look(ROOM, 4);
	assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.4", 4));
}

static void what_has_ended_promises_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(ask(CLASS_INBOUND, 100 * MB, "192.0.2.1", i / 10));
		assert_true(ask(CLASS_SUBMISSION, 50 * MB, NULL, i / 10));
		end(CLASS_INBOUND, 100 * MB, "192.0.2.1", i / 10);
		assert_int_equal(held(CLASS_INBOUND, i / 10), 0);
		end(CLASS_SUBMISSION, 50 * MB, NULL, i / 10);
		assert_int_equal(held(CLASS_SUBMISSION, i / 10), 0);
	}
	/* Nothing was written, so nothing waits for a look. */
	assert_false(reservation_wants_look(&reservations));
	assert_true(ask(CLASS_INBOUND, ROOM / 4, "192.0.2.1", 100));
}

/* Nobody ends more than was promised to the same address and class. */
static void only_ones_own_ends(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, 60 * MB, "192.0.2.1", 0));
	assert_true(ask(CLASS_INBOUND, 60 * MB, "192.0.2.2", 12));
	end(CLASS_INBOUND, INT64_MAX, "192.0.2.3", 12);
	end(CLASS_SUBMISSION, INT64_MAX, "192.0.2.1", 12);
	end(CLASS_INBOUND, 0, "192.0.2.1", 12);
	end(CLASS_INBOUND, -1, NULL, 12);
	assert_in_range(held(CLASS_INBOUND, 12), 108 * MB - 1, 108 * MB);
	end(CLASS_INBOUND, INT64_MAX, "192.0.2.1", 12);
	assert_int_equal(held(CLASS_INBOUND, 12), 60 * MB);
	end(CLASS_INBOUND, 20 * MB, "192.0.2.2", 12);
	assert_int_equal(held(CLASS_INBOUND, 12), 40 * MB);
	/* What was written of it is not let go a second time. */
	assert_true(ask(CLASS_INBOUND, 60 * MB, "192.0.2.1", 12));
	write(50 * MB, 12);
	end(CLASS_INBOUND, 60 * MB, "192.0.2.1", 12);
	assert_in_range(held(CLASS_INBOUND, 12), 20 * MB - 1, 20 * MB);
}

/* Announced and taken back over and over: nobody else is kept out by it. */
static void who_announces_and_resets_locks_nobody_out(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		ask(CLASS_INBOUND, ROOM / 4, "192.0.2.66", i / 10000);
		end(CLASS_INBOUND, ROOM / 4, "192.0.2.66", i / 10000);
		if (i % 1000 == 0)
			write(10 * MB, i / 10000); /* somebody does write */
		if (reservation_wants_look(&reservations))
			reservation_headroom(&reservations, ROOM, BEGIN + i + 1);
		if (i % 100 == 0) {
			assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.1", i / 10000));
			end(CLASS_INBOUND, 50 * MB, "192.0.2.1", i / 10000);
		}
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
	assert_true(held(CLASS_INBOUND, 19) <= ROOM / 4);
	assert_true(held(CLASS_INBOUND, 19) > ROOM / 4 - 2 * MB);
	assert_false(ask(CLASS_INBOUND, 10 * MB, "192.0.2.66", 19));
	assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.67", 19));
}

/* Thousands of addresses take the strangers' share, yet not the users', nor all of small mail's. */
static void thousands_of_addresses(void **state)
{
	(void)state;
	let_in(20000, 20 * MB, true, 0);
	let_in(20000, 1 * MB, true, 1);
	assert_true(held(CLASS_INBOUND, 1) <= ROOM * 3 / 4);
	assert_true(ask(CLASS_INBOUND, 50000, "192.0.2.1", 2));
	assert_true(ask(CLASS_SUBMISSION, 50 * MB, "192.0.2.2", 2));
	assert_true(ask(CLASS_INTERNAL, ROOM * 10, NULL, 2));
	assert_true(ask(CLASS_INBOUND, ROOM / 4, "192.0.2.3", 100));
}

/* Did strangers' promises grow by this one? */
static bool grabs(int64_t size, unsigned int address)
{
	int64_t before = held(CLASS_INBOUND, 0);

	ask(CLASS_INBOUND, size, address_of(address), 0);
	return held(CLASS_INBOUND, 0) > before;
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
	assert_true(held(CLASS_INBOUND, 0) > ROOM * 3 / 4 - 1000);
	assert_true(held(CLASS_INBOUND, 1) <= ROOM * 3 / 4);
	assert_false(ask(CLASS_INBOUND, 1 * MB, "192.0.2.1", 0));
	/* Of the attacker's addresses, too: it may as well send what is small. */
	assert_true(ask(CLASS_INBOUND, 1000, "192.0.2.1", 0));
	assert_true(ask(CLASS_INBOUND, ROOM / RESERVATION_SMALL, address_of(0), 0));
	assert_false(ask(CLASS_INBOUND, ROOM / RESERVATION_SMALL + 1, address_of(0), 0));
	assert_true(reservation_small(&reservations, CLASS_INBOUND) == small);
	/* What was let in without room was promised none. */
	assert_true(held(CLASS_INBOUND, 1) <= ROOM * 3 / 4);
	/* Where there is next to no room no mail is small. */
	reservation_headroom(&reservations, MB, BEGIN + S);
	grab_all(MB);
	assert_false(ask(CLASS_INBOUND, 1000, "192.0.2.1", 0));
}

/* Users cannot lock strangers out either: half for one address, three quarters for all. */
static void users_have_a_limit_too(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		ask(CLASS_SUBMISSION, 10 * MB, "192.0.2.9", 0);
	assert_int_equal(held(CLASS_SUBMISSION, 0), ROOM / 2);
	for (unsigned int i = 0; i < 1000; i++)
		ask(CLASS_SUBMISSION, 1 * MB, address_of(i), 0);
	assert_true(held(CLASS_SUBMISSION, 0) <= ROOM * 3 / 4);
	assert_true(ask(CLASS_INBOUND, 50 * MB, "192.0.2.1", 0));
}

static void edges(void **state)
{
	(void)state;
	assert_true(ask(CLASS_INBOUND, -1, NULL, 0));
	assert_true(ask(CLASS_INBOUND, 0, "192.0.2.1", 0));
	assert_false(ask(CLASS_INBOUND, INT64_MAX, NULL, 0));
	assert_false(ask(CLASS_INBOUND, INT64_MAX, "192.0.2.1", 0));
	assert_int_equal(held(CLASS_INBOUND, 0), 0);
	reservation_headroom(&reservations, 0, BEGIN + S);
	assert_false(ask(CLASS_INBOUND, 1, "192.0.2.1", 1));
	assert_false(ask(CLASS_SUBMISSION, 1, NULL, 1));
	reservation_headroom(&reservations, INT64_MAX, BEGIN + 2 * S);
	assert_true(ask(CLASS_INBOUND, INT64_MAX, "192.0.2.1", 2));
	assert_int_equal(held(CLASS_INBOUND, 0), 0);
}

/* What holds whatever is asked: no class and no address has more than its share of the room. */
static void shares_hold_for_any_walk(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int64_t at_ns = 0; at_ns < 300 * S; at_ns += random_in(&seed, 0, S / 50)) {
		enum class class = (enum class)random_in(&seed, 0, 2);
		int64_t size = random_in(&seed, 0, 30 * MB), all = 0;

		if (random_next(&seed) % 40 == 0)
			reservation_headroom(&reservations, ROOM - random_in(&seed, 0, 20 * MB),
					     BEGIN + at_ns);
		if (random_next(&seed) % 20 == 0)
			reservation_written(&reservations, random_in(&seed, 0, 60 * MB),
					    BEGIN + at_ns);
		if (random_next(&seed) % 10 == 0)
			reservation_ended(&reservations, class, size,
					  address_of((unsigned int)random_in(&seed, 0, 40)),
					  BEGIN + at_ns);
		if (!reservation_take(&reservations, class, size,
				      address_of((unsigned int)random_in(&seed, 0, 40)),
				      BEGIN + at_ns))
			continue;
		for (int i = 0; i < CLASSES; i++) {
			int64_t bytes = reservation_bytes(&reservations, i, BEGIN + at_ns);

			assert_true(bytes >= 0);
			assert_true(bytes <= ROOM * 3 / 4);
			all += bytes;
		}
		assert_true(all <= ROOM);
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
		cmocka_unit_test_setup(spells_go_round, setup),
		cmocka_unit_test_setup(what_is_written_is_released_the_newest_first, setup),
		cmocka_unit_test_setup(mail_that_came_and_went_promises_nothing, setup),
		cmocka_unit_test_setup(a_relay_beside_a_database, setup),
		cmocka_unit_test_setup(a_database_releases_no_promises_at_once, setup),
		cmocka_unit_test_setup(what_no_look_has_seen_is_not_promised_again, setup),
		cmocka_unit_test_setup(what_has_ended_promises_nothing, setup),
		cmocka_unit_test_setup(only_ones_own_ends, setup),
		cmocka_unit_test_setup(who_announces_and_resets_locks_nobody_out, setup),
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
