/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors by sendmsg(2) and recvmsg(2). */
#include "common/passing.h"

#include <string.h>
#include <sys/socket.h>

union passed {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(PASSED_MOST * sizeof(int))];
};

ssize_t send_with(int socket, const void *data, size_t size, int flags, const int *fds,
		  unsigned int count)
{
	union passed control = { 0 };
	struct iovec part = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

ssize_t receive_with(int socket, void *data, size_t size, int flags, int fds[PASSED_MOST],
		     unsigned int *count)
{
	union passed control = { 0 };
	struct iovec part = { .iov_base = data, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*count = 0;
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return got;
	*count = (unsigned int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
	return got;
}
