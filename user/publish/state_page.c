/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The answer to `page`: "ok" and a descriptor. A descriptor travels with the byte it was sent
 * with, and libevent's streams know only bytes: so the answers before it go first, then "ok" by
 * a sendmsg(2) of our own, and no request is looked at meanwhile.
 */
#include <errno.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/passing.h"
#include "publish/state_internal.h"

static const char ok[] = "ok\n";

/*
 * A client that never reads may hold only so many descriptors on their way: the kernel counts
 * them all as ours, and gives us no more beyond RLIMIT_NOFILE. There is room in the kernel for a
 * few bytes more: a stream stops at a quarter of what it takes, so EAGAIN is an error like others.
 */
static int send_page(struct client *client)
{
	const struct state_source *source = &client->state->source;
	int fd = source->page(source->context);
	ssize_t sent;

	if (fd < 0)
		return fd;
	if (client->pages >= STATE_PAGES)
		return -EDQUOT;
	sent = send_with(bufferevent_getfd(client->stream), ok, sizeof(ok) - 1, MSG_DONTWAIT, &fd,
			 1);
	if (sent < 0)
		return -errno;
	client->pages++;
	if ((size_t)sent < sizeof(ok) - 1)
		client_send(client, ok + sent, sizeof(ok) - 1 - sent);
	return 0;
}

static void say_failure(struct client *client, int error)
{
	char text[96];

	if (error == -EPIPE || error == -ECONNRESET) {
		client_drop(client);
		return;
	}
	if (error == -EDQUOT)
		snprintf(text, sizeof(text), "too many pages: allowed are %d a connection",
			 STATE_PAGES);
	else
		snprintf(text, sizeof(text), "no page: %s", strerror(-error));
	client_error(client, text);
}

bool client_page(struct client *client)
{
	int ret;

	if (!client->page_due)
		return true;
	if (client_unsent(client))
		return false;
	ret = send_page(client);
	client->page_due = false;
	if (ret)
		say_failure(client, ret);
	return true;
}
