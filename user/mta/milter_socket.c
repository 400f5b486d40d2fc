/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket on which the mail server finds the milter. */
#include "mta/milter_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"

#define BACKLOG 1024 /* what SOMAXCONN lets through of it */
#define ALLOWED "allowed: unix:/PATH, inet:PORT@HOST, inet6:PORT@HOST"

static int parse_unix(struct milter_socket *socket, const char *path, char *problem, size_t size)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&socket->address;

	if (*path != '/' || strlen(path) >= sizeof(address->sun_path)) {
		snprintf(problem, size,
			 "%s is no path of a socket; allowed: an absolute one, "
			 "up to %zu bytes",
			 path, sizeof(address->sun_path) - 1);
		return -EINVAL;
	}
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	socket->length = sizeof(*address);
	socket->path = path;
	return 0;
}

static int parse_inet(struct milter_socket *socket, const char *text, int family, char *problem,
		      size_t size)
{
	const struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
	const char *at = strchr(text, '@');
	struct addrinfo *found;
	char port[32];
	int ret;

	if (!at || !at[1] || (size_t)(at - text) >= sizeof(port)) {
		snprintf(problem, size, "\"%s\" is no PORT@HOST; %s", text, ALLOWED);
		return -EINVAL;
	}
	snprintf(port, sizeof(port), "%.*s", (int)(at - text), text);
	ret = getaddrinfo(at + 1, port, &hints, &found);
	if (ret) {
		snprintf(problem, size, "%s: %s", text, gai_strerror(ret));
		return -EINVAL;
	}
	memcpy(&socket->address, found->ai_addr, found->ai_addrlen);
	socket->length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int milter_socket_parse(struct milter_socket *socket, const char *text, char *problem, size_t size)
{
	static const struct {
		const char *prefix;
		int family;
	} kinds[] = {
		{ "unix:", AF_UNIX },
		{ "local:", AF_UNIX },
		{ "inet:", AF_INET },
		{ "inet6:", AF_INET6 },
	};

	socket->text = text;
	socket->path = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *rest = text + strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
			continue;
		if (kinds[i].family == AF_UNIX)
			return parse_unix(socket, rest, problem, size);
		return parse_inet(socket, rest, kinds[i].family, problem, size);
	}
	snprintf(problem, size, "\"%s\" is no address; %s", text, ALLOWED);
	return -EINVAL;
}

/* Without waiting, closed at once. Returns 0 or -errno. */
static int touch(const struct milter_socket *milter)
{
	int fd = socket(milter->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&milter->address, milter->length))
		ret = -errno;
	close(fd);
	return ret;
}

/*
 * By its descriptor: where the parent is another user's, a link may be in its place by now. The
 * mail server has to enter it, which the umask (0077 in the unit) may not have left it.
 */
static int give_directory(const char *directory, uid_t user)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status))
		ret = -errno;
	else if (status.st_uid != geteuid())
		ret = -EPERM;
	else if (fchmod(fd, 0755) || fchown(fd, user, (gid_t)-1))
		ret = -errno;
	close(fd);
	return ret;
}

/* Sendmail refuses a socket that others could put theirs in the place of, even in a sticky /tmp. */
static int prepare_directory(const char *path, uid_t user, char *problem, size_t size)
{
	char copy[PATH_MAX];
	const char *directory;
	struct stat status;
	int ret;

	snprintf(copy, sizeof(copy), "%s", path);
	directory = dirname(copy);
	snprintf(problem, size, "%s", directory);
	ret = mkdir(directory, 0755) ? -errno : give_directory(directory, user);
	if (ret && ret != -EEXIST)
		return ret;
	if (stat(directory, &status))
		return -errno;
	if (path_is_in_tmp(path))
		log_warning(
			"%s: the systemd unit, and maybe the mail server's, has a %s of its own "
			"(PrivateTmp=): take /run/spoolgate-milter/milter.sock, or a path in "
			"the queue directory",
			path, directory);
	if (status.st_mode & S_IWOTH)
		log_warning("%s is writable for everyone: Sendmail refuses sockets in there",
			    directory);
	return 0;
}

/* Nothing is at the path, or a socket that nobody listens on. */
static int check_place(const struct milter_socket *socket)
{
	struct stat status;
	int ret;

	if (lstat(socket->path, &status))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	ret = touch(socket);
	/* Of one that we may not even ask nothing is known but that it is not ours. */
	return !ret || ret == -EAGAIN || ret == -EACCES ? -EADDRINUSE : 0;
}

static int make_way(const struct milter_socket *socket, uid_t user, char *problem, size_t size)
{
	int ret = prepare_directory(socket->path, user, problem, size);

	if (ret)
		return ret;
	snprintf(problem, size, "%s", socket->path);
	return check_place(socket);
}

/* FILE is of O_PATH, which fchmod(2) does not take; the umask does not count where ACLs do. */
static int set_permissions(int file, struct milter_socket *socket, uid_t user)
{
	char name[32];
	struct stat status;

	if (fstat(file, &status))
		return -errno;
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid())
		return -EPERM;
	socket->device = status.st_dev;
	socket->inode = status.st_ino;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	if ((status.st_mode & 07777) != socket->mode && chmod(name, socket->mode))
		return -errno;
	return fchownat(file, "", user, socket->group, AT_EMPTY_PATH) ? -errno : 0;
}

/* By its inode: the directory may be another user's, who may put a link there. */
static int give_socket(struct milter_socket *socket, uid_t user)
{
	int file = open(socket->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;

	if (file < 0)
		return -errno;
	ret = set_permissions(file, socket, user);
	close(file);
	return ret;
}

/* What is at the path is nobody's any more. */
static int listen_on(struct milter_socket *milter)
{
	const int on = 1;

	milter->fd =
		socket(milter->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (milter->fd < 0)
		return -errno;
	if (milter->path)
		unlink(milter->path);
	else
		setsockopt(milter->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(milter->fd, (const struct sockaddr *)&milter->address, milter->length) ||
	    listen(milter->fd, BACKLOG))
		return -errno;
	return 0;
}

int milter_socket_open(struct milter_socket *socket, uid_t user, char *problem, size_t size)
{
	mode_t before;
	int ret = 0;

	if (socket->path)
		ret = make_way(socket, user, problem, size);
	if (ret)
		return ret;
	snprintf(problem, size, "%s", socket->text);
	before = umask(0777 & ~socket->mode);
	ret = listen_on(socket);
	umask(before);
	if (!ret && socket->path)
		ret = give_socket(socket, user);
	return ret;
}

bool milter_socket_is_there(const struct milter_socket *socket)
{
	struct stat status;

	if (!socket->path)
		return true;
	if (lstat(socket->path, &status))
		return errno != ENOENT && errno != ENOTDIR;
	return status.st_dev == socket->device && status.st_ino == socket->inode;
}

int milter_socket_could_open(const struct milter_socket *socket)
{
	char copy[PATH_MAX];
	char *directory;
	struct stat status;

	snprintf(copy, sizeof(copy), "%s", socket->path);
	directory = dirname(copy);
	if (stat(directory, &status) && stat(dirname(directory), &status))
		return -errno;
	return check_place(socket);
}

void milter_socket_remove(const struct milter_socket *socket)
{
	if (socket->path && socket->inode && milter_socket_is_there(socket))
		unlink(socket->path);
}
