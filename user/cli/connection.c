/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket from the other side: everything within a deadline, nothing without a bound. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/clock.h"
#include "common/text.h"

#define RETRY_MS 20 /* a full backlog gives no event to wait for */

/* Milliseconds to wait in poll(2), rounded up; -1: for ever. */
static int wait_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == INT64_MAX)
		return -1;
	left = deadline - monotonic_ns();
	return left <= 0 ? 0 : (left + NS_PER_MS - 1) / NS_PER_MS;
}

static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd ready = { .fd = fd, .events = events };

	for (;;) {
		int count = poll(&ready, 1, wait_ms(deadline));

		if (count > 0)
			return 0;
		if (!count)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int connect_by(int fd, const struct sockaddr_un *address, int64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (monotonic_ns() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

static int make_room(struct connection *connection)
{
	size_t size = connection->size ? 2 * connection->size : 4096;
	char *bytes;

	if (connection->used < connection->size)
		return 0;
	if (size > CONNECTION_LINE)
		return -EMSGSIZE;
	bytes = realloc(connection->bytes, size);
	if (!bytes)
		return -ENOMEM;
	connection->bytes = bytes;
	connection->size = size;
	return 0;
}

int connection_open(struct connection *connection, const char *socket_path, int64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ret;

	memset(connection, 0, sizeof(*connection));
	connection->fd = -1;
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, socket_path);
	connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return -errno;
	ret = connect_by(connection->fd, &address, deadline);
	if (!ret)
		ret = make_room(connection);
	if (ret)
		connection_close(connection);
	return ret;
}

void connection_close(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	free(connection->bytes);
	connection->bytes = NULL;
}

int connection_send(struct connection *connection, const char *request, int64_t deadline)
{
	size_t length = strlen(request);

	while (length) {
		ssize_t sent = send(connection->fd, request, length, MSG_NOSIGNAL);

		if (sent >= 0) {
			request += sent;
			length -= sent;
		} else if (errno == EPIPE) {
			return 0; /* it has said why: "too many connections" */
		} else if (errno == EAGAIN) {
			int ret = wait_for(connection->fd, POLLOUT, deadline);

			if (ret)
				return ret;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int receive(struct connection *connection, int64_t deadline)
{
	int ret = make_room(connection);
	ssize_t got;

	if (!ret)
		ret = wait_for(connection->fd, POLLIN, deadline);
	if (ret)
		return ret;
	got = recv(connection->fd, connection->bytes + connection->used,
		   connection->size - connection->used, 0);
	if (!got)
		return -ENODATA;
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	connection->used += got;
	return 0;
}

int connection_line(struct connection *connection, const char **line, int64_t deadline)
{
	size_t searched = 0;

	connection->used -= connection->line;
	memmove(connection->bytes, connection->bytes + connection->line, connection->used);
	connection->line = 0;
	for (;;) {
		char *end = memchr(connection->bytes + searched, '\n', connection->used - searched);
		int ret;

		if (end) {
			*end = '\0';
			*line = connection->bytes;
			connection->line = end + 1 - connection->bytes;
			/* It comes to terminals, and who knows who listens there. */
			return text_is_clean(*line, connection->line - 1) ? 0 : -EBADMSG;
		}
		searched = connection->used;
		ret = receive(connection, deadline);
		if (ret)
			return ret;
	}
}

int connection_ask(const char *socket_path, const char *request, char **answer)
{
	int64_t deadline = monotonic_ns() + CLI_PATIENCE_NS;
	struct connection connection;
	const char *line;
	int ret = connection_open(&connection, socket_path, deadline);

	if (ret)
		return ret;
	ret = connection_send(&connection, request, deadline);
	if (!ret)
		ret = connection_line(&connection, &line, deadline);
	if (!ret) {
		*answer = strdup(line);
		ret = *answer ? 0 : -ENOMEM;
	}
	connection_close(&connection);
	return ret;
}

static const char *hint(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return " (is spoolgated running?)";
	case -EACCES:
		return " (the socket is for root and its group)";
	case -ETIMEDOUT:
		return " (spoolgated is there, but does not answer)";
	default:
		return "";
	}
}

char *connection_trouble(char *buf, size_t size, const char *socket_path, int error)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	text_clean(path, sizeof(path), socket_path, strlen(socket_path));
	if (error == -ENODATA)
		snprintf(buf, size, "%s: the daemon closed the connection", path);
	else if (error == -EBADMSG)
		snprintf(buf, size, "%s: it is not spoolgated that answers there", path);
	else
		snprintf(buf, size, "%s: cannot ask the daemon: %s%s", path, strerror(-error),
			 hint(error));
	return buf;
}

int unreachable(const char *socket_path, int error)
{
	char text[CLI_TEXT];

	complain("%s", connection_trouble(text, sizeof(text), socket_path, error));
	return EX_UNAVAILABLE;
}

int unexpected(const char *answer)
{
	char text[CLI_TEXT];

	if (!strncmp(answer, "error ", 6))
		complain("the daemon says: %s",
			 text_clean(text, sizeof(text), answer + 6, strlen(answer + 6)));
	else
		complain("not an answer of spoolgated: %s",
			 text_clean(text, sizeof(text), answer, strlen(answer)));
	return EX_UNAVAILABLE;
}
