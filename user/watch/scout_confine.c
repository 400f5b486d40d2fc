/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scout's privileges. It may pass any permission, so that a trial write can be made where the
 * mail server makes its own; its system calls are an allow-list, so that this can harm nobody.
 */
#include <cap-ng.h>
#include <linux/btrfs.h>
#include <stdbool.h>

#include "common/allow.h"
#include "watch/scout_confine.h"

/*
 * To look into any directory; to write as root where root's own bits do not allow it (Fedora's /
 * is 0555); to be the owner of the one that is watched.
 */
static const unsigned int kept[] = { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, CAP_SETUID,
				     CAP_SETGID };

#define KEPT (sizeof(kept) / sizeof(kept[0]))

static const struct allowed allowed[] = {
	/* files: to look at them */
	ALLOW_LOOKING,
	ALLOW_DESCRIPTORS,
	ALLOW(getdents64),
	ALLOW(statfs),
	ALLOW(statfs64),
	ALLOW(fstatfs),
	ALLOW(fstatfs64),
	ALLOW_THE(ioctl, 1, BTRFS_IOC_FS_INFO),
	ALLOW_THE(ioctl, 1, BTRFS_IOC_DEV_INFO),
	ALLOW_THE(ioctl, 1, BTRFS_IOC_SPACE_INFO),
	/* to write one: whatever else it is asked for, none that could change a file that is there
	 */
	ALLOW_IF(openat, 2, O_TMPFILE, O_TMPFILE),
	ALLOW_IF(open, 1, O_TMPFILE, O_TMPFILE),
	ALLOW_IF(openat, 2, O_CREAT | O_EXCL | O_TRUNC, O_CREAT | O_EXCL),
	ALLOW_IF(open, 1, O_CREAT | O_EXCL | O_TRUNC, O_CREAT | O_EXCL),
	ALLOW(pwrite64),
	ALLOW(fsync),
	ALLOW(fallocate),
	ALLOW(unlinkat),
	ALLOW(mkdirat),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	/* as whom, of this thread */
	ALLOW(setfsuid),
	ALLOW(setfsuid32),
	ALLOW(setfsgid),
	ALLOW(setfsgid32),
	/* requests and replies */
	ALLOW(recvfrom),
	ALLOW(recv),
	ALLOW(sendto),
	ALLOW(send),
	/* a thread for each filesystem; who counts a queue can wait for all else */
	ALLOW_THREADS,
	ALLOW_THE(setpriority, 1, 0),
	ALLOW(rt_sigaction), /* a libc's own, for threads */
	ALLOW(nanosleep),
	ALLOW(clock_nanosleep),
	ALLOW(clock_nanosleep_time64),
	ALLOW_END,
};

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

const struct allowed *scout_allowed(void)
{
	return allowed;
}

void scout_confine(void)
{
	const struct allowed *const lists[] = { allow_basics, allowed, NULL };

	if (allow_only(SCMP_ACT_ERRNO(ENOSYS), lists))
		keep(1); /* to look, and no more */
}
