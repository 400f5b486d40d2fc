/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the gates' namespaces are, after the start. */
#ifndef DAEMON_GATES_PLACES_H
#define DAEMON_GATES_PLACES_H

#include "daemon/gates.h"

/* Start the attacher where there is a gate whose namespace may be another one. */
void gates_places_start(struct gates *gates);

/* Is each namespace still the one that the gate is in? To be called as often as one likes. */
void gates_places_check(struct gates *gates, const struct config *config, int64_t now);

void gates_places_stop(struct gates *gates);

/* gates.c's: gate I is out of its namespace, with its responder. */
void gates_let_go(struct gates *gates, unsigned int i);

#endif
