/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When stderr is a file, a process of its own writes it: the file may well be on the filesystem
 * that hangs (/var/log is watched by default), and a daemon that hangs there with it says
 * nothing to anyone any more.
 */
#ifndef DAEMON_LOGGER_H
#define DAEMON_LOGGER_H

/*
 * Put a pipe and a writer between us and a stderr that is a regular file; leave any other as it
 * is. To be called first of all. Without memory or processes it stays as it was.
 */
void logger_start(void);

#endif
