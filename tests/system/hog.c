/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hold memory: take MIB of it, touch every page, say "held", and stay until killed.
 *
 *   hog MIB
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t bytes = argc == 2 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	char *memory;

	if (!bytes) {
		fputs("usage: hog MIB\n", stderr);
		return 64;
	}
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("hog");
		return 1;
	}
	memset(memory, 1, bytes);
	puts("held");
	fflush(stdout);
	pause();
	return 0;
}
