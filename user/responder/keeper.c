/* SPDX-License-Identifier: GPL-2.0-only */
/* The responders' keeper: the process, and the daemon's end of it. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/capabilities.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "responder/keeper.h"
#include "responder/responder.h"

#define STOP_MS	 500
#define AGAIN_NS NS_PER_S
#define LOOK_NS	 NS_PER_S /* between two looks at the pulses: clients of one that hangs wait */

struct kept {
	struct keeper_post posts[RESPONDERS];
	unsigned int count;
	pid_t pid; /* our own */
	pid_t pids[RESPONDERS];
	int64_t started_ns[RESPONDERS];
	int lifeline;
	int program_fd;
	sigset_t signals; /* as they are outside of the keeper */
};

static void on_child(int number)
{
	(void)number; /* only to end ppoll() */
}

/* What comes to the whole process group is for the daemon: its end is ours. */
static void set_signals(sigset_t *before)
{
	struct sigaction child = { .sa_handler = on_child };
	sigset_t children;

	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigaction(SIGCHLD, &child, NULL);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, before);
}

/*
 * The program as it is now, held open: an upgrade of the package may put another one in its place
 * while this daemon runs.
 */
static int open_program(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(RESPONDER_NAME));
	char *name;
	int fd;

	if (length < 0)
		return -errno;
	path[length] = '\0';
	name = strrchr(path, '/');
	strcpy(name ? name + 1 : path, RESPONDER_NAME);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	fd = -errno;
	log_warning("gate: cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* FD under the number *NEXT. */
static int move(int *fd, int *next)
{
	if (dup2(*fd, *next) < 0)
		return -errno;
	*fd = (*next)++;
	return 0;
}

/* The numbers of what is kept for post I: fixed, for one that is there later. */
static int listener_number(unsigned int i)
{
	return RESPONDER_LISTENER + 2 * (int)i;
}

/* All that is kept, in the order of the numbers that it gets. */
static unsigned int list_kept(struct kept *kept, int *kept_fds[2 * RESPONDERS + 2])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < kept->count; i++) {
		kept_fds[count++] = &kept->posts[i].listener_fd;
		kept_fds[count++] = &kept->posts[i].pulse_fd;
	}
	kept_fds[count++] = &kept->lifeline;
	kept_fds[count++] = &kept->program_fd;
	return count;
}

/*
 * Keep those, and nothing else that the daemon had open. First out of the way of each other, then
 * to their places: the first listener and its pulse are where a responder wants them. What is not
 * there yet has its place all the same.
 */
static int keep_descriptors(struct kept *kept)
{
	int *kept_fds[2 * RESPONDERS + 2], next = RESPONDER_LISTENER, error = 0;
	unsigned int count = list_kept(kept, kept_fds);

	for (unsigned int i = 0; i < count; i++)
		if (*kept_fds[i] >= 0)
			*kept_fds[i] = fcntl(*kept_fds[i], F_DUPFD_CLOEXEC, 256);
	for (unsigned int i = 0; !error && i < count; i++) {
		if (*kept_fds[i] >= 0)
			error = move(kept_fds[i], &next);
		else
			close(next++);
	}
	closefrom(next);
	return error;
}

static int shed_privileges(uid_t uid, gid_t gid)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	/* The daemon may be in a hurry; strangers are not to come before the mail server. */
	setpriority(PRIO_PROCESS, 0, 0);
	capabilities_bound();
	if (uid && !geteuid() &&
	    (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)))
		return -errno;
	return capabilities_drop();
}

static void become_responder(const struct kept *kept, const struct keeper_post *post)
	__attribute__((noreturn));
static void become_responder(const struct kept *kept, const struct keeper_post *post)
{
	char *const arguments[] = { (char *)RESPONDER_NAME, (char *)post->greeting, NULL };
	char *const environment[] = { NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != kept->pid)
		_exit(1); /* it died before that could tell us */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &kept->signals, NULL);
	/* Of what is kept these are the lowest numbers: neither is another's that is wanted. */
	if (dup2(post->listener_fd, RESPONDER_LISTENER) < 0 ||
	    dup2(post->pulse_fd, RESPONDER_PULSE) < 0)
		_exit(1);
	for (int fd = RESPONDER_PULSE + 1; fd < kept->program_fd; fd++)
		close(fd);
	fcntl(kept->program_fd, F_SETFD, FD_CLOEXEC);
	fexecve(kept->program_fd, arguments, environment);
	_exit(1);
}

/* One that dies at once is started once in AGAIN_NS. */
static void wait_before(int64_t started_ns)
{
	int64_t since_ns = monotonic_ns() - started_ns;
	struct timespec wait = { 0 };

	if (since_ns >= AGAIN_NS)
		return;
	wait.tv_nsec = AGAIN_NS - since_ns;
	wait.tv_sec = wait.tv_nsec / NS_PER_S;
	wait.tv_nsec %= NS_PER_S;
	nanosleep(&wait, NULL);
}

static void start_one(struct kept *kept, unsigned int i)
{
	wait_before(kept->started_ns[i]);
	kept->started_ns[i] = monotonic_ns();
	kept->pids[i] = fork();
	if (!kept->pids[i])
		become_responder(kept, &kept->posts[i]);
}

/*
 * The gate of post I is closed: a responder and a listener of it would keep its network namespace.
 * Its place and its pulse stay, for it may be opened in another one.
 */
static void release(struct kept *kept, unsigned int i)
{
	struct keeper_post *post = &kept->posts[i];

	if (post->listener_fd < 0)
		return;
	if (kept->pids[i] > 0)
		kill(kept->pids[i], SIGKILL);
	close(post->listener_fd);
	post->listener_fd = -1;
}

/* The gate of post I is in another namespace now, where LISTENER is. */
static void renew(struct kept *kept, unsigned int i, int listener)
{
	struct keeper_post *post = &kept->posts[i];

	release(kept, i);
	if (kept->pids[i] > 0)
		waitpid(kept->pids[i], NULL, 0);
	kept->pids[i] = 0;
	post->listener_fd = listener_number(i);
	if (listener == post->listener_fd) {
		fcntl(listener, F_SETFD, 0); /* dup2() to the same number would leave it */
	} else {
		if (dup2(listener, post->listener_fd) < 0)
			post->listener_fd = -1;
		close(listener);
	}
	if (post->listener_fd >= 0)
		start_one(kept, i);
}

/* A byte of the daemon's, and the descriptor that came with it, or -1. As read(2). */
static ssize_t hear_byte(int lifeline, unsigned char *byte, int *passed)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t length = recvmsg(lifeline, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*passed = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(header), sizeof(*passed));
	return length;
}

/*
 * Each byte on the lifeline is a post: to be released, or, with a listener, to be had again. False
 * when the daemon is gone.
 */
static bool read_lifeline(struct kept *kept)
{
	unsigned char post;
	ssize_t length;
	int passed;

	while ((length = hear_byte(kept->lifeline, &post, &passed)) > 0) {
		if (post >= kept->count)
			continue;
		if (passed >= 0)
			renew(kept, post, passed);
		else
			release(kept, post);
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Wait LOOK_NS for the daemon or for a child's end. False when the daemon is gone. */
static bool wait_for_news(struct kept *kept)
{
	const struct timespec wait = { .tv_sec = LOOK_NS / NS_PER_S };
	struct pollfd poll = { .fd = kept->lifeline, .events = POLLIN };
	int count = ppoll(&poll, 1, &wait, &kept->signals);

	if (count > 0)
		return read_lifeline(kept);
	return !count || errno == EINTR;
}

/* One that is stopped has clients waiting; another one takes those of the listener over. */
static void end_hung(const struct kept *kept)
{
	for (unsigned int i = 0; i < kept->count; i++) {
		const struct pulse *pulse = kept->posts[i].pulse;
		int64_t since_ns = kept->started_ns[i], beat_ns;

		if (!pulse)
			continue;
		beat_ns = (int64_t)__atomic_load_n(&pulse->beat_ns, __ATOMIC_ACQUIRE);
		if (beat_ns > since_ns)
			since_ns = beat_ns;
		if (kept->pids[i] > 0 && monotonic_ns() - since_ns > (int64_t)LEDGER_PULSE_NS)
			kill(kept->pids[i], SIGKILL);
	}
}

/* As a shell has it: 128 and more are signals. 0 when there was no process to begin with. */
static unsigned char status_byte(int status)
{
	return (unsigned char)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static void start_dead(struct kept *kept)
{
	for (unsigned int i = 0; i < kept->count; i++) {
		int status = 0;
		unsigned char byte;

		if (kept->pids[i] > 0 && waitpid(kept->pids[i], &status, WNOHANG) != kept->pids[i])
			continue;
		kept->pids[i] = 0;
		if (kept->posts[i].listener_fd < 0)
			continue;
		start_one(kept, i);
		byte = status_byte(status);
		(void)!send(kept->lifeline, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void keep(struct kept *kept, uid_t uid, gid_t gid) __attribute__((noreturn));
static void keep(struct kept *kept, uid_t uid, gid_t gid)
{
	int error;

	prctl(PR_SET_NAME, "spoolgate-rkeep");
	kept->pid = getpid();
	if (keep_descriptors(kept))
		_exit(1);
	error = shed_privileges(uid, gid);
	if (error) {
		log_error(
			"no responder: it would have privileges that strangers must not come near: %s",
			strerror(-error));
		_exit(1);
	}
	set_signals(&kept->signals);
	for (unsigned int i = 0; i < kept->count; i++)
		if (kept->posts[i].listener_fd >= 0)
			start_one(kept, i);
	while (wait_for_news(kept)) {
		end_hung(kept);
		start_dead(kept);
	}
	for (unsigned int i = 0; i < kept->count; i++)
		if (kept->pids[i] > 0)
			kill(kept->pids[i], SIGKILL);
	_exit(0);
}

int responders_start(struct responders *responders, const struct keeper_post *posts,
		     unsigned int count, uid_t uid, gid_t gid)
{
	struct kept kept = { .count = count };
	int lifeline[2], error;
	pid_t pid;

	if (count > RESPONDERS)
		return -EINVAL;
	kept.program_fd = open_program();
	if (kept.program_fd < 0)
		return kept.program_fd;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lifeline)) {
		error = -errno;
		close(kept.program_fd);
		return error;
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		memcpy(kept.posts, posts, count * sizeof(*posts));
		kept.lifeline = lifeline[1];
		keep(&kept, uid, gid);
	}
	close(lifeline[1]);
	close(kept.program_fd);
	if (pid < 0) {
		close(lifeline[0]);
		return -EAGAIN;
	}
	responders->pid = pid;
	responders->lifeline = lifeline[0];
	return 0;
}

void responders_release(const struct responders *responders, unsigned int post)
{
	const unsigned char byte = (unsigned char)post;

	(void)!send(responders->lifeline, &byte, 1, MSG_NOSIGNAL);
}

int responders_renew(const struct responders *responders, unsigned int post, int listener_fd)
{
	unsigned char byte = (unsigned char)post;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &listener_fd, sizeof(int));
	return sendmsg(responders->lifeline, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int responders_restarted(const struct responders *responders, unsigned char *status)
{
	unsigned char bytes[64];
	ssize_t length = recv(responders->lifeline, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (!length)
		return -EPIPE;
	if (length < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	*status = bytes[length - 1];
	return (int)length;
}

void responders_stop(struct responders *responders)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int i;

	if (responders->pid <= 0)
		return;
	close(responders->lifeline);
	for (i = 0; i < STOP_MS && !waitpid(responders->pid, NULL, WNOHANG); i++)
		nanosleep(&ms, NULL);
	responders->pid = 0;
}
