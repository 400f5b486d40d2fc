/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's own memory: locked, and given back when it is needed no longer. */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdint.h>

/* How malloc(3) is to be: for this process and those that it starts. */
void memory_begin(void);

/*
 * Once more from the start with ARGV, where malloc(3) is to be told something that it takes from
 * the environment alone. Returns when it has been, or cannot be.
 */
void memory_begin_again(char **argv);

/* mlockall(2), with FLAGS. Returns 0 or -1. */
int memory_lock(int flags);

/* Once in a while. Never waits. */
void memory_tend(int64_t now);

#endif
