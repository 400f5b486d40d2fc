/* SPDX-License-Identifier: GPL-2.0-only */
/* A listening unix socket and its file. All of it may block as long as the filesystem does. */
#ifndef PUBLISH_UNIX_SOCKET_H
#define PUBLISH_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct unix_socket {
	struct sockaddr_un address;
	dev_t device; /* of the file, to remove our own only */
	ino_t inode;  /* 0: not bound */
	int fd;	      /* -1: closed */
};

struct unix_socket_rule {
	const char *path;
	mode_t mode;
	const char *owner, *group; /* "": the daemon's own; unknown ones are a warning */
	const char *user; /* whom the daemon becomes, and who has to remove the file; or "" */
	int backlog;
	bool strict;	  /* an owner that cannot be given is an error, not a warning */
	bool users_group; /* without a `group`, root gives it to the user's primary one */
};

/*
 * Listen at RULE's path, in two halves: the first touches no filesystem, the second nothing else.
 * The directory is made (0755, the user's) if its parent is there. A socket that a dead daemon
 * left is replaced; one that answers is not (-EADDRINUSE), nor any other file (-EEXIST). Return 0
 * or -errno, and the log says why.
 */
int unix_socket_new(struct unix_socket *made, const char *path);
int unix_socket_place(struct unix_socket *made, const struct unix_socket_rule *rule);

/*
 * The second half in a process of its own (common/apart.h). -ETIMEDOUT when the filesystem has not
 * answered for 5 s. Where it fails nothing is left of it.
 */
int unix_socket_place_apart(struct unix_socket *made, const struct unix_socket_rule *rule);

/* Remove the file if it still is the one that was made. */
void unix_socket_remove(struct unix_socket *made);

/* Close it, and remove the file if it still is the one that was made. Twice is fine. */
void unix_socket_close(struct unix_socket *made);

#endif
