/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process's system calls, by name, each with what it is for: what is not in its list is answered
 * with ENOSYS, as by a kernel that does not have it, so that a libc falls back to what is there
 * (from clone3(2), whose flags a filter cannot read, to clone(2)). Nothing is ended by a call that
 * is missing from a list: mail goes on, and the kernel's log has the process and the call's number
 * ("audit: type=1326").
 */
#ifndef COMMON_ALLOW_H
#define COMMON_ALLOW_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

struct allowed {
	const char *name; /* a machine or a libseccomp that does not know it has no such call */
	unsigned int condition; /* 0, or which argument, from 1 on, is VALUE in the bits of MASK */
	uint32_t mask, value;
};

/* A list ends with an empty row. */
// clang-format off
#define ALLOW(call)			 { #call, 0, 0, 0 }
#define ALLOW_IF(call, index, bits, is)	 { #call, (index) + 1, (uint32_t)(bits), (uint32_t)(is) }
#define ALLOW_END			 { NULL, 0, 0, 0 }
// clang-format on
#define ALLOW_THE(call, index, is) ALLOW_IF(call, index, ~0u, is)

/* What each process of ours does: with what libcs and other machines make of it. */
static const struct allowed allow_basics[] = {
	/* memory: nothing that is written becomes code, and no code is loaded any more */
	ALLOW(brk),
	ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	ALLOW_IF(mmap2, 2, PROT_EXEC, 0),
	ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(futex),
	ALLOW(futex_time64),
	/* time, where the kernel gives none without a call (a TSC that is not trusted) */
	ALLOW(clock_gettime),
	ALLOW(clock_gettime64),
	ALLOW(gettimeofday),
	ALLOW(time),
	/* a line of log: is there room, and the line */
	ALLOW(poll),
	ALLOW(ppoll),
	ALLOW(ppoll_time64),
	ALLOW(write),
	ALLOW(writev), /* a libc's last words */
	/* its own life; no signal can be sent, not even to itself: abort(3) ends without */
	ALLOW(close),
	ALLOW(getpid),
	ALLOW(gettid),
	ALLOW(geteuid),
	ALLOW(geteuid32),
	ALLOW(getegid),
	ALLOW(getegid32),
	ALLOW(getrandom), /* malloc(3) */
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(restart_syscall),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW_END,
};

/* What is open to look at a file: nothing that could change one. */
#define ALLOW_LOOKING                                                                             \
	ALLOW_IF(openat, 2, ALLOW_CHANGES, O_RDONLY), ALLOW_IF(open, 1, ALLOW_CHANGES, O_RDONLY), \
		ALLOW(read), ALLOW(pread64), ALLOW(lseek), ALLOW(_llseek), ALLOW(stat),           \
		ALLOW(stat64), ALLOW(lstat), ALLOW(lstat64), ALLOW(fstat), ALLOW(fstat64),        \
		ALLOW(newfstatat), ALLOW(fstatat64), ALLOW(statx)
#define ALLOW_CHANGES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/* Not F_SETOWN and F_SETSIG: they send signals. */
#define ALLOW_DESCRIPTORS                                                                         \
	ALLOW_THE(fcntl, 1, F_GETFD), ALLOW_THE(fcntl, 1, F_SETFD), ALLOW_THE(fcntl, 1, F_GETFL), \
		ALLOW_THE(fcntl, 1, F_SETFL), ALLOW_THE(fcntl, 1, F_DUPFD_CLOEXEC),               \
		ALLOW_THE(fcntl64, 1, F_GETFD), ALLOW_THE(fcntl64, 1, F_SETFD),                   \
		ALLOW_THE(fcntl64, 1, F_GETFL), ALLOW_THE(fcntl64, 1, F_SETFL),                   \
		ALLOW_THE(fcntl64, 1, F_DUPFD_CLOEXEC)

/* A thread of our own. */
#define ALLOW_THREADS                                                                        \
	ALLOW_IF(clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM), ALLOW(clone3), \
		ALLOW(set_robust_list), ALLOW(rseq), ALLOW(sched_yield),                     \
		ALLOW_THE(prctl, 0, PR_SET_NAME)

/*
 * libbpf's own, beside bpf(2): which kernel this is and what it can, its descriptors' numbers (with
 * memfd_create(2) it holds a map's until there is one, from 1.5 on), and its own limits.
 */
#define ALLOW_LIBBPF                                                         \
	ALLOW(access), ALLOW(faccessat), ALLOW(faccessat2), ALLOW(uname),    \
		ALLOW(dup3), ALLOW(memfd_create), ALLOW_THE(prlimit64, 0, 0)

static inline int allow_one(scmp_filter_ctx filter, const struct allowed *row)
{
	const struct scmp_arg_cmp same = {
		.arg = row->condition - 1,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = row->mask,
		.datum_b = row->value,
	};
	int call = seccomp_syscall_resolve_name(row->name), error;

	if (call == __NR_SCMP_ERROR)
		return 0;
	error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, row->condition ? 1 : 0, &same);
	return error == -EDOM ? 0 : error; /* not a system call of this machine */
}

/*
 * No clone3(2), but without a word in the log, since each libc tries it first: so by a filter of
 * its own, and the lists of those who start threads or processes have it.
 */
static inline int allow_no_clone3(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter ? 0 : -ENOMEM;

	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

/*
 * From here on this process, and what it starts, has the calls of LISTS (the last one NULL) and
 * OTHERWISE for any other. Returns 0 or -errno: -ENOSYS where there is no seccomp.
 */
static inline int allow_only(uint32_t otherwise, const struct allowed *const lists[])
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int error = filter ? allow_no_clone3() : -ENOMEM;

	for (; !error && *lists; lists++)
		for (const struct allowed *row = *lists; !error && row->name; row++)
			error = allow_one(filter, row);
	if (!error) {
		/* From Linux 4.14 on. */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		error = seccomp_load(filter);
	}
	seccomp_release(filter);
	return error == -EINVAL || error == -ECANCELED ? -ENOSYS : error;
}

#endif
