/* SPDX-License-Identifier: GPL-2.0-only */
/* When a sync that does not come back is one that a disk will not complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watch/writable.h"

#define S NS_PER_S

/* Asked each second from FROM on: at which it is said to hang, or UNTIL. */
static int64_t hangs_at(struct writable *writable, int64_t completed, int64_t from, int64_t until)
{
	while (from < until && !writable_hangs(writable, completed, from * S))
		from++;
	return from;
}

static void a_disk_that_does_nothing_hangs(void **state)
{
	struct writable writable = { .writes = 7 };

	(void)state;
	assert_int_equal(hangs_at(&writable, 7, 1, 60), WRITABLE_STUCK_NS / S);
}

static void a_disk_that_serves_others_is_slow(void **state)
{
	struct writable writable = { .writes = 7 };

	(void)state;
	for (int64_t second = 1; second < 300; second++)
		assert_false(writable_hangs(&writable, 7 + second, second * S));
}

/* It completed something after the sync was sent, and then no more. */
static void a_disk_hangs_from_its_last_write_on(void **state)
{
	struct writable writable = { .writes = 7 };

	(void)state;
	assert_int_equal(hangs_at(&writable, 7, 1, 8), 8);
	assert_int_equal(hangs_at(&writable, 8, 8, 60), 8 + WRITABLE_STUCK_NS / S);
}

static void where_nothing_is_seen_it_takes_longer(void **state)
{
	struct writable writable = { .writes = -1 };

	(void)state;
	assert_int_equal(hangs_at(&writable, -1, 1, 60), WRITABLE_HUNG_NS / S);
}

static void while_we_were_stopped_nobody_waited(void **state)
{
	struct writable writable = { .writes = 7 };

	(void)state;
	assert_int_equal(hangs_at(&writable, 7, 1, 5), 5);
	assert_false(writable_hangs(&writable, 7, 600 * S));
	assert_int_equal(hangs_at(&writable, 7, 601, 660), 600 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_does_nothing_hangs),
		cmocka_unit_test(a_disk_that_serves_others_is_slow),
		cmocka_unit_test(a_disk_hangs_from_its_last_write_on),
		cmocka_unit_test(where_nothing_is_seen_it_takes_longer),
		cmocka_unit_test(while_we_were_stopped_nobody_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
