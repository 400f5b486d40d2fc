/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the fuzz targets. A target is a .c file; its first comment has a line " * Parses: FILE…", the
 * files that its seeds must cover (tests/fuzz/run). What must be so is said with check().
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(so) ((so) ? (void)0 : not_so(__FILE__, __LINE__, #so))

static inline void not_so(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* The bytes and a NUL, in memory that ends where they do: a byte more is seen. To be freed. */
static inline char *text_of(const void *bytes, size_t size)
{
	char *text = malloc(size + 1);

	check(text);
	memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

/* TAKE each line of the input, without its end, as a string of its own. */
static inline void each_line(const uint8_t *data, size_t size, void (*take)(char *line))
{
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;
		char *line = text_of(data, length);

		take(line);
		free(line);
		data += length + !!end;
		size -= length + !!end;
	}
}

/* How many of the lowest descriptors are open. */
static inline unsigned int open_descriptors(void)
{
	struct pollfd fds[64];
	unsigned int count = 0;

	for (int i = 0; i < 64; i++)
		fds[i] = (struct pollfd){ .fd = i };
	check(poll(fds, 64, 0) >= 0);
	for (int i = 0; i < 64; i++)
		count += !(fds[i].revents & POLLNVAL);
	return count;
}

#endif
