/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing in all the ways there are: each is a megabyte, or a page, in a file without a name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "act.h"
#include "watch/write_probe.h"

char *act_buffer(void)
{
	static char bytes[MIB] __attribute__((aligned(PAGE)));

	memset(bytes, 0x5a, sizeof(bytes));
	return bytes;
}

/* A file without a name, as big as SIZE. */
int act_file(const char *directory, int flags, off_t size)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);

	if (fd >= 0 && size && ftruncate(fd, size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int act_finish(int fd, bool done)
{
	int error = done ? 0 : -(errno ? errno : EIO);

	if (fd >= 0)
		close(fd);
	return error;
}

int act_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return act_finish(fd, fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static bool write_all(int fd)
{
	return write(fd, act_buffer(), MIB) == MIB && !fsync(fd);
}

int act_write(const char *directory)
{
	int fd = act_file(directory, 0, 0);

	return act_finish(fd, fd >= 0 && write_all(fd));
}

int act_fdatasync(const char *directory)
{
	int fd = act_file(directory, 0, 0);

	return act_finish(fd, fd >= 0 && write(fd, act_buffer(), PAGE) == PAGE && !fdatasync(fd));
}

int act_sync_write(const char *directory)
{
	int fd = act_file(directory, O_SYNC, 0);

	return act_finish(fd, fd >= 0 && write(fd, act_buffer(), PAGE) == PAGE);
}

int act_store(const char *directory)
{
	int fd = act_file(directory, 0, MIB);
	char *memory = MAP_FAILED;
	bool done = false;
	size_t at;

	if (fd >= 0)
		memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory != MAP_FAILED) {
		for (at = 0; at < MIB; at += PAGE)
			memory[at] = 1;
		done = !msync(memory, MIB, MS_SYNC);
		munmap(memory, MIB);
	}
	return act_finish(fd, done);
}

int act_sendfile(const char *directory)
{
	int from = memfd_create("source", MFD_CLOEXEC), fd = act_file(directory, 0, 0);
	size_t left = MIB;
	ssize_t sent = 1;

	if (from >= 0 && fd >= 0 && write(from, act_buffer(), MIB) == MIB &&
	    !lseek(from, 0, SEEK_SET))
		for (; left && sent > 0; left -= (size_t)(sent > 0 ? sent : 0))
			sent = sendfile(fd, from, NULL, left);
	if (from >= 0)
		close(from);
	return act_finish(fd, !left);
}

int act_direct_write(const char *directory)
{
	int fd = act_file(directory, O_DIRECT, 0);

	return act_finish(fd, fd >= 0 && write(fd, act_buffer(), MIB) == MIB);
}

int act_direct_read(const char *directory)
{
	int fd = act_file(directory, O_DIRECT, MIB);

	return act_finish(fd, fd >= 0 && pread(fd, act_buffer(), MIB, 0) == MIB);
}

int act_fallocate(const char *directory)
{
	int fd = act_file(directory, 0, 0);

	return act_finish(fd, fd >= 0 && !fallocate(fd, 0, 0, MIB));
}

int act_punch_hole(const char *directory)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	int fd = act_file(directory, 0, MIB);

	return act_finish(fd, fd >= 0 && !fallocate(fd, mode, 0, MIB));
}

int act_canary(const char *directory)
{
	const struct write_probe_as as = { 0 };
	struct write_probe probe;

	write_probe_canary(directory, &as, &probe);
	return probe.result;
}
