/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes to lines. */
#include "mta/filter_lines.h"

#include <string.h>

static void append(struct filter_lines *lines, const char *bytes, size_t size)
{
	size_t room = sizeof(lines->line) - 1 - lines->used;
	size_t length = size < room ? size : room;

	memcpy(lines->line + lines->used, bytes, length);
	lines->used += length;
}

const char *filter_lines_next(struct filter_lines *lines, const char **bytes, size_t *size)
{
	const char *end = memchr(*bytes, '\n', *size);
	size_t length = end ? (size_t)(end - *bytes) : *size;

	append(lines, *bytes, length);
	*bytes += length + !!end;
	*size -= length + !!end;
	if (!end)
		return NULL;
	lines->line[lines->used] = '\0';
	lines->used = 0;
	return lines->line;
}
