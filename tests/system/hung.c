/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A filesystem that hangs: mounted at DIRECTORY (FUSE), it answers nothing until it is ended,
 * when whoever waits gets an error.
 *
 *   hung DIRECTORY
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int begin(int fd, const struct fuse_in_header *in)
{
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} out = {
		.header = { .len = sizeof(out), .unique = in->unique },
		.init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 },
	};

	return write(fd, &out, sizeof(out)) == sizeof(out) ? 0 : -1;
}

int main(int argc, char **argv)
{
	static char request[1 << 20];
	const struct fuse_in_header *in = (const void *)request;
	char options[128];
	int fd = open("/dev/fuse", O_RDWR);

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (argc != 2 || fd < 0 || mount("hung", argv[1], "fuse", MS_NOSUID | MS_NODEV, options)) {
		perror("hung");
		return 1;
	}
	while (read(fd, request, sizeof(request)) > 0) {
		if (in->opcode != FUSE_INIT)
			continue;
		if (begin(fd, in))
			return 1;
		puts("hangs");
		fflush(stdout);
	}
	return 0;
}
