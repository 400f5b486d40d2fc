/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon says in the log: the banner at start, and one line for each transition. */
#ifndef DAEMON_ANNOUNCE_H
#define DAEMON_ANNOUNCE_H

#include "daemon/daemon.h"

/* While we may still look for the program that asks us. */
void announce_prepare(void);

/* What is watched, by which probe, and how to ask. */
void announce_start(const struct daemon *daemon);

/* A line where the networks of one's own leave out the loopback's. At start and at a reload. */
void announce_internal(const struct config *config);

/* A line where memory-stall of the host is to be judged and cannot be. At start and at a reload. */
void announce_stall(const struct config *config);

/* A line for every resource and for the host whose level is not the one last said. */
void announce_changes(struct daemon *daemon, int64_t now);

/* A line for every class that was closed, reopens or is open again. True when any is. */
bool announce_classes(const struct daemon *daemon, const enum ramp_event events[CLASSES]);

/* The level has lasted: all that causes it, once more. */
void announce_stuck(struct daemon *daemon, int64_t now);

/* Messages that did not fit were refused: a line a minute at most, however many. */
void announce_sizes(struct daemon *daemon, int64_t now);

/* Thresholds that make no sense for what their object is now: each once, while it is so. */
void announce_flaws(struct daemon *daemon);

/* A new configuration laid the resources out anew: their present levels count as said. */
void announce_adopt(struct daemon *daemon);

#endif
