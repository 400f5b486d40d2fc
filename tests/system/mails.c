/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mails DIRECTORY BYTES FULL [ATTRIBUTE-BYTES [COUNT]]: a file of so many bytes after the other, as
 * fast as they can be made, until one cannot be: then FULL is there, with a line on it. Each with
 * an attribute of its own, where that is wanted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static char bytes[1 << 20];

static int one(const char *path, size_t size, size_t attribute, unsigned long number)
{
	int error = 0, fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	memcpy(bytes, &number, sizeof(number)); /* equal ones would share a block */
	if (attribute && fsetxattr(fd, "user.mail", bytes, attribute, 0))
		error = errno;
	if (!error && write(fd, bytes, size) != (ssize_t)size)
		error = errno ? errno : ENOSPC;
	if (close(fd) && !error)
		error = errno;
	return error;
}

int main(int argc, char **argv)
{
	size_t size, attribute;
	unsigned long number, count;
	char path[4096];
	int error = 0;
	FILE *full;

	if (argc < 4)
		return 2;
	size = strtoul(argv[2], NULL, 10);
	attribute = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	count = argc > 5 ? strtoul(argv[5], NULL, 10) : (unsigned long)-1;
	if (size > sizeof(bytes) || attribute > sizeof(bytes))
		return 2;
	for (number = 0; !error && number < count; number++) {
		snprintf(path, sizeof(path), "%s/%lu", argv[1], number);
		error = one(path, size, attribute, number);
	}
	if (!error)
		return 0;
	full = fopen(argv[3], "a");
	if (!full)
		return 1;
	fprintf(full, "mail %lu: %s\n", number, strerror(error));
	return fclose(full) ? 1 : 0;
}
