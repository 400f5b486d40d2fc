/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's end of the scout: ask it, hear from it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "watch/scout.h"
#include "watch/scout_confine.h"

void scout_child(struct scout *scout, struct child *child)
{
	*child = (struct child){
		.name = "scout",
		.process = "spoolgate-scout",
		.loss = "nothing is known of filesystems, which counts as high after 10 s",
		.shed = scout_shed_privileges,
		.run = scout_process,
	};
	scout->child = child;
}

int scout_send(const struct scout *scout, enum scout_operation operation, unsigned int slot,
	       uint64_t serial, const struct write_probe_as *as, uint32_t device, const char *path)
{
	struct scout_request request = {
		.operation = operation,
		.slot = slot,
		.serial = serial,
		.device = device,
	};
	size_t size = offsetof(struct scout_request, path);

	if (as)
		request.as = *as;
	if (path) {
		if (strlen(path) >= sizeof(request.path))
			return -ENAMETOOLONG;
		strcpy(request.path, path);
		size += strlen(path) + 1;
	}
	return send(scout->child->fd, &request, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int scout_receive(const struct scout *scout, struct scout_reply *reply)
{
	ssize_t size = recv(scout->child->fd, reply, sizeof(*reply), 0);

	if (size < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (size < (ssize_t)offsetof(struct scout_reply, text) || reply->slot >= SCOUT_SLOTS ||
	    reply->length >= sizeof(reply->text) ||
	    (size_t)size != offsetof(struct scout_reply, text) + reply->length)
		return -EPIPE;
	return 0;
}

void scout_check(const struct scout *scout)
{
	child_check(scout->child);
}
