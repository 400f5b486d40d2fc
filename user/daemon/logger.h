/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When stderr is a file, a process of its own writes it: the file may well be on the filesystem
 * that hangs (/var/log is watched by default), and a daemon that hangs there with it says
 * nothing to anyone any more.
 */
#ifndef DAEMON_LOGGER_H
#define DAEMON_LOGGER_H

#include "common/child.h"

/*
 * Nobody waits for who reads our stderr: put a pipe between us and one that is a file, and have
 * any other not block. To be called first of all.
 */
void logger_open(void);

/* Make CHILD the writer behind that pipe, before the keeper is started. */
void logger_child(struct child *child, const char *user);

/* Start it, where there is a pipe. */
void logger_start(struct child *child);

/* It could not be started: what was said goes where it would have written it. */
void logger_undo(void);

#endif
