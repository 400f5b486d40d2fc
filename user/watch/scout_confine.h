/* SPDX-License-Identifier: GPL-2.0-only */
/* What the scout may do: look at everything, write nothing that anyone has. */
#ifndef WATCH_SCOUT_CONFINE_H
#define WATCH_SCOUT_CONFINE_H

/*
 * Keep what lets it look into directories that are closed to others, and write as their owners.
 * Without any other capability root is a user like all. Where the process was started with less (a
 * container) it keeps what there is of them. USER is not asked for. Returns 0 or
 * -errno.
 */
int scout_shed_privileges(const char *user);

/*
 * From now on only the system calls that a scout makes: what is opened for writing is new and has
 * no name, or has one that nobody had. Without seccomp it gives up writing as others.
 */
void scout_confine(void);

/* They are these, and the basics (common/allow.h): who starts a scout has them as well. */
struct allowed;
const struct allowed *scout_allowed(void);

#endif
