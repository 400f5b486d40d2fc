/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The override on disk: a file beside the state socket, so that a restart of the
 * daemon within a maintenance does not end it. /run is empty after a boot, and so is it.
 */
#ifndef DAEMON_OVERRIDE_H
#define DAEMON_OVERRIDE_H

#include "policy/judge.h"

/*
 * Write OVERRIDE (or remove the file when it is not active) beside SOCKET. NOW is the
 * monotonic time. Returns 0 or -errno.
 */
int override_save(const char *socket, const struct override *override, int64_t now);

/* Read it back. Returns 0 with OVERRIDE filled in, -ENOENT when there is none (any more), or
 * -EINVAL for a file that is not one of ours. */
int override_load(const char *socket, struct override *override, int64_t now);

#endif
