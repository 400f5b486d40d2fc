/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls of the daemon's loop, which answers strangers and so must never wait for
 * anybody: each with why it cannot, as strace saw them over all the system tests. What a row allows
 * and a call could still wait for (a file on a disk, a socket that blocks) is the caller's part.
 */
#include <sys/ioctl.h>
#include <string.h>
#include <sys/wait.h>

#include "common/allow.h"
#include "common/log.h"
#include "daemon/sandbox.h"

static const struct allowed allowed[] = {
	/* The loop's sleep: it waits for all there is at once, and for no longer than a timeout. */
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	/* Changes a table in the kernel. */
	ALLOW(epoll_ctl),
	/* Clients: listeners are non-blocking, and accept4() makes what they give so. */
	ALLOW(accept4),
	ALLOW(readv),
	ALLOW_THE(ioctl, 1, FIONREAD), /* libevent: how much there is to read */
	ALLOW(shutdown),
	ALLOW(getsockopt), /* SO_PEERCRED: who overrides; of a socket's own memory */
	ALLOW(setsockopt), /* SO_SNDBUF, SO_KEEPALIVE, TCP_NODELAY: likewise */
	/* Clients, scout, filer, keepers, service manager: non-blocking, or MSG_DONTWAIT. */
	ALLOW(recvfrom),
	ALLOW(recv),
	ALLOW(recvmsg),
	ALLOW(sendto),
	ALLOW(send),
	ALLOW(sendmsg),
	ALLOW_THE(socket, 0, AF_UNIX), /* a listener's, which the placer binds; none is connected */
	/*
	 * /proc/meminfo, /proc/pressure, cgroup files, counters of disks in /sys (in memory): the
	 * kernel makes them on the spot. What a FUSE could be in the place of (lxcfs), and all that
	 * lies on a disk, the scout reads. read(2) is of pipes that libevent made (a signal came)
	 * and of the files named here.
	 */
	ALLOW_LOOKING,
	ALLOW(getdents64), /* cgroupfs: which cgroup it is that writes so much */
	/* A pressure trigger of a cgroup that was made anew: cgroupfs, as above. */
	ALLOW_IF(openat, 2, ALLOW_CHANGES | O_NONBLOCK, O_RDWR | O_NONBLOCK),
	/* Flags of a descriptor, in the kernel's memory. */
	ALLOW_DESCRIPTORS,
	/* To give memory back: what is there already is locked again, nothing is fetched for it. */
	ALLOW(munlockall),
	ALLOW_THE(mlockall, 0, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT),
	/* With WNOHANG; a child's end. */
	ALLOW_IF(wait4, 2, WNOHANG, WNOHANG),
	ALLOW_IF(waitid, 3, WNOHANG, WNOHANG),
	/* The end: 1 ms at a time for what ends with us, and handlers put back. */
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	ALLOW(rt_sigaction),
	/*
	 * Of those that every process has (allow_basics): write(2) goes to stderr, once poll(2)
	 * without a timeout has said that there is room, and to libevent's pipe; a log that is a
	 * file has a process of its own. close(2) is of sockets and pipes. futex(2) is for a lock
	 * of malloc(3) that nobody else holds, as there is no other thread. The rest is memory,
	 * time and names of our own.
	 */
	ALLOW_END,
};

/* The writer of the log: copies what comes through a pipe, for as long as the disk takes. */
static const struct allowed logger[] = {
	ALLOW(read),
	ALLOW(dup2),
	ALLOW(dup3),
	ALLOW_END,
};

static int enter(const struct allowed *list)
{
	const struct allowed *const lists[] = { allow_basics, list, NULL };
	int error = allow_only(SCMP_ACT_ERRNO(ENOSYS), lists);

	if (error == -ENOSYS) {
		log_info("system calls are not restricted: no seccomp here");
		error = 0;
	}
	if (error)
		log_error("system calls cannot be restricted: %s", strerror(-error));
	return error;
}

int sandbox_enter(void)
{
	return enter(allowed);
}

int sandbox_enter_logger(void)
{
	return enter(logger);
}
