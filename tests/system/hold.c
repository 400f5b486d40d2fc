/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Holds the locks of directories as anybody can who may read them: reads their entries into memory
 * of which the pages never come. (A user has that of a FUSE filesystem of their own; here it is
 * userfaultfd's, opened while still root.) Until it is ended.
 *
 *   hold UID DIRECTORY...
 *
 * Prints "held" once all are.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES 65536

static char *memory;
static unsigned int next;

static void *hold(void *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	syscall(SYS_getdents64, fd, memory + (size_t)__sync_fetch_and_add(&next, 1) * BYTES, BYTES);
	perror("hold");
	exit(1);
}

int main(int argc, char **argv)
{
	int i, fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t size = (size_t)argc * BYTES;
	struct uffd_msg fault;
	pthread_t thread;

	if (argc < 3)
		return 64;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)memory;
	range.range.len = size;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || memory == MAP_FAILED ||
	    ioctl(fd, UFFDIO_REGISTER, &range) ||
	    setresgid((gid_t)atoi(argv[1]), (gid_t)atoi(argv[1]), (gid_t)atoi(argv[1])) ||
	    setresuid((uid_t)atoi(argv[1]), (uid_t)atoi(argv[1]), (uid_t)atoi(argv[1]))) {
		perror("hold");
		return 77;
	}
	for (i = 2; i < argc; i++)
		if (pthread_create(&thread, NULL, hold, argv[i]) ||
		    read(fd, &fault, sizeof(fault)) != sizeof(fault))
			return 1;
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}
