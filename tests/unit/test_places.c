/* SPDX-License-Identifier: GPL-2.0-only */
/* How many places the file limit makes, and what is said when all are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "publish/places.h"

static struct places share(rlim_t files)
{
	struct rlimit limit;
	struct places places;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = files;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	places_share(&places);
	return places;
}

/* All of them together, and the daemon's own, are within the limit; one kind leaves others room. */
static void test_share(void **state)
{
	struct rlimit before;
	struct places places;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	for (rlim_t files = 16; files <= before.rlim_max && files <= 65536; files *= 2) {
		places = share(files);
		assert_true(places.state + places.listeners <= files - files / 8);
		assert_true(places.state > 0 && places.listener > 0);
		assert_true(places.listener < places.listeners);
	}
	places = share(4096);
	assert_int_equal(places.state, 2048);
	assert_int_equal(places.listeners, 1536);
	assert_int_equal(places.listener, 1024);
	setrlimit(RLIMIT_NOFILE, &before);
}

static void test_raise(void **state)
{
	struct rlimit before, limit;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	share(1024);
	places_raise_limit();
	getrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(limit.rlim_cur,
			 before.rlim_max < PLACES_FILES ? before.rlim_max : PLACES_FILES);
	/* Never down. */
	if (before.rlim_max > PLACES_FILES) {
		share(PLACES_FILES + 1);
		places_raise_limit();
		getrlimit(RLIMIT_NOFILE, &limit);
		assert_int_equal(limit.rlim_cur, PLACES_FILES + 1);
	}
	setrlimit(RLIMIT_NOFILE, &before);
}

/* A thousand times within a minute: one line. */
static void test_said_once_a_minute(void **state)
{
	struct places_lack lack = { 0 };
	int pipes[2], kept = dup(STDERR_FILENO);
	char said[2048];
	ssize_t length;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	dup2(pipes[1], STDERR_FILENO);
	for (int i = 0; i < 1000; i++)
		places_lacked(&lack, "listen \"x\"", 7);
	dup2(kept, STDERR_FILENO);
	length = read(pipes[0], said, sizeof(said) - 1);
	assert_true(length > 0);
	said[length] = '\0';
	assert_non_null(strstr(said, "listen \"x\": no place for another connection beside 7"));
	assert_ptr_equal(strchr(said, '\n'), said + length - 1);
	assert_int_equal(lack.times, 1000);
	close(pipes[0]);
	close(pipes[1]);
	close(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_raise),
		cmocka_unit_test(test_said_once_a_minute),
	};

	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
