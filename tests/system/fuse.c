/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A FUSE filesystem that says what it is told to.
 *
 *   fuse MOUNTPOINT CONTROL [OPTION,...]
 *
 * Over a file: a file with the text of CONTROL, read anew each time. Over a directory: a directory
 * with nothing in it, whose statfs is what CONTROL says: "blocks bfree bavail files ffree bsize
 * frsize"; or, with "link PATH", a directory in which "link" leads to PATH, asked for anew each
 * time that somebody comes through. Either: "error ERRNO" is the answer to everything; with "hang"
 * whoever asks waits, past SIGKILL, until CONTROL says something else or this process is ended
 * (ENOTCONN from then on).
 *
 * Prints "ready" once it is mounted; it is for others than root, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES 65536
#define VALUES	   7
#define LINK_NODE  2

struct stub {
	int fd;
	const char *control;
	mode_t mode;
	char text[TEXT_BYTES];
	size_t length;
};

static void read_control(struct stub *stub)
{
	int fd = open(stub->control, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, stub->text, TEXT_BYTES - 1);

	if (fd >= 0)
		close(fd);
	stub->length = length > 0 ? (size_t)length : 0;
	stub->text[stub->length] = '\0';
}

/* An empty one is just being written. */
static void wait_for_control(struct stub *stub)
{
	for (read_control(stub); !stub->length || !strncmp(stub->text, "hang", 4);
	     read_control(stub))
		usleep(10000);
}

static int reply(const struct stub *stub, uint64_t unique, int error, const void *data, size_t size)
{
	static char buffer[sizeof(struct fuse_out_header) + TEXT_BYTES];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.error = -error,
		.unique = unique,
	};

	memcpy(buffer, &header, sizeof(header));
	memcpy(buffer + sizeof(header), data, size);
	/* Who asked may have given up. */
	return write(stub->fd, buffer, header.len) < 0 && errno != ENOENT ? -errno : 0;
}

static int begin(const struct stub *stub, uint64_t unique)
{
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_readahead = 65536,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = 65536,
		.time_gran = 1,
	};

	return reply(stub, unique, 0, &init, sizeof(init));
}

static struct fuse_attr attributes_of(const struct stub *stub, uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == LINK_NODE ? S_IFLNK | 0777 : stub->mode,
		.nlink = 2,
		.blksize = 4096,
	};
}

static int tell_attributes(const struct stub *stub, const struct fuse_in_header *in)
{
	const struct fuse_attr_out out = { .attr = attributes_of(stub, in->nodeid) };

	return reply(stub, in->unique, 0, &out, sizeof(out));
}

/* With no time for which it holds. */
static int look_up(const struct stub *stub, const struct fuse_in_header *in)
{
	const struct fuse_entry_out out = {
		.nodeid = LINK_NODE,
		.attr = attributes_of(stub, LINK_NODE),
	};

	if (strncmp(stub->text, "link ", 5) || strcmp((const char *)(in + 1), "link"))
		return reply(stub, in->unique, ENOENT, NULL, 0);
	return reply(stub, in->unique, 0, &out, sizeof(out));
}

static int tell_statfs(const struct stub *stub, uint64_t unique)
{
	struct fuse_statfs_out out = { .st = { .namelen = 255 } };
	long long value[VALUES] = { 0 };

	if (S_ISDIR(stub->mode))
		sscanf(stub->text, "%lld %lld %lld %lld %lld %lld %lld", &value[0], &value[1],
		       &value[2], &value[3], &value[4], &value[5], &value[6]);
	out.st.blocks = (uint64_t)value[0];
	out.st.bfree = (uint64_t)value[1];
	out.st.bavail = (uint64_t)value[2];
	out.st.files = (uint64_t)value[3];
	out.st.ffree = (uint64_t)value[4];
	out.st.bsize = (uint32_t)value[5];
	out.st.frsize = (uint32_t)value[6];
	return reply(stub, unique, 0, &out, sizeof(out));
}

static int tell_open(const struct stub *stub, uint64_t unique)
{
	/* Its size is not known: no page cache. */
	const struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

	return reply(stub, unique, 0, &out, sizeof(out));
}

static int tell_text(const struct stub *stub, const struct fuse_in_header *in)
{
	const struct fuse_read_in *read_in = (const void *)(in + 1);
	size_t left = read_in->offset < stub->length ? stub->length - read_in->offset : 0;

	if (left > read_in->size)
		left = read_in->size;
	return reply(stub, in->unique, 0, stub->text + (left ? read_in->offset : 0), left);
}

static int answer(struct stub *stub, const struct fuse_in_header *in)
{
	if (in->opcode == FUSE_INIT)
		return begin(stub, in->unique);
	if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	    in->opcode == FUSE_INTERRUPT)
		return 0; /* not to be answered */
	wait_for_control(stub);
	if (!strncmp(stub->text, "error ", 6))
		return reply(stub, in->unique, atoi(stub->text + 6), NULL, 0);
	switch (in->opcode) {
	case FUSE_STATFS:
		return tell_statfs(stub, in->unique);
	case FUSE_GETATTR:
		return tell_attributes(stub, in);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return tell_open(stub, in->unique);
	case FUSE_READ:
		return tell_text(stub, in);
	case FUSE_LOOKUP:
		return look_up(stub, in);
	case FUSE_READLINK:
		return reply(stub, in->unique, 0, stub->text + 5, strcspn(stub->text + 5, "\n"));
	case FUSE_READDIR:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_FLUSH:
	case FUSE_ACCESS:
		return reply(stub, in->unique, 0, NULL, 0);
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
		return reply(stub, in->unique, EACCES, NULL, 0);
	}
	return reply(stub, in->unique, ENOSYS, NULL, 0);
}

static int serve(struct stub *stub)
{
	static char request[1 << 20];
	int error;

	for (;;) {
		if (read(stub->fd, request, sizeof(request)) > 0) {
			error = answer(stub, (const void *)request);
			if (error)
				return error;
		} else if (errno != EINTR && errno != EAGAIN && errno != ENOENT) {
			return errno == ENODEV ? 0 : -errno; /* unmounted */
		}
	}
}

int main(int argc, char **argv)
{
	static struct stub stub;
	char options[256];
	struct stat st;
	int error;

	if (argc < 3 || stat(argv[1], &st)) {
		fputs("usage: fuse MOUNTPOINT CONTROL [OPTION,...]\n", stderr);
		return 64;
	}
	stub.control = argv[2];
	stub.mode = S_ISDIR(st.st_mode) ? S_IFDIR | 0755 : S_IFREG | 0444;
	stub.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=%o,user_id=0,group_id=0,allow_other%s%s",
		 stub.fd, stub.mode, argc > 3 ? "," : "", argc > 3 ? argv[3] : "");
	if (stub.fd < 0 || mount("stub", argv[1], "fuse.stub", MS_NOSUID | MS_NODEV, options)) {
		perror("fuse");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	error = serve(&stub);
	if (error)
		fprintf(stderr, "fuse: %s\n", strerror(-error));
	return !!error;
}
