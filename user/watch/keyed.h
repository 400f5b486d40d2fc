/* SPDX-License-Identifier: GPL-2.0-only */
/* Small kernel files of lines that begin with a key and go on with a number. */
#ifndef WATCH_KEYED_H
#define WATCH_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYED_BYTES 16384

/* The whole of the file behind FD, NUL-terminated; false when it cannot be read. */
bool keyed_read(int fd, char text[KEYED_BYTES]);

/*
 * All of the file at PATH, NUL-terminated, to be freed: where it is longer than MOST bytes, the
 * first of them, and *CUT becomes true. NULL when it cannot be read.
 */
char *keyed_read_all(const char *path, size_t most, bool *cut);

/* The number in the line of TEXT that starts with KEY (its blank or colon included); -1: none. */
int64_t keyed_number(const char *text, const char *key);

#endif
