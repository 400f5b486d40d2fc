/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes to lines. A line longer than the room for it is cut, and its rest passed over. No I/O. */
#ifndef MTA_FILTER_LINES_H
#define MTA_FILTER_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* What is asked for is in the first hundred bytes; in a MAIL command, SIZE in the first thousand.
 */
#define FILTER_LINE 4096

struct filter_lines {
	size_t used;
	char line[FILTER_LINE];
};

/*
 * Take bytes from *BYTES on, up to *SIZE, and step over them. Returns the next line, without its
 * end and valid until the next call, or NULL when there is none in what is left.
 */
const char *filter_lines_next(struct filter_lines *lines, const char **bytes, size_t *size);

#endif
