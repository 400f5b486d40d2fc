/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel files are read to their end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/keyed.h"

/* Made line by line, so that each read of it is a page at most; and some megabytes long. */
#define LONG_FILE "/proc/kallsyms"

static void more_than_a_page_is_read(void **state)
{
	char text[KEYED_BYTES];
	int fd = open(LONG_FILE, O_RDONLY);

	(void)state;
	assert_true(fd >= 0);
	assert_true(keyed_read(fd, text));
	assert_int_equal(strlen(text), KEYED_BYTES - 1);
	close(fd);
	assert_false(keyed_read(-1, text));
}

static void all_of_a_file_is_read(void **state)
{
	char path[] = "/tmp/spoolgate-keyed-XXXXXX", *text;
	int fd = mkstemp(path), line;
	bool cut = true;
	FILE *out;

	(void)state;
	out = fdopen(fd, "w");
	assert_non_null(out);
	for (line = 0; line < 100000; line++)
		fprintf(out, "%09d\n", line);
	assert_int_equal(fclose(out), 0);
	text = keyed_read_all(path, 1000000, &cut);
	unlink(path);
	assert_non_null(text);
	assert_false(cut);
	assert_int_equal(strlen(text), 1000000);
	assert_string_equal(text + 999990, "000099999\n");
	free(text);
}

static void what_is_too_long_is_cut_and_told(void **state)
{
	const size_t most[] = { 1, 65534, 65535, 65536, 100000 };
	bool cut;

	(void)state;
	for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
		char *text = keyed_read_all(LONG_FILE, most[i], &cut);

		assert_non_null(text);
		assert_true(cut);
		assert_int_equal(strlen(text), most[i]);
		free(text);
	}
	assert_null(keyed_read_all("/proc/none", 1000, &cut));
	assert_null(keyed_read_all("/proc", 1000, &cut));
}

static void numbers_are_found_by_their_key(void **state)
{
	const char *text = "one 1\nMemTotal:  2 kB\n total 3\nten 10\n";

	(void)state;
	assert_int_equal(keyed_number(text, "one "), 1);
	assert_int_equal(keyed_number(text, "MemTotal:"), 2);
	assert_int_equal(keyed_number(text, "total "), -1);
	assert_int_equal(keyed_number("7", ""), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_a_page_is_read),
		cmocka_unit_test(all_of_a_file_is_read),
		cmocka_unit_test(what_is_too_long_is_cut_and_told),
		cmocka_unit_test(numbers_are_found_by_their_key),
	};

	return cmocka_run_group_tests_name("keyed", tests, NULL, NULL);
}
