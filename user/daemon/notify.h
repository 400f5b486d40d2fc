/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service manager: readiness, status, watchdog. Without one all of it does nothing. It may not
 * read: then nobody waits for it, and what it must know is sent again until it has it.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

struct event_base;

/* Returns 0 or -errno. */
int notify_start(struct event_base *base);

void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(int64_t now);
void notify_stopping(void);
void notify_stop(void);

#endif
