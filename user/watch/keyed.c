/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a key and a number. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch/keyed.h"

bool keyed_read(int fd, char text[KEYED_BYTES])
{
	ssize_t length = fd < 0 ? -1 : pread(fd, text, KEYED_BYTES - 1, 0);

	if (length <= 0)
		return false;
	text[length] = '\0';
	return true;
}

int64_t keyed_number(const char *text, const char *key)
{
	size_t length = strlen(key);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length))
			return strtoll(line + length, NULL, 10);
	}
	return -1;
}
