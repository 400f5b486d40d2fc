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
	dev_t device;	    /* of the file, to remove our own only */
	ino_t inode;	    /* 0: not bound; nobody else's as long as FD is open, which holds it */
	dev_t beside;	    /* the device of its directory, by which a mount is told */
	bool own_directory; /* which we made */
	int fd;		    /* -1: closed */
};

struct unix_socket_rule {
	const char *path;
	mode_t mode;
	const char *owner, *group; /* "": the daemon's own; unknown ones are a warning */
	const char *user; /* whom the daemon becomes, and who has to remove the file (user.h) */
	int backlog;
	bool strict;	  /* an owner that cannot be given is an error, not a warning */
	bool users_group; /* without a `group`, root gives it to the user's primary one */
	bool again;	  /* it has been there: say nothing, and make no directory but our own */
	bool known;	  /* the names are what is below, which unix_socket_know() filled in */
	uid_t uid, user_uid;
	gid_t gid, user_gid;
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

/* What owner, group and user come to, as root gives them at start: to be known later. */
void unix_socket_know(struct unix_socket_rule *rule);

/* What is at the path of a socket that was placed. */
enum unix_socket_found {
	SOCKET_HERE, /* or it cannot be seen: then nothing is known */
	SOCKET_REMOVED,
	SOCKET_REPLACED, /* by another file */
	SOCKET_HIDDEN,	 /* another filesystem is there: mounted over it, or no more below it */
};
enum unix_socket_found unix_socket_find(const struct unix_socket *made);

/* Remove the file if it still is the one that was made. */
void unix_socket_remove(struct unix_socket *made);

/* Close it, and remove the file if it still is the one that was made. Twice is fine. */
void unix_socket_close(struct unix_socket *made);

#endif
