/* SPDX-License-Identifier: GPL-2.0-only */
/* What spoolgated never does once it runs is refused by the kernel: see sandbox.c. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

/* Returns 0 or -errno. Without seccomp in the kernel it is a log line, not an error. */
int sandbox_enter(void);

#endif
