/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom we become. */
#include "common/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/*
 * The ids that neither distributions nor systemd (its dynamic users end at 65519) give away, and
 * that a container's 65536 still has. Not 65534: whatever else wants to be nobody is that one, and
 * could read and stop what is ours.
 */
#define STAND_IN_FIRST 65520
#define STAND_IN_LAST  65533

bool user_is_stand_in(uid_t uid)
{
	return uid >= STAND_IN_FIRST && uid <= STAND_IN_LAST;
}

/* The last one, should somebody have given all of them away. */
static uid_t find_stand_in(void)
{
	uid_t uid = STAND_IN_LAST;

	while (uid > STAND_IN_FIRST && (getpwuid(uid) || getgrgid(uid)))
		uid--;
	return uid;
}

/* The last answer: who asks again, or was forked since, does not wait for a name service again. */
static struct {
	char name[256];
	bool known, found;
	uid_t uid;
	gid_t gid;
} last;

static void look_up(const char *name)
{
	const struct passwd *user = *name ? getpwnam(name) : NULL;

	last.found = user && user->pw_uid;
	if (last.found) {
		last.uid = user->pw_uid;
		last.gid = user->pw_gid;
	} else {
		last.uid = last.gid = find_stand_in();
	}
	last.known = (size_t)snprintf(last.name, sizeof(last.name), "%s", name) < sizeof(last.name);
}

bool user_find(const char *name, uid_t *uid, gid_t *gid)
{
	if (!last.known || strcmp(last.name, name))
		look_up(name);
	*uid = last.uid;
	*gid = last.gid;
	return last.found;
}

int user_become(const char *name)
{
	uid_t uid;
	gid_t gid;
	bool found;

	if (geteuid())
		return 0;
	found = user_find(name, &uid, &gid);
	if (!setgroups(0, NULL) && !setresgid(gid, gid, gid) && !setresuid(uid, uid, uid))
		return 0;
	if (found || (errno != EINVAL && errno != EPERM))
		return -errno;
	log_warning("cannot become uid %u, which nobody has: %s; staying root, without "
		    "capabilities",
		    (unsigned int)uid, strerror(errno));
	return 0;
}
