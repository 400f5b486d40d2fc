/* SPDX-License-Identifier: GPL-2.0-only */
/* What the administrator should know of the places that the gates are in. */
#ifndef DAEMON_GATES_WARN_H
#define DAEMON_GATES_WARN_H

#include "daemon/gates.h"

/* The network namespace of a gate, for the log. */
const char *gates_name(const struct config_gate *config);

/* Two gates by different paths in one network namespace: both would have their say there. */
void gates_warn_of_twins(const struct gates *gates, const struct config *config);

/* Gate I is about to be attached: what was found in its place before we came. */
void gates_warn_at_start(const struct gates *gates, unsigned int i, const struct config *config);

/* A while after the start: the mail server, which starts after us at boot, listens by now. */
void gates_warn_late(struct gates *gates, const struct config *config);

/* Make CHILD the process that looks for docker-proxy. */
void gates_warn_child(struct child *child, const struct config *config,
		      int (*shed)(const char *user));

#endif
