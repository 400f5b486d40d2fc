/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Overwrites the first MIB of FILE in place, over and over for SECONDS, as a database does: pages
 * are dirtied and no space is taken. Says how fast it was.
 *
 *   overwrite FILE MIB SECONDS
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static char block[1 << 20];
	unsigned long written = 0;
	double begin, end;
	int fd, mib, i;

	if (argc != 4)
		return 2;
	mib = atoi(argv[2]);
	fd = open(argv[1], O_WRONLY);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	begin = now_s();
	end = begin + atof(argv[3]);
	while (now_s() < end) {
		for (i = 0; i < mib; i++, written++)
			if (pwrite(fd, block, sizeof(block), (off_t)i << 20) !=
			    (ssize_t)sizeof(block))
				return 1;
		/* Clean pages are dirtied anew: a dirty one tells nobody. */
		sync_file_range(fd, 0, (off_t)mib << 20, SYNC_FILE_RANGE_WRITE);
		memset(block, (int)written, 64);
	}
	printf("%.0f MiB/s overwritten\n", (double)written / (now_s() - begin));
	return 0;
}
