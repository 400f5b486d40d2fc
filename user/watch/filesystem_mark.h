/* SPDX-License-Identifier: GPL-2.0-only */
/* When the kernel is to ask for the next look at a filesystem, and when it may brake. */
#ifndef WATCH_FILESYSTEM_MARK_H
#define WATCH_FILESYSTEM_MARK_H

#include "watch/filesystem.h"

/*
 * Order the marks of FS, which was looked at and is judged by that: as many dirtied pages from
 * there as lead half the way to what matters next. Another look is wanted at once (look_wanted)
 * when they have been dirtied meanwhile.
 */
void filesystem_mark(struct filesystem *fs);

#endif
