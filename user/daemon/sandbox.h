/* SPDX-License-Identifier: GPL-2.0-only */
/* What spoolgated never does once it runs is refused by the kernel: see sandbox.c. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

/* Returns 0 or -errno. Without seccomp in the kernel it is a log line, not an error. */
int sandbox_enter(void);

/* The same for the placer, who keeps privileges: what is not allowed by name is refused. */
int sandbox_enter_placer(void);

/* The same for the attacher: it may do what attaching a gate takes beside. */
int sandbox_enter_attacher(void);

/* Load FILTER (an scmp_filter_ctx), where there is seccomp. */
int sandbox_load(void *filter);

#endif
