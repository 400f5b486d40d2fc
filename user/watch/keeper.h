/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scout's keeper: starts the scout, and again should it die, with the capability that
 * the daemon no longer has. It touches no filesystem, so it can always be killed.
 */
#ifndef WATCH_KEEPER_H
#define WATCH_KEEPER_H

/*
 * Keep a scout that serves SCOUT_FD until the other end of LIFELINE is closed, which the daemon's
 * death does. A byte on LIFELINE asks to see whether the scout is dead. Does not return.
 */
void keeper(int scout_fd, int lifeline) __attribute__((noreturn));

#endif
