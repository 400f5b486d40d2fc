/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scout's privileges. It may pass any permission, so that a trial write can be made where the
 * mail server makes its own; its system calls are an allow-list, so that this can harm nobody.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "watch/scout_confine.h"

/*
 * To look into any directory; to write as root where root's own bits do not allow it (Fedora's /
 * is 0555); to be the owner of the one that is watched.
 */
static const unsigned int kept[] = { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, CAP_SETUID,
				     CAP_SETGID };

#define KEPT (sizeof(kept) / sizeof(kept[0]))

/* With what libcs make of them on other machines. */
static const int allowed[] = {
	/* files: to look at them */
	SCMP_SYS(close),
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(getdents64),
	SCMP_SYS(stat),
	SCMP_SYS(stat64),
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(statfs64),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fstatfs64),
	SCMP_SYS(fcntl),
	SCMP_SYS(fcntl64),
	/* what was opened by the rules below */
	SCMP_SYS(pwrite64),
	SCMP_SYS(fsync),
	SCMP_SYS(fallocate),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdirat),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(setfsuid),
	SCMP_SYS(setfsuid32),
	SCMP_SYS(setfsgid),
	SCMP_SYS(setfsgid32),
	SCMP_SYS(geteuid),
	SCMP_SYS(geteuid32),
	SCMP_SYS(getegid),
	SCMP_SYS(getegid32),
	SCMP_SYS(getrandom),
	/* requests and replies */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recv),
	SCMP_SYS(sendto),
	SCMP_SYS(send),
	/* threads, memory, time */
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(sched_yield),
	SCMP_SYS(setpriority),
	SCMP_SYS(prctl),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(mmap2),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_nanosleep_time64),
	SCMP_SYS(nanosleep),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Whatever else it is asked for, an open that could change a file that is there is refused. */
static const struct {
	scmp_datum_t mask, value;
} opens[] = {
	{ O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, O_RDONLY },
	{ O_TMPFILE, O_TMPFILE },
	{ O_CREAT | O_EXCL | O_TRUNC, O_CREAT | O_EXCL },
};

static const unsigned long ioctls[] = { BTRFS_IOC_FS_INFO, BTRFS_IOC_DEV_INFO,
					BTRFS_IOC_SPACE_INFO };

/* -EDOM: not a system call of this machine. */
static int tolerate(int error)
{
	return error == -EDOM ? 0 : error;
}

static int allow_opens(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(opens) / sizeof(opens[0]); i++) {
		const struct scmp_arg_cmp at =
			SCMP_A2(SCMP_CMP_MASKED_EQ, opens[i].mask, opens[i].value);
		const struct scmp_arg_cmp plain =
			SCMP_A1(SCMP_CMP_MASKED_EQ, opens[i].mask, opens[i].value);

		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &at);
		if (!error)
			error = tolerate(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
								SCMP_SYS(open), 1, &plain));
	}
	return error;
}

static int add_rules(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp call = { .arg = 1, .op = SCMP_CMP_EQ };
	int error = allow_opens(filter);
	size_t i;

	for (i = 0; !error && i < sizeof(ioctls) / sizeof(ioctls[0]); i++) {
		call.datum_a = ioctls[i];
		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &call);
	}
	for (i = 0; !error && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		error = tolerate(seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0));
	return error;
}

/* Those of the first COUNT that the process has: a container may have been given some of them. */
static int keep(size_t count)
{
	bool held[KEPT], known = !capng_get_caps_process();

	for (size_t i = 0; i < count; i++)
		held[i] = known && capng_have_capability(CAPNG_PERMITTED, kept[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < count; i++)
		if (held[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	/* The bounding set wants CAP_SETPCAP. */
	return capng_apply(CAPNG_SELECT_BOTH) ? capng_apply(CAPNG_SELECT_CAPS) : 0;
}

int scout_shed_privileges(const char *user)
{
	(void)user;
	if (keep(KEPT))
		keep(0);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

void scout_confine(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error = filter ? add_rules(filter) : -ENOMEM;

	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error)
		keep(1); /* to look, and no more */
}
