/* SPDX-License-Identifier: GPL-2.0-only */
/* What is left of a program between mail server and daemon once it serves: no root, few calls. */
#ifndef MTA_CONFINE_H
#define MTA_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

struct confine_user {
	const char *name; /* NULL: nobody was named, or root was */
	uid_t uid;	  /* (uid_t)-1: we stay who we are, and that is not root */
	gid_t gid;
};

/* Whom to become, NAME (NULL: nobody was named) being wanted. False when there is no such user. */
bool confine_find(struct confine_user *user, const char *name);

/*
 * Become USER, with its groups. Where it has no name it is one whom nobody else is, who keeps the
 * group: by that it may ask the daemon. Returns 0 or -errno.
 */
int confine_become(const struct confine_user *user);

/*
 * From here on no system calls but those of the milter, or of the filter. What cannot be had is a
 * line of log.
 */
void confine_milter(void);
void confine_filter(void);

#endif
