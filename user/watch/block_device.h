/* SPDX-License-Identifier: GPL-2.0-only */
/* What a block device has done, by the kernel's count of it: no disk is touched by asking. */
#ifndef WATCH_BLOCK_DEVICE_H
#define WATCH_BLOCK_DEVICE_H

#include <stdint.h>

/*
 * The writes and flushes that DEVICE (major << 20 | minor, as the kernel holds it) has completed;
 * -1 when it cannot be seen: it is none (btrfs, NFS), or there is no /sys.
 */
int64_t block_device_writes(uint32_t device);

#endif
