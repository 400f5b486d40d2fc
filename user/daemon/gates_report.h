/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to say of the gates in the log. */
#ifndef DAEMON_GATES_REPORT_H
#define DAEMON_GATES_REPORT_H

#include "daemon/gates.h"

/* A line for each change of state, each brake, and each minute in which something was diverted. */
void gates_announce(struct gates *gates, const struct config *config, const struct judge *judge,
		    int64_t now);

/* Gate I is about to end: what the log does not have yet of whom it diverted. */
void gates_sum_up(struct gates *gates, unsigned int i, const struct config *config, int64_t now);

#endif
