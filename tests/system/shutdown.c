/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shutdown MOUNT: make the filesystem fail from now on, as after a fatal error: every access is
 * EIO. What lies on a loop device on top of it sees a disk that fails.
 */
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FS_IOC_GOING_DOWN _IOR('X', 125, __u32)
#define WITHOUT_FLUSH	  2

int main(int argc, char **argv)
{
	__u32 how = WITHOUT_FLUSH;
	int fd;

	if (argc != 2) {
		fputs("usage: shutdown MOUNT\n", stderr);
		return 64;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FS_IOC_GOING_DOWN, &how)) {
		perror(argv[1]);
		return 1;
	}
	close(fd);
	return 0;
}
