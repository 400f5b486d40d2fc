/* SPDX-License-Identifier: GPL-2.0-only */
/* The attacher: the process, and the daemon's end of it. */
#include "publish/attacher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define STOP_MS 500

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

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(PASSED * sizeof(int))];
};

struct work {
	const struct kernel *kernel;
	const struct attacher_post *posts;
	unsigned int count;
	int fd;
};

static int larger(int one, int other)
{
	return one > other ? one : other;
}

/* Of all that the daemon has open: our end, the kernel's maps, the pulses. No link. */
static bool is_kept(const struct work *work, int fd, int *last)
{
	bool kept = fd == work->fd;
	int map_fd;

	*last = work->fd;
	for (unsigned int i = 0; (map_fd = kernel_map_fd(work->kernel, i)) >= 0; i++) {
		kept |= fd == map_fd;
		*last = larger(*last, map_fd);
	}
	for (unsigned int i = 0; i < work->count; i++) {
		kept |= fd == work->posts[i].pulse_fd;
		*last = larger(*last, work->posts[i].pulse_fd);
	}
	return kept;
}

static void close_others(const struct work *work)
{
	int last = STDERR_FILENO + 1;

	for (int fd = STDERR_FILENO + 1; fd <= last; fd++)
		if (!is_kept(work, fd, &last))
			close(fd);
	closefrom(last + 1);
}

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
static int attach(const struct work *work, const struct request *request, struct gate *gate)
{
	const struct attacher_post *post = &work->posts[request->slot];
	int error;

	if (post->pulse_fd < 0)
		return -ENODEV;
	if (is_known(request, post->config->netns, &error))
		return -EALREADY;
	if (!error)
		error = gate_place_open(&gate->place, post->config);
	if (error)
		return error;
	gate->pulse_fd = post->pulse_fd;
	error = gate_attach(gate, work->kernel, request->slot);
	if (error)
		gate_detach(gate);
	return error;
}

static void answer(int fd, struct attacher_reply *reply, const struct gate *gate)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = reply, .iov_len = sizeof(*reply) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int passed[PASSED];

	if (!reply->error) {
		reply->place = gate->place;
		passed[PASSED_LISTENER] = gate->place.listener_fd;
		passed[PASSED_LINK] = gate_link(gate);
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(passed));
		memcpy(CMSG_DATA(&control.header), passed, sizeof(passed));
	}
	(void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void serve(const struct work *work, const struct request *request)
{
	struct attacher_reply reply = { .slot = request->slot };
	struct gate gate = {
		.place = { .netns_fd = -1, .listener_fd = -1 },
		.pulse_fd = -1,
		.link_fd = -1,
	};

	reply.error = attach(work, request, &gate);
	answer(work->fd, &reply, &gate);
	/* The daemon's alone: it goes with that, and with nobody else. */
	if (!reply.error)
		gate_detach(&gate);
}

static void be_attacher(const struct work *work) __attribute__((noreturn));
static void be_attacher(const struct work *work)
{
	struct request request;
	ssize_t size;

	for (;;) {
		size = recv(work->fd, &request, sizeof(request), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size != sizeof(request))
			_exit(0);
		if (request.slot < work->count)
			serve(work, &request);
	}
}

static void begin(const struct work *work, int (*shed)(const char *user), const char *user)
	__attribute__((noreturn));
static void begin(const struct work *work, int (*shed)(const char *user), const char *user)
{
	int error;

	prctl(PR_SET_NAME, "spoolgate-att");
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	close_others(work);
	error = shed(user);
	if (error) {
		log_error("the attacher keeps privileges that it must not: %s", strerror(-error));
		_exit(1);
	}
	be_attacher(work);
}

int attacher_start(struct attacher *attacher, const struct kernel *kernel,
		   const struct attacher_post *posts, unsigned int count,
		   int (*shed)(const char *user), const char *user)
{
	struct work work = { .kernel = kernel, .posts = posts, .count = count };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	fflush(NULL);
	attacher->pid = fork();
	if (!attacher->pid) {
		work.fd = fds[1];
		begin(&work, shed, user);
	}
	close(fds[1]);
	if (attacher->pid < 0) {
		attacher->pid = 0;
		close(fds[0]);
		return -EAGAIN;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	attacher->fd = fds[0];
	return 0;
}

void attacher_ask(const struct attacher *attacher, unsigned int slot,
		  const struct gate_place *place)
{
	const struct request request = {
		.slot = slot,
		.device = place->device,
		.inode = place->inode,
	};

	(void)!send(attacher->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL);
}

int attacher_hear(const struct attacher *attacher, struct attacher_reply *reply)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = reply, .iov_len = sizeof(*reply) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t size = recvmsg(attacher->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *header;
	int passed[PASSED];

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (size != sizeof(*reply))
		return -EPIPE;
	if (reply->error)
		return 0;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != CMSG_LEN(sizeof(passed))) {
		reply->error = -EMFILE; /* there was no room for them */
		return 0;
	}
	memcpy(passed, CMSG_DATA(header), sizeof(passed));
	reply->place.netns_fd = -1;
	reply->place.listener_fd = passed[PASSED_LISTENER];
	reply->link_fd = passed[PASSED_LINK];
	return 0;
}

void attacher_stop(struct attacher *attacher)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	if (!attacher->pid)
		return;
	close(attacher->fd);
	for (unsigned int i = 0; i < STOP_MS && !waitpid(attacher->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	attacher->pid = 0;
}
