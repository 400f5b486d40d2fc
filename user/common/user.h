/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom a process of ours becomes: never root, whatever users there are. */
#ifndef COMMON_USER_H
#define COMMON_USER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The ids of the user NAME, true; or, where there is no such user or it is root, of one whom nobody
 * is: false. Asks for names, which takes as long as their service pleases, but for the last answer,
 * which it keeps.
 */
bool user_find(const char *name, uid_t *uid, gid_t *gid);

/* Is it one of those whom nobody is, as a start without a user had it? */
bool user_is_stand_in(uid_t uid);

/*
 * Root becomes NAME, or a stand-in; anybody else stays who they are. Where the stand-in cannot be
 * had (a user namespace that has root alone, a container without CAP_SETUID) we stay, which the
 * log has by then. Returns 0 or -errno.
 */
int user_become(const char *name);

#endif
