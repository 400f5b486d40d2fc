/* SPDX-License-Identifier: GPL-2.0-only */
/* Log lines, as they arrive on stderr. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"

static int saved_stderr, readable;
static char got[4096];

/* stderr becomes a pipe, until released. */
static int capture(void **state)
{
	int ends[2];

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	if (saved_stderr < 0 || pipe(ends) || dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	close(ends[1]);
	readable = ends[0];
	unsetenv("JOURNAL_STREAM");
	log_init();
	return 0;
}

static int release(void **state)
{
	(void)state;
	close(readable);
	return dup2(saved_stderr, STDERR_FILENO) < 0 || close(saved_stderr) ? -1 : 0;
}

/* What one read(2) gives: a pipe of ours holds one line at a time, so this is one write(2). */
static const char *line(void)
{
	ssize_t length = read(readable, got, sizeof(got) - 1);

	assert_true(length >= 0);
	got[length] = '\0';
	return got;
}

static void test_words(void **state)
{
	(void)state;
	log_error("no %s", "disk");
	assert_string_equal(line(), "error: no disk\n");
	log_warning("%d left", 3);
	assert_string_equal(line(), "warning: 3 left\n");
	log_notice("medium");
	assert_string_equal(line(), "medium\n");
	log_info("%s", "");
	assert_string_equal(line(), "\n");
}

static void test_journal(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init();
	log_error("a");
	assert_string_equal(line(), "<3>a\n");
	log_warning("b");
	assert_string_equal(line(), "<4>b\n");
	log_notice("c");
	assert_string_equal(line(), "<5>c\n");
	log_info("d");
	assert_string_equal(line(), "<6>d\n");
}

/* The variable is inherited by programs whose stderr goes elsewhere. */
static void test_other_stream(void **state)
{
	const char *streams[] = { "", "1:2", "x", "1", ":", NULL };
	char other_inode[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(other_inode, sizeof(other_inode), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	streams[5] = other_inode;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		log_init();
		log_error("a");
		assert_string_equal(line(), "error: a\n");
	}
}

static void test_control_bytes(void **state)
{
	(void)state;
	log_notice("a\nb\tc\x1b[1md\x7f\xc3\xa4");
	assert_string_equal(line(), "a?b?c?[1md?\xc3\xa4\n");
}

/* DEL and C1 (here CSI, as UTF-8 and as a byte) steer a terminal too; a process has such a name. */
static void test_control_characters(void **state)
{
	(void)state;
	log_notice("a\xc2\x9b\x31mb\xc2\x80\xc2\x9f\xc2\xa0");
	assert_string_equal(line(), "a?1mb??\xc2\xa0\n");
	log_notice("a\x9b\x31m\xffz\xe2\x82\xac\xe2\x82");
	assert_string_equal(line(), "a?1m?z\xe2\x82\xac??\n");
}

/* Nor is the last character half of one. */
static void test_cut_character(void **state)
{
	char text[3000];

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 4);
	log_notice("xx%s", text);
	assert_int_equal(strlen(line()), 1023);
	assert_memory_equal(got + 1019, "\xe2\x82\xac\n", 4);
	assert_null(strchr(got, '?'));
}

static void test_cut(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_warning("%s", text);
	assert_int_equal(strlen(line()), 1024);
	assert_memory_equal(got, "warning: xxx", 12);
	assert_int_equal(got[1022], 'x');
	assert_int_equal(got[1023], '\n');
}

static void test_errno_stays(void **state)
{
	(void)state;
	errno = ENOSPC;
	log_error("%m");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(line(), "error: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words, capture, release),
		cmocka_unit_test_setup_teardown(test_journal, capture, release),
		cmocka_unit_test_setup_teardown(test_other_stream, capture, release),
		cmocka_unit_test_setup_teardown(test_control_bytes, capture, release),
		cmocka_unit_test_setup_teardown(test_control_characters, capture, release),
		cmocka_unit_test_setup_teardown(test_cut, capture, release),
		cmocka_unit_test_setup_teardown(test_cut_character, capture, release),
		cmocka_unit_test_setup_teardown(test_errno_stays, capture, release),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
