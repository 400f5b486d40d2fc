/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up capabilities, so that it is known whether they are gone. */
#ifndef COMMON_CAPABILITIES_H
#define COMMON_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Empty the bounding set, which wants CAP_SETPCAP: while there is that. Where it stays (a
 * container) nothing is lost: who holds no capability and cannot get one by exec(2) does not need
 * it.
 */
void capabilities_bound(void);

/*
 * Keep those of the bits KEPT that are held, in force or only to be raised, and get none by
 * exec(2). Returns 0 or -errno.
 */
int capabilities_keep(uint64_t kept, bool effective);

/* Keep none, and get none by exec(2) either. Returns 0, or -errno as long as one is held. */
int capabilities_drop(void);

#endif
