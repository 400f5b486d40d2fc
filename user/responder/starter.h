/* SPDX-License-Identifier: GPL-2.0-only */
/* Responders as the daemon's helper processes: another program each, with a listener and a pulse.
 */
#ifndef RESPONDER_STARTER_H
#define RESPONDER_STARTER_H

#include <sys/types.h>

#include "common/child.h"
#include "responder/greeting.h"

struct starter {
	char greeting[GREETING_BYTES];
	int program_fd; /* opened before the keeper is started: the program as it is then */
};

/*
 * Its program, which is beside the daemon's, held open: an upgrade of the package may put another
 * one in its place. Returns the descriptor, or -errno, with a warning in the log.
 */
int starter_open_program(void);

/*
 * Make CHILD a responder by STARTER, before the keeper is started. It becomes USER and keeps no
 * capability, by SHED.
 */
void starter_child(struct child *child, const struct starter *starter,
		   int (*shed)(const char *user), const char *user);

/* Start it, or another one, with LISTENER_FD and PULSE_FD. Returns 0 or -errno. */
int starter_start(struct child *child, int listener_fd, int pulse_fd);

#endif
