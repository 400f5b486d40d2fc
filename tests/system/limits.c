/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A filesystem without a device (FUSE, as NFS is one) whose server has limits: files can be made
 * and written, through the page cache, and what is written back to those of these names is refused.
 *
 *   limits MOUNTPOINT
 *
 * "edquot": quota exceeded, "enospc": no space left, "eio": input/output error. While there is one
 * of the name "all", quota is exceeded for every file. Nothing is kept but names and sizes. Prints
 * "ready" once it is mounted; ends when it is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 256
#define BLOCK 4096

struct file {
	char name[64]; /* "": no longer */
	uint64_t size;
};

static struct file files[FILES]; /* node 1 is the directory, 2 the first */
static int device;

static int reply(const struct fuse_in_header *in, int error, const void *data, size_t size)
{
	char buffer[512];
	const struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.error = -error,
		.unique = in->unique,
	};

	memcpy(buffer, &header, sizeof(header));
	memcpy(buffer + sizeof(header), data, size);
	/* Who asked may have given up. */
	return write(device, buffer, header.len) < 0 && errno != ENOENT ? -errno : 0;
}

static int say(const struct fuse_in_header *in, int error)
{
	return reply(in, error, "", 0);
}

static int begin(const struct fuse_in_header *in)
{
	const struct fuse_init_in *init = (const void *)(in + 1);
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = init->minor < 31 ? init->minor : 31,
		.max_readahead = 65536,
		.flags = init->flags & (FUSE_WRITEBACK_CACHE | FUSE_BIG_WRITES),
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = 65536,
		.time_gran = 1,
	};

	return reply(in, 0, &out, sizeof(out));
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr attr = {
		.ino = node, .mode = S_IFDIR | 01777, .nlink = 2, .blksize = BLOCK
	};

	if (node > 1) {
		attr.mode = S_IFREG | 0600;
		attr.nlink = 1;
		attr.size = files[node - 2].size;
	}
	return attr;
}

static int tell_attributes(const struct fuse_in_header *in)
{
	const struct fuse_attr_out out = { .attr = attributes(in->nodeid) };

	return reply(in, 0, &out, sizeof(out));
}

static int set_attributes(const struct fuse_in_header *in)
{
	const struct fuse_setattr_in *set = (const void *)(in + 1);

	if (set->valid & FATTR_SIZE && in->nodeid > 1)
		files[in->nodeid - 2].size = set->size;
	return tell_attributes(in);
}

static int tell_statfs(const struct fuse_in_header *in)
{
	const struct fuse_statfs_out out = {
		.st = { .blocks = 1 << 20,
			.bfree = 1 << 19,
			.bavail = 1 << 19,
			.bsize = BLOCK,
			.frsize = BLOCK,
			.namelen = 255 },
	};

	return reply(in, 0, &out, sizeof(out));
}

static uint64_t find(const char *name)
{
	uint64_t i;

	for (i = 0; i < FILES; i++)
		if (*name && !strcmp(files[i].name, name))
			return i + 2;
	return 0;
}

static int refusal(const char *name)
{
	if (find("all") || !strcmp(name, "edquot"))
		return EDQUOT;
	if (!strcmp(name, "enospc"))
		return ENOSPC;
	return strcmp(name, "eio") ? 0 : EIO;
}

static struct fuse_entry_out entry(uint64_t node)
{
	return (struct fuse_entry_out){ .nodeid = node, .attr = attributes(node) };
}

static int look_up(const struct fuse_in_header *in)
{
	uint64_t node = find((const char *)(in + 1));
	const struct fuse_entry_out out = entry(node ? node : 1);

	return node ? reply(in, 0, &out, sizeof(out)) : say(in, ENOENT);
}

/* Entries are not used again: an unlinked file may still be open. */
static int create(const struct fuse_in_header *in)
{
	const struct fuse_create_in *made = (const void *)(in + 1);
	static uint64_t count;
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = { 0 };

	if (count == FILES)
		return say(in, ENOSPC);
	snprintf(files[count].name, sizeof(files[count].name), "%.63s", (const char *)(made + 1));
	out.entry = entry(count++ + 2);
	return reply(in, 0, &out, sizeof(out));
}

static int write_back(const struct fuse_in_header *in)
{
	const struct fuse_write_in *part = (const void *)(in + 1);
	const struct fuse_write_out out = { .size = part->size };
	struct file *file = &files[in->nodeid - 2];
	int error = refusal(file->name);

	if (error)
		return say(in, error);
	if (part->offset + part->size > file->size)
		file->size = part->offset + part->size;
	return reply(in, 0, &out, sizeof(out));
}

static int answer(const struct fuse_in_header *in)
{
	static const struct fuse_open_out opened;
	uint64_t node;

	switch (in->opcode) {
	case FUSE_INIT:
		return begin(in);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0; /* not to be answered */
	case FUSE_LOOKUP:
		return look_up(in);
	case FUSE_GETATTR:
		return tell_attributes(in);
	case FUSE_SETATTR:
		return set_attributes(in);
	case FUSE_STATFS:
		return tell_statfs(in);
	case FUSE_CREATE:
		return create(in);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return reply(in, 0, &opened, sizeof(opened));
	case FUSE_WRITE:
		return write_back(in);
	case FUSE_UNLINK:
		node = find((const char *)(in + 1));
		if (node)
			files[node - 2].name[0] = '\0';
		return say(in, node ? 0 : ENOENT);
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return say(in, 0);
	}
	return say(in, ENOSYS);
}

static int serve(void)
{
	static char request[1 << 20];
	int error = 0;

	while (!error) {
		if (read(device, request, sizeof(request)) > 0)
			error = answer((const void *)request);
		else if (errno == ENODEV)
			return 0; /* unmounted */
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			error = -errno;
	}
	return error;
}

int main(int argc, char **argv)
{
	char options[128];
	int error;

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=41777,user_id=0,group_id=0,allow_other",
		 device);
	if (argc != 2 || device < 0 ||
	    mount("limits", argv[1], "fuse.limits", MS_NOSUID | MS_NODEV, options)) {
		perror("limits");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	error = serve();
	if (error)
		fprintf(stderr, "limits: %s\n", strerror(-error));
	return !!error;
}
