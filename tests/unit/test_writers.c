/* SPDX-License-Identifier: GPL-2.0-only */
/* Who writes most, out of a table whose entries change hands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/units.h"
#include "watch/writers.h"

#define S    NS_PER_S
#define PAGE 4096

static struct ledger_writer table[LEDGER_WRITERS];
static struct writers writers;
static struct writer top[WRITERS_TOP];

static int start(void **state)
{
	(void)state;
	memset(table, 0, sizeof(table));
	memset(&writers, 0, sizeof(writers));
	return 0;
}

static void set(unsigned int i, uint64_t cgroup, const char *comm, uint64_t pages)
{
	table[i].cgroup = cgroup;
	table[i].pages = pages;
	memcpy(table[i].comm, comm, strnlen(comm, LEDGER_COMM));
}

static unsigned int ask(int64_t now_ns)
{
	return writers_top(&writers, table, 0, PAGE, now_ns, top);
}

static void nobody(void **state)
{
	(void)state;
	assert_int_equal(ask(1000 * S), 0);
}

static void rates_are_of_ten_seconds(void **state)
{
	(void)state;
	set(5, 1, "cleanup", 1000);
	writers_snapshot(&writers, table, 1000 * S);
	table[5].pages += 100;
	assert_int_equal(ask(1001 * S), 1);
	assert_int_equal(top[0].bytes_per_s, 100 * PAGE / 10);
	table[5].pages += 900;
	ask(1010 * S);
	assert_int_equal(top[0].bytes_per_s, 1000 * PAGE / 10);
	/* Nothing more for ten seconds: gone. */
	writers_snapshot(&writers, table, 1010 * S);
	writers_snapshot(&writers, table, 1015 * S);
	assert_int_equal(ask(1020 * S), 0);
}

static void the_largest_first_and_five_at_most(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
	unsigned int i;

	(void)state;
	writers_snapshot(&writers, table, 1000 * S);
	for (i = 0; i < 7; i++)
		set(i * 3, i + 1, names[i], (i * 5 % 7 + 1) * 1000);
	assert_int_equal(ask(1010 * S), WRITERS_TOP);
	for (i = 0; i + 1 < WRITERS_TOP; i++)
		assert_true(top[i].bytes_per_s > top[i + 1].bytes_per_s);
	assert_int_equal(top[0].bytes_per_s, 7000 * PAGE / 10);
	assert_int_equal(top[4].bytes_per_s, 3000 * PAGE / 10);
}

static void other_filesystems_are_not_ours(void **state)
{
	(void)state;
	set(1, 1, "dd", 5000);
	table[1].slot = 3;
	assert_int_equal(ask(1000 * S), 0);
	assert_int_equal(writers_top(&writers, table, 3, PAGE, 1000 * S, top), 1);
}

static void an_entry_that_changed_hands_starts_from_nothing(void **state)
{
	(void)state;
	set(1, 1, "smtpd", 50000);
	writers_snapshot(&writers, table, 1000 * S);
	memset(table[1].comm, 0, LEDGER_COMM);
	set(1, 1, "dd", 100);
	assert_int_equal(ask(1010 * S), 1);
	assert_string_equal(top[0].comm, "dd");
	assert_int_equal(top[0].bytes_per_s, 100 * PAGE / 10);
}

static void a_full_name_is_terminated(void **state)
{
	(void)state;
	set(1, 1, "0123456789abcdef", 100);
	ask(1010 * S);
	assert_string_equal(top[0].comm, "0123456789abcdef");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nobody, start),
		cmocka_unit_test_setup(rates_are_of_ten_seconds, start),
		cmocka_unit_test_setup(the_largest_first_and_five_at_most, start),
		cmocka_unit_test_setup(other_filesystems_are_not_ours, start),
		cmocka_unit_test_setup(an_entry_that_changed_hands_starts_from_nothing, start),
		cmocka_unit_test_setup(a_full_name_is_terminated, start),
	};

	return cmocka_run_group_tests_name("writers", tests, NULL, NULL);
}
