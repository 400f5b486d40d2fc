/* SPDX-License-Identifier: GPL-2.0-only */
/* What spoolgated and its helpers never do once they run is not there for them: common/allow.h. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>

/*
 * The system calls of the daemon's loop, and of its helpers. Return 0 or -errno. Without seccomp in
 * the kernel it is a log line, not an error.
 */
int sandbox_enter(void);
int sandbox_enter_logger(void);
int sandbox_enter_filer(void);
int sandbox_enter_placer(void);
int sandbox_enter_attacher(void);
int sandbox_enter_reader(void);
int sandbox_enter_responder(void);

/* Of the keeper, who has what its children need; ATTACHING: an attacher is one of them. */
int sandbox_enter_keeper(bool attaching);

#endif
