/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The responder's system calls, by name: it makes a dozen, and what else a stranger could have
 * it do ends it. The kernel then drops instead of diverting until there is another.
 */
#include "common/allow.h"
#include "responder/responder.h"

static const struct allowed allowed[] = {
	/* clients, and the sleep between them: all non-blocking */
	ALLOW(accept4),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	ALLOW(epoll_ctl),
	ALLOW(getsockname), /* which port was called */
	ALLOW(sendto),
	ALLOW(send),
	ALLOW(recvfrom),
	ALLOW(recv),
	ALLOW(shutdown),
	ALLOW(close),
	/* a moment, when there are no descriptors left */
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	/* the pulse, where the kernel tells no time without a call */
	ALLOW(clock_gettime),
	ALLOW(clock_gettime64),
	ALLOW(restart_syscall),
	ALLOW(rt_sigreturn),
	ALLOW(exit_group),
	ALLOW_END,
};

int responder_confine(void)
{
	const struct allowed *const lists[] = { allowed, NULL };
	int error = allow_only(SCMP_ACT_KILL_PROCESS, lists);

	return error == -ENOSYS ? 0 : error;
}
