/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a key and a number. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch/keyed.h"

#define FIRST_BYTES (64 * 1024)

/* A file that the kernel makes line by line comes a page at a time. */
bool keyed_read(int fd, char text[KEYED_BYTES])
{
	ssize_t length = -1, at = 0;

	while (fd >= 0 && at < KEYED_BYTES - 1 &&
	       (length = pread(fd, text + at, (size_t)(KEYED_BYTES - 1 - at), at)) > 0)
		at += length;
	if (length < 0 || !at)
		return false;
	text[at] = '\0';
	return true;
}

/* Read on from FD into a buffer that grows. Returns 0 or -errno. */
static int read_on(int fd, char **text, size_t most, bool *cut)
{
	size_t size = FIRST_BYTES, at = 0;
	char *buffer = malloc(size);
	ssize_t length = 0;

	*text = buffer;
	while (buffer && (length = read(fd, buffer + at, size - 1 - at)) > 0) {
		at += (size_t)length;
		if (at > most)
			break;
		if (at < size - 1)
			continue;
		size *= 2;
		buffer = realloc(*text, size);
		if (buffer)
			*text = buffer;
	}
	if (!buffer || length < 0)
		return buffer ? -errno : -ENOMEM;
	*cut = at > most;
	buffer[*cut ? most : at] = '\0';
	return 0;
}

char *keyed_read_all(const char *path, size_t most, bool *cut)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	error = read_on(fd, &text, most, cut);
	close(fd);
	if (!error)
		return text;
	free(text);
	return NULL;
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
