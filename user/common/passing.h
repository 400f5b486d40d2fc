/* SPDX-License-Identifier: GPL-2.0-only */
/* Descriptors handed over by a unix socket, beside the bytes that they come with. */
#ifndef COMMON_PASSING_H
#define COMMON_PASSING_H

#include <sys/types.h>

#define PASSED_MOST 8 /* descriptors, with one message */

/*
 * As send(2), with COUNT descriptors, PASSED_MOST at most, that stay the caller's as well. Never
 * SIGPIPE.
 */
ssize_t send_with(int socket, const void *data, size_t size, int flags, const int *fds,
		  unsigned int count);

/* As recv(2), with what came along in FDS: COUNT of them, that are closed on exec. */
ssize_t receive_with(int socket, void *data, size_t size, int flags, int fds[PASSED_MOST],
		     unsigned int *count);

#endif
