/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is read of a filesystem at each look, and told to the sink: a table with a row for each
 * resource of a filesystem.
 */
#ifndef WATCH_READINGS_H
#define WATCH_READINGS_H

#include "watch/filesystem.h"

/*
 * The values of FS's last look. A path is left out that differs from its primary neither in values
 * nor in thresholds.
 */
void readings_tell(struct filesystem *fs);

/* Of those only whether mail can be written: a write probe failed, or the first one after went
 * through. */
void readings_failed(struct filesystem *fs);

/* FS's path is not there. */
void readings_absent(struct filesystem *fs);

/*
 * FS has not answered since SINCE_NS, or cannot be looked at. To be called
 * over and over while that lasts: what needs no look goes on being told.
 */
void readings_stalled(struct filesystem *fs, int64_t since_ns);

#endif
