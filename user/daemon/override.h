/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The override on disk: a file beside the state socket, so that a restart of the
 * daemon within a maintenance does not end it. /run is empty after a boot, and so is it.
 */
#ifndef DAEMON_OVERRIDE_H
#define DAEMON_OVERRIDE_H

#include "policy/judge.h"

struct config;
struct filer;
struct json_object;

/*
 * Have FILER write OVERRIDE (or remove the file when it is not active) beside SOCKET. NOW is the
 * monotonic time. What cannot be done is in the log.
 */
void override_save(struct filer *filer, const char *socket, const struct override *override,
		   int64_t now);

/*
 * Read it back, in a process of its own. Returns 0 with OVERRIDE filled in, -ENOENT when there is
 * none (any more), -ETIMEDOUT when its filesystem does not answer, or -EINVAL for a file that is
 * not one of ours. Where the directory is root's, there is a file for the filer to write from then
 * on.
 */
int override_load(const struct config *config, struct override *override, int64_t now);

/*
 * Between the two: what is in the file, and what is in OBJECT, NULL and what is no object included,
 * at WALL_S, the wall clock's second, and NOW. override_parse() returns 0, -ENOENT when it is over,
 * or -EINVAL, and OVERRIDE then is not active.
 */
struct json_object *override_object(const struct override *override, int64_t wall_s, int64_t now);
int override_parse(struct override *override, struct json_object *object, int64_t wall_s,
		   int64_t now);

#endif
