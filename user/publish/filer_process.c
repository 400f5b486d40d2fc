/* SPDX-License-Identifier: GPL-2.0-only */
/* The filer's side: one thing after the other, for as long as the disk takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "publish/filer_internal.h"

static int write_whole(const char *name, const char *text, int create)
{
	size_t length = strlen(text);
	int fd = open(name, create | O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int error = 0;

	if (fd < 0)
		return -errno;
	errno = EIO;
	if (write(fd, text, length) != (ssize_t)length)
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	return error;
}

static int replace(const char *path, const char *text)
{
	char draft[FILER_PATH + 2];
	int error;

	snprintf(draft, sizeof(draft), "%s~", path);
	error = write_whole(draft, text, O_CREAT);
	/* In a directory that is not ours there may be a file that is. */
	if (error == -EACCES)
		return write_whole(path, text, 0);
	if (!error && rename(draft, path))
		error = -errno;
	/* Better none than the one before this. */
	if (error) {
		unlink(draft);
		unlink(path);
	}
	return error;
}

static int remove_file(const char *path)
{
	if (!unlink(path) || errno == ENOENT)
		return 0;
	return errno == EACCES || errno == EPERM ? write_whole(path, "", 0) : -errno;
}

static void place_by(struct filer_request *request, const struct unix_socket_rule *rule,
		     struct filer_reply *reply)
{
	reply->error = unix_socket_place(&request->socket, rule);
	reply->socket = request->socket;
	if (reply->error)
		unix_socket_remove(&request->socket);
}

static void place(struct filer_request *request, struct filer_reply *reply)
{
	const struct unix_socket_rule rule = {
		.path = request->path,
		.mode = request->mode,
		.owner = request->owner,
		.group = request->group,
		.user = request->user,
		.backlog = request->backlog,
		.strict = true,
		.again = request->again,
	};

	place_by(request, &rule, reply);
}

void filer_do(struct filer_request *request, struct filer_reply *reply)
{
	switch (request->operation) {
	case FILER_WRITE:
		reply->error = replace(request->path, request->text);
		break;
	case FILER_UNLINK:
		reply->error = remove_file(request->path);
		break;
	case FILER_REMOVE:
		unix_socket_remove(&request->socket);
		break;
	case FILER_FIND:
		reply->found = unix_socket_find(&request->socket);
		break;
	case FILER_PLACE:
		place(request, reply);
		break;
	}
	if (reply->error && request->what[0])
		log_warning("%s: %s", request->what, strerror(-reply->error));
}

/* With the file for an override, which only root can take away, if there is none in it. */
static void remove_known(struct filer_request *request, const struct unix_socket_rule *rule)
{
	char name[FILER_PATH + sizeof(".override")];
	struct stat st;

	unix_socket_remove(&request->socket);
	snprintf(name, sizeof(name), "%s.override", rule->path);
	if (!lstat(name, &st) && S_ISREG(st.st_mode) && !st.st_size)
		unlink(name);
}

void filer_do_known(const struct filer_known *known, struct filer_request *request,
		    struct filer_reply *reply)
{
	struct unix_socket_rule rule;

	reply->error = -EPERM;
	if (!request->known || request->known > known->count)
		return;
	rule = known->rules[request->known - 1];
	rule.again = request->again;
	/* The socket's path is the rule's: whatever came with it. */
	memset(&request->socket.address, 0, sizeof(request->socket.address));
	request->socket.address.sun_family = AF_UNIX;
	snprintf(request->socket.address.sun_path, sizeof(request->socket.address.sun_path), "%s",
		 rule.path);
	reply->error = 0;
	known->raise(true); /* to see the way, for a start */
	if (!filer_way_is_roots(rule.path))
		known->raise(false);
	if (request->operation == FILER_FIND)
		reply->found = unix_socket_find(&request->socket);
	else if (request->operation == FILER_REMOVE)
		remove_known(request, &rule);
	else if (request->operation == FILER_PLACE)
		place_by(request, &rule, reply);
	known->raise(false);
}

/*
 * Look at the next request, and take it away only when it is done: who comes after one that was
 * killed meanwhile finds it still there. All of them may be done twice.
 */
static bool serve(int fd, const struct filer_known *known)
{
	struct filer_request request;
	struct filer_reply reply = { 0 };
	int fds[CHILD_FDS], passed;
	unsigned int count;
	ssize_t size = receive_with(fd, &request, sizeof(request), MSG_PEEK, fds, &count);

	/* Reset: the daemon ended without our last reply. What it asked is still there. */
	if (size < 0 && (errno == EINTR || errno == ECONNRESET))
		return true;
	if (size != sizeof(request))
		return false;
	passed = request.socket.fd = count ? fds[0] : -1;
	if (known)
		filer_do_known(known, &request, &reply);
	else
		filer_do(&request, &reply);
	reply.serial = request.serial;
	/* Placed for a daemon that has ended meanwhile: nobody listens there. */
	if (send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0 && known)
		unix_socket_remove(&request.socket);
	if (passed >= 0)
		close(passed);
	while (recv(fd, &request, 1, MSG_TRUNC) < 0 && (errno == EINTR || errno == ECONNRESET))
		;
	return true;
}

void filer_process(const struct child *child)
{
	while (serve(child->fd, NULL))
		;
}

void filer_process_known(const struct child *child)
{
	while (serve(child->fd, child->data))
		;
}
