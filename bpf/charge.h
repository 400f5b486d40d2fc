/* SPDX-License-Identifier: GPL-2.0-only */
/* From an inode to the slot of the watched filesystem that it is charged to. */
#ifndef BPF_CHARGE_H
#define BPF_CHARGE_H

#include "maps.h"

/* The slot of DEVICE, or LEDGER_FILESYSTEMS. One cache line, whatever is on the host. */
static __always_inline __u32 find_slot(const struct orders *o, __u32 device)
{
#pragma unroll
	for (__u32 slot = 0; slot < LEDGER_FILESYSTEMS; slot++)
		if (o->devices[slot] == device)
			return slot;
	return LEDGER_FILESYSTEMS;
}

static __always_inline __u32 inode_device(const struct inode *inode)
{
	return inode->i_sb->s_dev;
}

/* The slot that a canary of this thread listens on, or LEDGER_FILESYSTEMS. */
static __always_inline __u32 find_canary(const struct orders *o)
{
	struct bpf_pidns_info current = { 0 };

	if (!READ_ONCE(o->canaries))
		return LEDGER_FILESYSTEMS;
	/* Fails for tasks of other namespaces: then it is none of ours. */
	if (bpf_get_ns_current_pid_tgid(o->pid_namespace_device, o->pid_namespace_inode, &current,
					sizeof(current)))
		return LEDGER_FILESYSTEMS;
#pragma unroll
	for (__u32 slot = 0; slot < LEDGER_FILESYSTEMS; slot++)
		if (o->canary_tid[slot] == current.pid)
			return slot;
	return LEDGER_FILESYSTEMS;
}

#endif
