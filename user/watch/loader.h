/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that attaches what the first true answer does not wait for: direct writes, fallocate,
 * fsync times. A slow machine takes seconds for each of them, and a kernel that refuses one may
 * take as long to say so; mail servers wait for our start. It has the capabilities that the
 * daemon gives up meanwhile, hands over what it has attached, and ends.
 */
#ifndef WATCH_LOADER_H
#define WATCH_LOADER_H

#include <stdbool.h>
#include <sys/types.h>

#include "watch/kernel.h"

struct loader {
	int fd; /* readable when there is something to take; -1: it is through */
	pid_t pid;
};

/* Returns 0, or -errno: the signals have no probe then. */
int loader_start(struct loader *loader, struct kernel *kernel, const char *user);

/* SIGNAL is one of its. */
bool loader_has(enum signal_id signal);

/*
 * Hand KERNEL what has come, and call TOLD for each signal of which is known by that what becomes
 * of it. Does not wait. Returns how many signals it ended without a word of.
 */
unsigned int loader_take(struct loader *loader, struct kernel *kernel,
			 void (*told)(void *context, enum signal_id signal), void *context);

/* It goes by itself when it is not listened to. */
void loader_stop(struct loader *loader);

/* To be called now and then: a process that has ended is to be waited for. */
void loader_reap(struct loader *loader);

#endif
