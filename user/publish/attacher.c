/* SPDX-License-Identifier: GPL-2.0-only */
/* The attacher: the process, and the daemon's end of it. */
#include "publish/attacher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PASSED_LISTENER,
	PASSED_LINK,
	PASSED,
};

struct request {
	unsigned int slot;
	dev_t device; /* of the namespace that is known; none has 0 */
	ino_t inode;
};

static bool is_known(const struct request *request, const char *path, int *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st = { 0 };

	*error = fd < 0 || fstat(fd, &st) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return !*error && st.st_dev == request->device && st.st_ino == request->inode;
}

/* Returns 0 with GATE attached, -EALREADY, or -errno. */
static int attach(const struct child *child, const struct request *request, struct gate *gate)
{
	const struct attacher *attacher = child->data;
	const struct config_gate *config = &attacher->gates[request->slot];
	int error;

	if (is_known(request, config->netns, &error))
		return -EALREADY;
	if (!error)
		error = gate_place_open(&gate->place, config);
	if (error)
		return error;
	gate->pulse_fd = child->given[KERNEL_MAPS + request->slot];
	error = gate_attach(gate, child->given, request->slot);
	if (error)
		gate_detach(gate);
	return error;
}

static void answer(int fd, struct attacher_reply *reply, const struct gate *gate)
{
	int passed[PASSED];

	if (!reply->error) {
		reply->place = gate->place;
		passed[PASSED_LISTENER] = gate->place.listener_fd;
		passed[PASSED_LINK] = gate_link(gate);
	}
	(void)!send_with(fd, reply, sizeof(*reply), 0, passed, reply->error ? 0 : PASSED);
}

static void serve(const struct child *child, const struct request *request)
{
	struct attacher_reply reply = { .slot = request->slot };
	struct gate gate = {
		.place = { .netns_fd = -1, .listener_fd = -1 },
		.pulse_fd = -1,
		.link_fd = -1,
	};

	reply.error = attach(child, request, &gate);
	answer(child->fd, &reply, &gate);
	/* The daemon's alone: it goes with that, and with nobody else. */
	if (!reply.error)
		gate_detach(&gate);
}

static void run(const struct child *child)
{
	const struct attacher *attacher = child->data;
	struct request request;
	ssize_t size;

	for (;;) {
		size = recv(child->fd, &request, sizeof(request), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size != sizeof(request))
			return;
		if (request.slot < attacher->count)
			serve(child, &request);
	}
}

void attacher_child(struct attacher *attacher, struct child *child, int (*shed)(const char *user),
		    const char *user)
{
	*child = (struct child){
		.name = "attacher",
		.process = "spoolgate-att",
		.loss = "no gate follows a container that is started anew",
		.shed = shed,
		.user = user,
		.run = run,
		.data = attacher,
	};
	attacher->child = child;
}

int attacher_start(struct attacher *attacher, const int maps[KERNEL_MAPS],
		   const int pulses[CONFIG_GATES])
{
	int fds[CHILD_FDS], error;

	memcpy(fds, maps, KERNEL_MAPS * sizeof(*fds));
	for (unsigned int i = 0; i < attacher->count; i++) /* it is not asked for one without */
		fds[KERNEL_MAPS + i] = pulses[i] >= 0 ? pulses[i] : maps[0];
	error = child_start(attacher->child, fds, KERNEL_MAPS + attacher->count);
	attacher->wanted = !error;
	return error;
}

void attacher_ask(const struct attacher *attacher, unsigned int slot,
		  const struct gate_place *place)
{
	const struct request request = {
		.slot = slot,
		.device = place->device,
		.inode = place->inode,
	};

	(void)!send(attacher->child->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL);
}

int attacher_hear(const struct attacher *attacher, struct attacher_reply *reply)
{
	int passed[CHILD_FDS];
	unsigned int count;
	ssize_t size = receive_with(attacher->child->fd, reply, sizeof(*reply), MSG_DONTWAIT,
				    passed, &count);

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (size != sizeof(*reply))
		return -EPIPE;
	if (reply->error)
		return 0;
	if (count != PASSED) {
		reply->error = -EMFILE; /* there was no room for them */
		return 0;
	}
	reply->place.netns_fd = -1;
	reply->place.listener_fd = passed[PASSED_LISTENER];
	reply->link_fd = passed[PASSED_LINK];
	return 0;
}
