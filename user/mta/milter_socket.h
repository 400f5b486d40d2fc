/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket on which the mail server finds the milter. */
#ifndef MTA_MILTER_SOCKET_H
#define MTA_MILTER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct milter_socket {
	int fd;
	const char *text; /* "unix:/path", "inet:8891@127.0.0.1" */
	const char *path; /* of a unix socket, in TEXT; NULL: it is another one */
	struct sockaddr_storage address;
	socklen_t length;
	mode_t mode;  /* of a unix socket, as is the group */
	gid_t group;  /* (gid_t)-1: leave it */
	dev_t device; /* of the file of a unix socket, with inode */
	ino_t inode;  /* 0: there is none of ours */
};

/*
 * Read "unix:/PATH", "inet:PORT@HOST" or "inet6:PORT@HOST". TEXT is kept. Returns 0, or -EINVAL
 * and what is wrong in PROBLEM.
 */
int milter_socket_parse(struct milter_socket *socket, const char *text, char *problem, size_t size);

/*
 * Listen. A socket that nobody listens on any more is replaced, and the last directory of its
 * path made if it is missing, for USER. Returns 0 or -errno (-EADDRINUSE: somebody listens);
 * PROBLEM says what it was about.
 */
int milter_socket_open(struct milter_socket *socket, uid_t user, char *problem, size_t size);

/* Take a unix socket's name away, if we may and it still is ours. */
void milter_socket_remove(const struct milter_socket *socket);

/* Is what is at the path the file that was made? True where that cannot be seen. May hang. */
bool milter_socket_is_there(const struct milter_socket *socket);

/*
 * Would milter_socket_open() have the path? Returns 0 or -errno; -EADDRINUSE: somebody else
 * answers there.
 */
int milter_socket_could_open(const struct milter_socket *socket);

#endif
