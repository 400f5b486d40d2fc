/* SPDX-License-Identifier: GPL-2.0-only */
/* The level, or one class's admission, in the way of a monitoring plugin. */
#ifndef CLI_NAGIOS_H
#define CLI_NAGIOS_H

/* Prints "SPOOLGATE STATE - …| values"; returns the plugin's exit code, 0 … 3. */
int nagios_check(const char *socket);

/* Of REQUEST, which is about CLASS: "SPOOLGATE STATE - CLASS: ADMISSION". */
int nagios_admission(const char *socket, const char *request, const char *class);

/* Not asked at all, for what is said on stderr. */
#define NAGIOS_UNKNOWN 3

#endif
