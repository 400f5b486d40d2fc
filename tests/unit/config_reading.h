/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of the configuration: write a file, read it, compare what comes of it. */
#ifndef TESTS_CONFIG_READING_H
#define TESTS_CONFIG_READING_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/config.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Large, so not on the stack. */
static struct config config, before;
static char directory[] = "/tmp/spoolgate-config-XXXXXX";
static char file[64];
static char message[PATH_MAX + 1024];

static inline void write_file(const char *bytes, size_t length)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

static inline int read_bytes(const char *bytes, size_t length)
{
	write_file(bytes, length);
	message[0] = '\0';
	return config_read(&config, file, message, sizeof(message));
}

static inline void take(const char *text)
{
	if (read_bytes(text, strlen(text)))
		fail_msg("refused: %s\n%s", message, text);
}

/* MESSAGE begins with the file's name; WANT does not. */
static inline void refuse_bytes(const char *bytes, size_t length, const char *want)
{
	memset(&config, 0x5a, sizeof(config));
	before = config;
	assert_int_equal(read_bytes(bytes, length), -EINVAL);
	assert_memory_equal(message, file, strlen(file));
	if (strcmp(message + strlen(file), want) != 0)
		fail_msg("\nof    %.200s\nsaid  %s\nnot   %s", bytes, message + strlen(file), want);
	assert_memory_equal(&config, &before, sizeof(config));
}

static inline void refuse(const char *text, const char *want)
{
	refuse_bytes(text, strlen(text), want);
}

static inline void assert_threshold(const struct threshold *threshold, const char *want)
{
	char got[256] = "", one[64];

	for (unsigned int i = 0; i < threshold->count; i++) {
		quantity_format(one, sizeof(one), &threshold->any_of[i]);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", one);
	}
	assert_string_equal(got, want);
}

static inline int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/spoolgate.conf", directory);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

#endif
