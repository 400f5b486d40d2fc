/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files whose news comes as POLLPRI (mountinfo, PSI triggers). libevent has no word for
 * that, so such a file is put into an epoll set of its own, which is readable then.
 */
#ifndef WATCH_PRIORITY_H
#define WATCH_PRIORITY_H

/* Returns a descriptor that is readable when FD has POLLPRI, or -errno. */
int priority_open(int fd);

/* Take the news, so that the descriptor is no longer readable. */
void priority_take(int epoll_fd);

#endif
