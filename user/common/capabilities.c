/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up capabilities. */
#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/capabilities.h"

/* Not by libcap-ng, which remembers whose they were: the keeper's children are others. */
void capabilities_bound(void)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int capabilities_keep(uint64_t kept, bool effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return -errno;
	/* What there is of it: a container may not have all. */
	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].effective = effective ? data[i].permitted : 0;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/*
 * What counts is what is held then: where capset(2) is refused (a container's filter) there may be
 * none to begin with, and a change of user takes them along.
 */
int capabilities_drop(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	(void)!capng_apply(CAPNG_SELECT_CAPS);
	if (capng_get_caps_process() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}
