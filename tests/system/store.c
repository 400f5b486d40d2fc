/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fill a file in one of the ways in which a filesystem fills.
 *
 *   store WAY FILE MIB
 *
 * Exit: 77 when this kernel or filesystem has no such way.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static char *block; /* 1 MiB */

static ssize_t by_write(int fd, off_t offset)
{
	return pwrite(fd, block, MIB, offset);
}

static ssize_t by_writev(int fd, off_t offset)
{
	struct iovec halves[] = { { block, MIB / 2 }, { block + MIB / 2, MIB / 2 } };

	return pwritev(fd, halves, 2, offset);
}

static ssize_t by_mmap(int fd, off_t offset)
{
	char *memory;

	if (ftruncate(fd, offset + MIB))
		return -1;
	memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (memory == MAP_FAILED)
		return -1;
	memset(memory, 1, MIB);
	munmap(memory, MIB);
	return MIB;
}

static ssize_t by_direct(int fd, off_t offset)
{
	if (!offset && fcntl(fd, F_SETFL, O_DIRECT))
		return -1;
	return pwrite(fd, block, MIB, offset);
}

static ssize_t by_fallocate(int fd, off_t offset)
{
	return fallocate(fd, 0, offset, MIB) ? -1 : MIB;
}

static ssize_t by_sendfile(int fd, off_t offset)
{
	int from = memfd_create("store", MFD_CLOEXEC);
	off_t start = 0;
	ssize_t sent;

	if (from < 0 || pwrite(from, block, MIB, 0) != MIB || lseek(fd, offset, SEEK_SET) < 0)
		return -1;
	sent = sendfile(fd, from, &start, MIB);
	close(from);
	return sent;
}

static ssize_t by_splice(int fd, off_t offset)
{
	loff_t end = offset + MIB;
	int ends[2];
	ssize_t sent = 0;

	if (pipe(ends))
		return -1;
	while (offset < end && sent >= 0) {
		sent = write(ends[1], block, 64 * 1024);
		if (sent > 0)
			sent = splice(ends[0], NULL, fd, &offset, (size_t)sent, 0);
	}
	close(ends[0]);
	close(ends[1]);
	return sent < 0 ? -1 : MIB;
}

static ssize_t by_aio(int fd, off_t offset)
{
	static aio_context_t context;
	struct iocb request = {
		.aio_fildes = (__u32)fd,
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (__u64)(uintptr_t)block,
		.aio_nbytes = MIB,
		.aio_offset = offset,
	};
	struct iocb *requests[] = { &request };
	struct io_event event = { .res = -1 };

	if ((!offset && syscall(SYS_io_setup, 1, &context)) ||
	    syscall(SYS_io_submit, context, 1, requests) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -1;
	return (ssize_t)event.res;
}

/* A ring for one request at a time. */
static struct {
	int fd;
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *request;
} ring;

static int open_ring(void)
{
	size_t size;

	ring.fd = (int)syscall(SYS_io_uring_setup, 1, &ring.params);
	if (ring.fd < 0)
		return -1;
	if (!(ring.params.features & IORING_FEAT_SINGLE_MMAP)) {
		errno = ENOSYS;
		return -1;
	}
	size = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
	ring.queues =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	ring.request = mmap(NULL, sizeof(*ring.request), PROT_READ | PROT_WRITE, MAP_SHARED,
			    ring.fd, IORING_OFF_SQES);
	return ring.queues == MAP_FAILED || ring.request == MAP_FAILED ? -1 : 0;
}

static __u32 *in_queues(__u32 offset)
{
	return (__u32 *)(ring.queues + offset);
}

static ssize_t by_io_uring(int fd, off_t offset)
{
	const struct io_uring_cqe *events;
	__u32 head;

	if (!offset && open_ring())
		return -1;
	memset(ring.request, 0, sizeof(*ring.request));
	ring.request->opcode = IORING_OP_WRITE;
	ring.request->fd = fd;
	ring.request->addr = (__u64)(uintptr_t)block;
	ring.request->len = MIB;
	ring.request->off = (__u64)offset;
	*in_queues(ring.params.sq_off.array) = 0;
	__atomic_fetch_add(in_queues(ring.params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -1;
	head = __atomic_fetch_add(in_queues(ring.params.cq_off.head), 1, __ATOMIC_ACQ_REL);
	events = (const struct io_uring_cqe *)(ring.queues + ring.params.cq_off.cqes);
	errno = 0;
	return events[head & *in_queues(ring.params.cq_off.ring_mask)].res;
}

static const struct {
	const char *name;
	ssize_t (*store)(int fd, off_t offset); /* MIB bytes; fewer is an error */
} ways[] = {
	{ "write", by_write },	       { "writev", by_writev },
	{ "mmap", by_mmap },	       { "direct", by_direct },
	{ "fallocate", by_fallocate }, { "sendfile", by_sendfile },
	{ "splice", by_splice },       { "aio", by_aio },
	{ "io_uring", by_io_uring },
};

int main(int argc, char **argv)
{
	size_t way;
	long i;
	int fd;

	if (argc != 4) {
		fputs("usage: store WAY FILE MIB\n", stderr);
		return 64;
	}
	for (way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
		if (!strcmp(ways[way].name, argv[1]))
			break;
	if (way == sizeof(ways) / sizeof(ways[0]) || posix_memalign((void **)&block, 4096, MIB))
		return 64;
	memset(block, 1, MIB);
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (i = 0; fd >= 0 && i < atol(argv[3]); i++) {
		if (ways[way].store(fd, i * MIB) != MIB) {
			perror(argv[1]);
			return errno == ENOSYS || errno == EPERM || errno == EOPNOTSUPP ? 77 : 1;
		}
	}
	if (fd < 0)
		perror(argv[2]);
	return fd < 0;
}
