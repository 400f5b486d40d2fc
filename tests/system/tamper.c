/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tamper SOCKET: asks for the admission page and tries to write and to resize it, with the
 * descriptor that came and with one opened anew. A line for each attempt; exit 1 when one worked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admission_page.h"

static void fail(const char *what)
{
	fprintf(stderr, "tamper: %s\n", what);
	exit(2);
}

static int receive_page(int stream)
{
	char line[8], control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { line, sizeof(line) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int fd;

	if (send(stream, "page\n", 5, MSG_NOSIGNAL) != 5 || recvmsg(stream, &message, 0) != 3 ||
	    memcmp(line, "ok\n", 3) || !CMSG_FIRSTHDR(&message))
		fail("no page");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* ERROR: of the attempt, 0 when it worked. */
static int told(const char *what, int error)
{
	printf("%s: %s\n", what, strerror(error));
	return !error;
}

static int map_error(int fd)
{
	void *place = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return place == MAP_FAILED ? errno : 0;
}

/* A mapping that reads is given; it must not turn into one that writes. */
static int protect_error(int fd)
{
	void *place = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	__u64 magic;

	if (place == MAP_FAILED)
		fail("cannot be read");
	memcpy(&magic, place, sizeof(magic));
	if (magic != ADMISSION_PAGE_MAGIC)
		fail("is no page");
	return mprotect(place, ADMISSION_PAGE_BYTES, PROT_READ | PROT_WRITE) ? errno : 0;
}

static int try_all(int fd)
{
	int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, worked = 0;

	worked += told("write", pwrite(fd, "x", 1, 0) < 0 ? errno : 0);
	worked += told("shrink", ftruncate(fd, 0) ? errno : 0);
	worked += told("grow", ftruncate(fd, 2 * ADMISSION_PAGE_BYTES) ? errno : 0);
	worked += told("hole", fallocate(fd, hole, 0, ADMISSION_PAGE_BYTES) ? errno : 0);
	worked += told("map", map_error(fd));
	worked += told("protect", protect_error(fd));
	return worked;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int stream = socket(AF_UNIX, SOCK_STREAM, 0), fd, again, worked;
	char path[64];

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		fail("usage: tamper SOCKET");
	strcpy(address.sun_path, argv[1]);
	if (connect(stream, (struct sockaddr *)&address, sizeof(address)))
		fail("cannot connect");
	fd = receive_page(stream);
	worked = try_all(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	if (again >= 0)
		worked += try_all(again);
	else
		told("open to write", errno);
	return worked ? 1 : 0;
}
