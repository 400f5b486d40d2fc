/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that may hang on a disk, done by a process of its own: it is left behind when it does.
 * For as long as processes may be started; later there is publish/filer.h.
 */
#ifndef COMMON_APART_H
#define COMMON_APART_H

#include <stddef.h>

#define APART_MOST 4096 /* bytes that go through a pipe at once */

/*
 * Have WORK done on DATA (SIZE bytes, less than APART_MOST), whose bytes are then as it left them.
 * Of our descriptors the process has the standard ones and KEEP (-1: none): one that hangs would
 * keep any other open. Returns what WORK does, -ETIMEDOUT after MS milliseconds, or -errno.
 */
int apart(int (*work)(void *data), void *data, size_t size, int keep, int ms);

/* Close all but the standard descriptors and those of KEPT, which it sorts. */
void apart_close_all_but(int *kept, size_t count);

/* The same for ONE and OTHER (-1: none). */
void apart_close_others(int one, int other);

#endif
