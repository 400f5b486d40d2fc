/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up what milter and filter do not need. */
#include "mta/confine.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/allow.h"
#include "common/log.h"
#include "common/user.h"

/* To ask the daemon: its socket, its page, and whether that is sealed. */
static const struct allowed asking[] = {
	ALLOW_THE(socket, 0, AF_UNIX),
	ALLOW(connect),
	ALLOW(sendto),
	ALLOW(send),
	ALLOW(recvfrom),
	ALLOW(recv),
	ALLOW(recvmsg),
	ALLOW(getsockopt),
	ALLOW(setsockopt),
	ALLOW(fstat),
	ALLOW(fstat64),
	ALLOW(newfstatat),
	ALLOW(fstatat64),
	ALLOW_THE(fcntl, 1, F_GET_SEALS),
	ALLOW_THE(fcntl64, 1, F_GET_SEALS),
	ALLOW_DESCRIPTORS,
	ALLOW_END,
};

/* libevent's loop with the sessions, and a thread that looks after the socket. */
static const struct allowed milter[] = {
	ALLOW_THREADS,
	/* libevent believes its environment only if it is nobody else's */
	ALLOW(getuid),
	ALLOW(getuid32),
	ALLOW(getgid),
	ALLOW(getgid32),
	ALLOW(epoll_create1),
	ALLOW(epoll_create),
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	ALLOW(accept4),
	ALLOW(readv),
	ALLOW_THE(ioctl, 1, FIONREAD), /* how much there is to read */
	ALLOW(shutdown),
	ALLOW_LOOKING, /* is our socket there; what time it is in syslog(3) */
	/* its signals, which come through a pipe */
	ALLOW(pipe2),
	ALLOW(pipe),
	ALLOW(rt_sigaction),
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	/* the end: the socket's file */
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW_END,
};

static const struct allowed filter[] = {
	ALLOW(read),
	ALLOW_END,
};

bool confine_find(struct confine_user *user, const char *name)
{
	const struct passwd *found = name ? getpwnam(name) : NULL;

	*user = (struct confine_user){ .uid = (uid_t)-1 };
	if (name && !found)
		return false;
	if (found && found->pw_uid)
		*user = (struct confine_user){ name, found->pw_uid, found->pw_gid };
	else if (!geteuid())
		user_find("", &user->uid, &user->gid);
	return true;
}

int confine_become(const struct confine_user *user)
{
	int error;

	if (user->uid == (uid_t)-1)
		return 0;
	if (user->name)
		error = initgroups(user->name, user->gid) || setgid(user->gid);
	else
		error = setgroups(0, NULL);
	if (error || setuid(user->uid)) {
		error = -errno;
		if (user->name || (error != -EPERM && error != -EINVAL))
			return error;
		log_warning("staying root: user id %u cannot be had here: %s",
			    (unsigned int)user->uid, strerror(-error));
	}
	return 0;
}

static void confine(const struct allowed *list)
{
	const struct allowed *const lists[] = { allow_basics, asking, list, NULL };
	int error = allow_only(SCMP_ACT_ERRNO(ENOSYS), lists);

	if (error)
		log_warning("system calls are not restricted: %s",
			    error == -ENOSYS ? "no seccomp here" : strerror(-error));
}

void confine_milter(void)
{
	confine(milter);
}

void confine_filter(void)
{
	confine(filter);
}
