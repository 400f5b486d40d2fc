/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A spool to be counted, and what its mail server does with it.
 *
 *   spool fill DIRECTORY FILES DIRECTORIES   so many empty files, evenly in so many hashed
 *                                            directories (0: flat), all of mode 0700
 *   spool storm DIRECTORY DIRECTORIES        rename files from one to another until ended
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME 4200

static void name_of(char name[NAME], const char *top, unsigned long directory, unsigned long file,
		    unsigned long directories)
{
	/* As queue ids are: in no order that a directory could be kept in. */
	unsigned long id = file * 2654435761UL & 0xffffffffffUL;

	if (directories)
		snprintf(name, NAME, "%s/%03lX/%010lX", top, directory, id);
	else
		snprintf(name, NAME, "%s/%010lX", top, id);
}

static int fill(const char *top, unsigned long files, unsigned long directories)
{
	char name[NAME];
	unsigned long i;
	int fd;

	mkdir(top, 0700);
	for (i = 0; i < directories; i++) {
		snprintf(name, NAME, "%s/%03lX", top, i);
		mkdir(name, 0700);
	}
	for (i = 0; i < files; i++) {
		name_of(name, top, directories ? i % directories : 0, i, directories);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		if (fd < 0) {
			perror(name);
			return 1;
		}
		close(fd);
	}
	return 0;
}

/* Every file goes one directory on, over and over. */
static int storm(const char *top, unsigned long directories)
{
	char from[NAME], to[NAME];
	unsigned long round, i;

	for (round = 0;; round++) {
		for (i = 0; i < 64 * directories; i++) {
			name_of(from, top, (i + round) % directories, i, directories);
			name_of(to, top, (i + round + 1) % directories, i, directories);
			if (rename(from, to)) {
				perror(from);
				return 1;
			}
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "fill"))
		return fill(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "storm"))
		return storm(argv[2], strtoul(argv[3], NULL, 10));
	fputs("usage: spool fill DIRECTORY FILES DIRECTORIES | storm DIRECTORY DIRECTORIES\n",
	      stderr);
	return 64;
}
