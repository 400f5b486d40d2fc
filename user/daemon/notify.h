/* SPDX-License-Identifier: GPL-2.0-only */
/* The service manager: readiness, status, watchdog. Without libsystemd, or without a service
 * manager, all of it does nothing. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);
void notify_status(const char *status);
void notify_reloading(int64_t now);
void notify_stopping(void);
void notify_alive(void);

/* How often notify_alive() is wanted, in ns; 0: never. */
int64_t notify_interval_ns(void);

#endif
