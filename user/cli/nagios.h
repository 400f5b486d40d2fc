/* SPDX-License-Identifier: GPL-2.0-only */
/* The level in the way of a monitoring plugin. */
#ifndef CLI_NAGIOS_H
#define CLI_NAGIOS_H

/* Prints "SPOOLGATE STATE - …| values"; returns the plugin's exit code, 0 … 3. */
int nagios_check(const char *socket);

#endif
