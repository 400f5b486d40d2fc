/* SPDX-License-Identifier: GPL-2.0-only */
/* What a pressure file says. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch/psi.h"

int64_t psi_total_of(const char *text, const char *line)
{
	const char *found = strstr(text, line), *total = found ? strstr(found, "total=") : NULL;

	return total ? strtoll(total + strlen("total="), NULL, 10) * 1000 : -1;
}

int64_t psi_total_ns(int fd, const char *line)
{
	char text[512];
	ssize_t length = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return -1;
	text[length] = '\0';
	return psi_total_of(text, line);
}
