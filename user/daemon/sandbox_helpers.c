/* SPDX-License-Identifier: GPL-2.0-only */
/* The system calls of those who do for the daemon what it must not: they may wait. */
#include <linux/bpf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/allow.h"
#include "common/log.h"
#include "daemon/sandbox.h"
#include "watch/scout_confine.h"

/* What they are asked, and what they say. */
#define ALLOW_ASKED \
	ALLOW(recvmsg), ALLOW(recvfrom), ALLOW(recv), ALLOW(sendmsg), ALLOW(sendto), ALLOW(send)

/* A unix socket and its file: to see what is there, to make it and to give it away. */
#define ALLOW_PLACING                                                                            \
	ALLOW_THE(socket, 0, AF_UNIX), ALLOW(connect), ALLOW(bind), ALLOW(listen), ALLOW(umask), \
		ALLOW(mkdir), ALLOW(mkdirat), ALLOW(unlink), ALLOW(unlinkat), ALLOW(fchmod),     \
		ALLOW(fchown), ALLOW(fchown32), ALLOW(fchownat), ALLOW(readlink),                \
		ALLOW(readlinkat), ALLOW(stat), ALLOW(stat64), ALLOW(lstat), ALLOW(lstat64),     \
		ALLOW(fstat), ALLOW(fstat64), ALLOW(newfstatat), ALLOW(fstatat64), ALLOW(statx)

/*
 * Names: files, nscd, sssd, systemd-userdb, or whatever service has them, whose module may be
 * loaded then: so code is mapped.
 */
#define ALLOW_NAMES                                                                              \
	ALLOW(mmap), ALLOW(mmap2), ALLOW(mprotect), ALLOW(access), ALLOW(faccessat),             \
		ALLOW(faccessat2), ALLOW(getdents64), ALLOW(fstatfs), ALLOW(getsockopt),         \
		ALLOW(setsockopt), ALLOW(getpeername), ALLOW(getsockname), ALLOW(epoll_create1), \
		ALLOW(epoll_ctl), ALLOW(epoll_wait), ALLOW(epoll_pwait), ALLOW(epoll_pwait2),    \
		ALLOW(timerfd_create), ALLOW(timerfd_settime), ALLOW(getuid), ALLOW(getuid32),   \
		ALLOW(getgid), ALLOW(getgid32), ALLOW(uname), ALLOW(nanosleep),                  \
		ALLOW(clock_nanosleep), ALLOW(clock_nanosleep_time64)

/*
 * It has no privileges. Beside its files and sockets it asks for names, of a reload's sockets.
 */
static const struct allowed filer[] = {
	ALLOW_ASKED,
	ALLOW_PLACING,
	ALLOW_DESCRIPTORS,
	/* our own files: the override */
	ALLOW(openat),
	ALLOW(open),
	ALLOW(rename),
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(read),
	ALLOW(pread64),
	ALLOW(lseek),
	ALLOW(_llseek),
	ALLOW_NAMES,
	ALLOW_END,
};

/*
 * It may write any directory, and so has those alone that make a socket and find it: no file is
 * opened but to be known by its inode, or a directory to be given away; none is read, written,
 * renamed or linked.
 */
static const struct allowed placer[] = {
	ALLOW_ASKED,
	ALLOW_PLACING,
	ALLOW_DESCRIPTORS,
	ALLOW_IF(openat, 2, O_PATH, O_PATH),
	ALLOW_IF(open, 1, O_PATH, O_PATH),
	/* O_TMPFILE has O_DIRECTORY in it. */
	ALLOW_IF(openat, 2, O_TMPFILE | O_ACCMODE, O_DIRECTORY),
	ALLOW_IF(open, 1, O_TMPFILE | O_ACCMODE, O_DIRECTORY),
	/* raises its privileges for a moment */
	ALLOW(capget),
	ALLOW(capset),
	ALLOW_END,
};

#define TOKEN_CREATE 36 /* BPF_TOKEN_CREATE: Linux 6.9, and not in older headers */

/* It enters a network namespace, makes a listener there, and attaches a program. */
static const struct allowed attacher[] = {
	ALLOW_ASKED,
	ALLOW_LOOKING,
	ALLOW_DESCRIPTORS,
	ALLOW_THE(setns, 1, CLONE_NEWNET),
	ALLOW_THE(bpf, 0, BPF_PROG_QUERY),	/* other programs of the namespace */
	ALLOW_THE(bpf, 0, BPF_MAP_UPDATE_ELEM), /* the listener */
	ALLOW_THE(bpf, 0, BPF_MAP_CREATE),
	ALLOW_THE(bpf, 0, BPF_MAP_FREEZE),
	ALLOW_THE(bpf, 0, BPF_MAP_LOOKUP_ELEM),
	ALLOW_THE(bpf, 0, BPF_PROG_LOAD),
	ALLOW_THE(bpf, 0, BPF_PROG_BIND_MAP),
	ALLOW_THE(bpf, 0, BPF_BTF_LOAD),
	ALLOW_THE(bpf, 0, BPF_LINK_CREATE),
	ALLOW_THE(bpf, 0, BPF_OBJ_GET_INFO_BY_FD),
	ALLOW_THE(bpf, 0, TOKEN_CREATE), /* libbpf 1.5 asks whether it has been given one */
	ALLOW_THE(socket, 0, AF_INET),
	ALLOW_THE(socket, 0, AF_INET6),
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(setsockopt),
	ALLOW(getsockopt),
	ALLOW_LIBBPF,
	ALLOW_END,
};

/* It reads the configuration, and asks for names as the filer does. */
static const struct allowed reader[] = {
	ALLOW_ASKED,
	ALLOW(memfd_create), /* in which it hands over what it has read */
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW_THE(ioctl, 1, TCGETS), /* a lexer: is it a terminal that it reads */
	ALLOW_THE(socket, 0, AF_UNIX),
	ALLOW(connect),
	ALLOW_LOOKING,
	ALLOW_NAMES,
	ALLOW_DESCRIPTORS,
	ALLOW_END,
};

/* Until it serves, when it has fewer: /dev/null, its pulse, memory that is locked, its own list. */
static const struct allowed responder[] = {
	/* a program's beginning: its libraries, its thread */
	ALLOW(execveat), /* of the one that is held open */
	ALLOW_LOOKING,
	ALLOW(mmap),
	ALLOW(mmap2),
	ALLOW(mprotect),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(arch_prctl),
	ALLOW(set_tid_address),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW_THE(prlimit64, 0, 0), /* its own */
	ALLOW(getrlimit),
	ALLOW(ugetrlimit),
	/* and its own */
	ALLOW_IF(openat, 2, ALLOW_CHANGES, O_RDWR),
	ALLOW_IF(open, 1, ALLOW_CHANGES, O_RDWR),
	ALLOW_DESCRIPTORS,
	ALLOW(dup2),
	ALLOW(dup3),
	ALLOW(getsockopt),
	ALLOW(mlockall),
	ALLOW_THE(setpriority, 1, 0),
	ALLOW(rt_sigaction),
	ALLOW(epoll_create1),
	ALLOW_THE(prctl, 0, PR_SET_NAME),
	ALLOW_THE(prctl, 0, PR_SET_DUMPABLE),
	ALLOW_THE(prctl, 0, PR_SET_PDEATHSIG),
	ALLOW_THE(prctl, 0, PR_SET_NO_NEW_PRIVS),
	ALLOW(seccomp),
	/* and from then on (responder/confine.c) */
	ALLOW(accept4),
	ALLOW(epoll_ctl),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
	ALLOW(epoll_pwait2),
	ALLOW(getsockname),
	ALLOW(sendto),
	ALLOW(send),
	ALLOW(recvfrom),
	ALLOW(recv),
	ALLOW(shutdown),
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	ALLOW_END,
};

/* Beside all that those have whom it starts, who inherit this. */
static const struct allowed keeper[] = {
	/* a child of the daemon's, whose descriptor is the only way to end it */
	ALLOW_IF(clone, 0,
		 CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
			 CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE | CLONE_VM,
		 0),
	ALLOW(pidfd_send_signal),
	ALLOW(getppid),
	ALLOW(close_range),
	ALLOW(setsid),
	/* which gives up its own privileges */
	ALLOW(setgroups),
	ALLOW(setgroups32),
	ALLOW(setresuid),
	ALLOW(setresuid32),
	ALLOW(setresgid),
	ALLOW(setresgid32),
	ALLOW(capget),
	ALLOW(capset),
	ALLOW_THE(prctl, 0, PR_SET_KEEPCAPS),
	ALLOW_THE(prctl, 0, PR_CAPBSET_READ),
	ALLOW_THE(prctl, 0, PR_CAPBSET_DROP),
	ALLOW_THE(prctl, 0, PR_CAP_AMBIENT),
	ALLOW_THE(prctl, 0, PR_GET_SECUREBITS),
	ALLOW_END,
};

static int enter(const struct allowed *list)
{
	const struct allowed *const lists[] = { allow_basics, list, NULL };
	int error = allow_only(SCMP_ACT_ERRNO(ENOSYS), lists);

	if (error == -ENOSYS) /* which the daemon tells */
		error = 0;
	if (error)
		log_error("system calls cannot be restricted: %s", strerror(-error));
	return error;
}

int sandbox_enter_filer(void)
{
	return enter(filer);
}

int sandbox_enter_placer(void)
{
	return enter(placer);
}

int sandbox_enter_attacher(void)
{
	return enter(attacher);
}

int sandbox_enter_reader(void)
{
	return enter(reader);
}

int sandbox_enter_responder(void)
{
	return enter(responder);
}

int sandbox_enter_keeper(bool attaching)
{
	const struct allowed *const lists[] = {
		allow_basics, keeper,	 scout_allowed(), filer,
		placer,	      responder, reader,	  attaching ? attacher : NULL,
		NULL,
	};
	int error = allow_only(SCMP_ACT_ERRNO(ENOSYS), lists);

	return error == -ENOSYS ? 0 : error;
}
