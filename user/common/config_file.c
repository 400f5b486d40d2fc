/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the configuration file, whatever turns out to be there. */
#include "common/config_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int config_problem(struct config_problem *problem, unsigned int line, const char *format, ...)
{
	va_list args;
	int length;

	if (problem->found)
		return -EINVAL;
	problem->found = true;
	if (line)
		length = snprintf(problem->text, problem->size, "%s:%u: ", problem->file, line);
	else
		length = snprintf(problem->text, problem->size, "%s: ", problem->file);
	if (length < 0 || (size_t)length >= problem->size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(problem->text + length, problem->size - (size_t)length, format, args);
	va_end(args);
	return -EINVAL;
}

static int check_regular(int fd, struct config_problem *problem)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int error = -errno;

		config_problem(problem, 0, "cannot be examined: %s", strerror(-error));
		return error;
	}
	if (!S_ISREG(st.st_mode))
		return config_problem(problem, 0, "is %s; allowed: a regular file",
				      S_ISDIR(st.st_mode) ? "a directory"
							  : "a device, pipe or socket");
	return 0;
}

/* One byte more than is allowed is asked for, so that too much is seen however it grows. */
static int read_all(int fd, char *bytes, size_t *length, struct config_problem *problem)
{
	ssize_t got;

	*length = 0;
	while (*length <= CONFIG_BYTES) {
		got = read(fd, bytes + *length, CONFIG_BYTES + 1 - *length);
		if (got == 0)
			return 0;
		if (got < 0) {
			int error = -errno;

			if (error == -EINTR)
				continue;
			config_problem(problem, 0, "cannot be read: %s", strerror(-error));
			return error;
		}
		*length += (size_t)got;
	}
	return config_problem(problem, 0, "is too large; allowed: up to %d KiB",
			      CONFIG_BYTES / 1024);
}

int config_file_read(char **bytes, size_t *length, struct config_problem *problem)
{
	char *buffer = NULL;
	int error, fd;

	/* O_NONBLOCK: a FIFO without a writer must not hold us up. */
	fd = open(problem->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		error = -errno;
		config_problem(problem, 0, "cannot be opened: %s", strerror(-error));
		return error;
	}
	error = check_regular(fd, problem);
	if (error)
		goto out;
	buffer = malloc(CONFIG_BYTES + 1);
	if (!buffer) {
		error = -ENOMEM;
		config_problem(problem, 0, "cannot be read: %s", strerror(ENOMEM));
		goto out;
	}
	error = read_all(fd, buffer, length, problem);
	if (error)
		goto out;
	*bytes = buffer;
	buffer = NULL;
out:
	free(buffer);
	close(fd);
	return error;
}
