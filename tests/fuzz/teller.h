/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the targets of the daemon's clients: a process that says to each who asks it what the input
 * is, as if it were the daemon, and hangs up. A byte PIECE_END ends a piece that is sent alone, a
 * byte PIECE_PAGE one that is sent with a descriptor.
 */
#ifndef TESTS_TELLER_H
#define TESTS_TELLER_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"

#define PIECE_END  0x1e
#define PIECE_PAGE 0x1d

#define TELLER_MOST (64 * 1024)

static struct {
	char directory[64], path[80];
	struct {
		size_t size;
		uint8_t bytes[TELLER_MOST];
	} * told; /* shared with the process */
} teller;

static inline void teller_end(void)
{
	unlink(teller.path);
	rmdir(teller.directory);
}

static inline void teller_send(int stream, const uint8_t *bytes, size_t size, int descriptor)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	const int twice[] = { descriptor, descriptor }; /* of which one is not wanted */
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (descriptor >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(twice));
		memcpy(CMSG_DATA(&control.header), twice, sizeof(twice));
	}
	if (size)
		(void)!sendmsg(stream, &message, MSG_NOSIGNAL);
}

static inline void teller_tell(int stream, int descriptor)
{
	const uint8_t *at = teller.told->bytes, *end = at + teller.told->size;
	char request[1024];

	if (recv(stream, request, sizeof(request), 0) <= 0)
		return;
	while (at < end) {
		const uint8_t *stop = at;

		while (stop < end && *stop != PIECE_END && *stop != PIECE_PAGE)
			stop++;
		teller_send(stream, at, (size_t)(stop - at),
			    stop < end && *stop == PIECE_PAGE ? descriptor : -1);
		at = stop + (stop < end);
	}
}

/* To be called once. DESCRIPTOR is what goes with a piece that wants one. */
static inline void teller_begin(int descriptor)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *place = getenv("TMPDIR");

	snprintf(teller.directory, sizeof(teller.directory), "%s/teller.XXXXXX",
		 place ? place : "/tmp");
	check(mkdtemp(teller.directory));
	snprintf(teller.path, sizeof(teller.path), "%s/s", teller.directory);
	strcpy(address.sun_path, teller.path);
	check(!bind(listener, (struct sockaddr *)&address, sizeof(address)));
	check(!listen(listener, 128));
	atexit(teller_end);
	teller.told = mmap(NULL, sizeof(*teller.told), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(teller.told != MAP_FAILED);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int stream = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (stream < 0)
				continue;
			teller_tell(stream, descriptor);
			close(stream);
		}
	}
	close(listener);
}

/* The bytes as they come out at the other end. Returns their size. */
static inline size_t teller_set(const uint8_t *data, size_t size, char *heard)
{
	size_t length = 0;

	check(size <= TELLER_MOST);
	memcpy(teller.told->bytes, data, size);
	teller.told->size = size;
	for (size_t i = 0; i < size; i++)
		if (data[i] != PIECE_END && data[i] != PIECE_PAGE)
			heard[length++] = (char)data[i];
	heard[length] = '\0';
	return length;
}

#endif
