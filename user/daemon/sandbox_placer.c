/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The placer's system calls, by name: it may write any directory, and so has those alone that make
 * a socket and find it. No file is opened but to be known by its inode, or a directory to be given
 * away; none is read, written, renamed or linked. What is not allowed is refused (EPERM): a libc
 * that wants something else costs a socket that is not made again, and the log says why.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "daemon/sandbox.h"

/* With what libcs make of them on other machines. */
static const int allowed[] = {
	/* ask and answer */
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recv),
	SCMP_SYS(sendto),
	SCMP_SYS(send),
	SCMP_SYS(close),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	/* a socket and its file */
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(umask),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	/* its own privileges */
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32),
	SCMP_SYS(getegid),
	SCMP_SYS(getegid32),
	SCMP_SYS(getpid),
	/* a line of log */
	SCMP_SYS(write),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(mmap2),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
};

/* Allow CALL, whose argument INDEX is to be VALUE in the bits of MASK. */
static int allow(scmp_filter_ctx filter, int call, unsigned int index, unsigned int mask,
		 unsigned int value)
{
	const struct scmp_arg_cmp same = {
		.arg = index,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = mask,
		.datum_b = value,
	};
	int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &same);

	return error == -EDOM ? 0 : error; /* not a system call of this machine */
}

static int allow_opening(scmp_filter_ctx filter, int call, unsigned int flags)
{
	int error = allow(filter, call, flags, O_PATH, O_PATH);

	/* O_TMPFILE has O_DIRECTORY in it. */
	return error ? error : allow(filter, call, flags, O_TMPFILE | O_ACCMODE, O_DIRECTORY);
}

static int allow_all(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		if (error == -EDOM)
			error = 0;
	}
	if (!error)
		error = allow(filter, SCMP_SYS(socket), 0, ~0u, AF_UNIX);
	if (!error)
		error = allow_opening(filter, SCMP_SYS(openat), 2);
	return error ? error : allow_opening(filter, SCMP_SYS(open), 1);
}

int sandbox_enter_placer(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error;

	if (!filter)
		return -ENOMEM;
	error = allow_all(filter);
	if (!error)
		error = sandbox_load(filter);
	seccomp_release(filter);
	return error;
}
