/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration file as text: what is refused, in which words, and within what bounds. */
#include <sys/stat.h>

#include "config_cases.h"
#include "config_reading.h"

static void test_bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_files); i++)
		refuse(bad_files[i].text, bad_files[i].want);
}

/* libconfuse's lexer keeps its state: an error must not spoil the next reading (a reload). */
static void test_good_after_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad_files); i++) {
		refuse(bad_files[i].text, bad_files[i].want);
		take("mode = \"observe\"\nfilesystem \"/x\" { }\n");
		assert_int_equal(config.mode, MODE_OBSERVE);
		assert_int_equal(config.filesystem_count, 1);
		assert_int_equal(config.filesystems[0].line, 2);
	}
}

/* What libconfuse alone gets wrong: comments in odd places, variables, its escapes. */
static void test_text_is_literal(void **state)
{
	(void)state;
	setenv("SPOOLGATE_TEST", "/wrong", 1);
	take("filesystem '/${SPOOLGATE_TEST}' { }\n"
	     "filesystem \"/${SPOOLGATE_TEST}x\" { }\n"
	     "filesystem \"/a'b#c//d/*e{}\" { }\n"
	     "filesystem '/a\\'b\"\\\\c' { }\n"
	     "filesystem \"/\xc3\xa4 \xff=~|\" { }\n");
	assert_string_equal(config.filesystems[0].path, "/${SPOOLGATE_TEST}");
	assert_string_equal(config.filesystems[1].path, "/${SPOOLGATE_TEST}x");
	assert_string_equal(config.filesystems[2].path, "/a'b#c//d/*e{}");
	assert_string_equal(config.filesystems[3].path, "/a'b\"\\c");
	assert_string_equal(config.filesystems[4].path, "/\xc3\xa4 \xff=~|");
}

static void test_comments_and_lines(void **state)
{
	(void)state;
	take("# \"{ '\n"
	     "// /* \n"
	     "/* { \" # // ** / \n"
	     " **//**/filesystem /* x */ \"/a\" # {\n"
	     "// y\n"
	     "{ free-space { medium = # in between\r\n"
	     "{ # the first\n"
	     "\"50%\" /* { */ , // the second\n"
	     "\"40G\",\n"
	     "} } }\n"
	     "filesystem \"/b\" { } # no newline at the end");
	assert_int_equal(config.filesystem_count, 2);
	assert_int_equal(config.filesystems[0].line, 6);
	assert_int_equal(config.filesystems[1].line, 11);
	assert_threshold(&config.filesystems[0].resources[RESOURCE_FREE_SPACE].enter[LEVEL_MEDIUM],
			 "50% 40G");
}

static void test_many_filesystems(void **state)
{
	char text[1024] = "", want[128];

	(void)state;
	for (int i = 1; i <= CONFIG_FILESYSTEMS; i++)
		sprintf(text + strlen(text), "filesystem \"/%d\" { }\n", i);
	take(text);
	assert_int_equal(config.filesystem_count, CONFIG_FILESYSTEMS);
	strcat(text, "filesystem \"/one-too-many\" {\n}\n");
	snprintf(want, sizeof(want), ":%d: too many 'filesystem' blocks; allowed: %d",
		 CONFIG_FILESYSTEMS + 1, CONFIG_FILESYSTEMS);
	refuse(text, want);
}

static void test_many_networks(void **state)
{
	char text[8192] = "classes { internal = {";

	(void)state;
	for (int i = 0; i < CONFIG_NETWORKS; i++)
		sprintf(text + strlen(text), "\"10.0.%d.0/24\",\n", i);
	strcat(text, "} }");
	take(text);
	assert_int_equal(config.internal_count, CONFIG_NETWORKS);
	assert_int_equal(config.internal[CONFIG_NETWORKS - 1].prefix, 96 + 24);
	strcpy(strrchr(text, '\n') + 1, "\"10.1.0.0/16\" } }");
	refuse(text, ":1: 'internal' has 257 networks; allowed: up to 256");
}

/* TEXT followed by LENGTH times FILL and TAIL. Freed by the caller. */
static char *padded(const char *text, char fill, size_t length, const char *tail)
{
	char *all = malloc(strlen(text) + length + strlen(tail) + 1);

	assert_non_null(all);
	strcpy(all, text);
	memset(all + strlen(text), fill, length);
	strcpy(all + strlen(text) + length, tail);
	return all;
}

static void test_long_path(void **state)
{
	char *text = padded("filesystem '/", 'x', PATH_MAX - 2, "' { }");

	(void)state;
	take(text);
	assert_int_equal(strlen(config.filesystems[0].path), PATH_MAX - 1);
	free(text);
	text = padded("\nfilesystem '/", 'x', PATH_MAX - 1, "' { }");
	refuse(text, ":2: value too long; allowed: up to 4095 bytes");
	free(text);
	text = padded("mode = ", 'x', 100000, "\n");
	refuse(text, ":1: value too long; allowed: up to 4095 bytes");
	free(text);
	text = padded("filesystem '/x", '/', 3000, "' { }");
	take(text);
	assert_string_equal(config.filesystems[0].path, "/x");
	free(text);
	text = padded("filesystem '/", '/', 100, "' { }");
	take(text);
	assert_string_equal(config.filesystems[0].path, "/");
	free(text);
}

/* The longest address, name and reply are taken, and one byte more is not. */
static void test_longest_values(void **state)
{
	static const struct {
		const char *head, *tail;
		size_t longest;
	} cases[] = {
		{ "state { address = 'unix:/", "' }", 106 },
		{ "state { group = '", "' }", 63 },
		{ "state { admin = '", "' }", 63 },
		{ "user = '", "'", 63 },
		{ "admission { reply = '452 4.3.1 ", "' }", 190 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *text = padded(cases[i].head, 'x', cases[i].longest, cases[i].tail);

		take(text);
		free(text);
		text = padded(cases[i].head, 'x', cases[i].longest + 1, cases[i].tail);
		assert_int_equal(read_bytes(text, strlen(text)), -EINVAL);
		free(text);
	}
}

static void test_large_file(void **state)
{
	char *text = padded("mode = observe\n#", 'x', (1 << 20) - 16, "");

	(void)state;
	assert_int_equal(strlen(text), 1 << 20);
	take(text);
	assert_int_equal(config.mode, MODE_OBSERVE);
	free(text);
	text = padded("mode = observe\n#", 'x', (1 << 20) - 15, "");
	refuse(text, ": is too large; allowed: up to 1024 KiB");
	free(text);
}

static void test_nul_bytes(void **state)
{
	static const char in_comment[] = "mode = observe\n# x\0y\n";
	static const char in_string[] = "mode = \"obs\0erve\"\n";
	static const char at_end[] = "mode = observe\n\n\0";

	(void)state;
	refuse_bytes(in_comment, sizeof(in_comment) - 1, ":2: NUL byte; allowed: text");
	refuse_bytes(in_string, sizeof(in_string) - 1, ":1: NUL byte; allowed: text");
	refuse_bytes(at_end, sizeof(at_end) - 1, ":3: NUL byte; allowed: text");
}

static void refuse_path(const char *path, int error, const char *want)
{
	memset(&config, 0x5a, sizeof(config));
	before = config;
	assert_int_equal(config_read(&config, path, message, sizeof(message)), error);
	assert_string_equal(message, want);
	assert_memory_equal(&config, &before, sizeof(config));
}

static void test_not_files(void **state)
{
	char fifo[64], want[128];

	(void)state;
	snprintf(want, sizeof(want), "%s: is a directory; allowed: a regular file", directory);
	refuse_path(directory, -EINVAL, want);
	refuse_path("/dev/null", -EINVAL,
		    "/dev/null: is a device, pipe or socket; allowed: a regular file");
	refuse_path("/nonexistent/spoolgate.conf", -ENOENT,
		    "/nonexistent/spoolgate.conf: cannot be opened: No such file or directory");
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	snprintf(want, sizeof(want), "%s: is a device, pipe or socket; allowed: a regular file",
		 fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(10); /* had it blocked, we would not come back */
	refuse_path(fifo, -EINVAL, want);
	alarm(0);
	unlink(fifo);
}

static void test_short_error_buffer(void **state)
{
	static const char text[] = "nonsense = 1\n";
	char small[8];

	(void)state;
	write_file(text, strlen(text));
	for (size_t size = 1; size <= sizeof(small); size++) {
		memset(small, 'x', sizeof(small));
		assert_int_equal(config_read(&config, file, small, size), -EINVAL);
		assert_int_equal(small[size - 1], '\0');
		assert_int_equal(strlen(small), size - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),	 cmocka_unit_test(test_good_after_bad),
		cmocka_unit_test(test_text_is_literal),	 cmocka_unit_test(test_comments_and_lines),
		cmocka_unit_test(test_many_filesystems), cmocka_unit_test(test_many_networks),
		cmocka_unit_test(test_long_path),	 cmocka_unit_test(test_longest_values),
		cmocka_unit_test(test_large_file),	 cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_not_files),	 cmocka_unit_test(test_short_error_buffer),
	};

	return cmocka_run_group_tests_name("config file", tests, set_up, tear_down);
}
