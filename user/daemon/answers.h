/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon's two faces: what watch tells it (and asks), and what clients of the state
 * socket and of the listeners ask of it.
 */
#ifndef DAEMON_ANSWERS_H
#define DAEMON_ANSWERS_H

#include "daemon/daemon.h"

void answers_sink(struct daemon *daemon, struct watch_sink *sink);
void answers_source(struct daemon *daemon, struct state_source *source);
void answers_listener_source(struct daemon *daemon, struct listener_source *source);

/*
 * The uid of the configured admin, 0 when there is none. Asks the user database, which may be
 * on a network: at start and reload only, never for a client.
 */
uid_t answers_admin(const struct config *config);

#endif
