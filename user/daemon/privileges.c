/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up what is no longer needed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/capabilities.h"
#include "common/log.h"
#include "common/user.h"
#include "daemon/memory.h"
#include "daemon/privileges.h"
#include "daemon/sandbox.h"
#include "publish/places.h"

#define PRIORITY -10

void privileges_protect(void)
{
	int fd;

	places_raise_limit();
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "-900", 4);
	close(fd);
}

void privileges_hurry(void)
{
	(void)!setpriority(PRIO_PROCESS, 0, PRIORITY);
}

/*
 * A page of ours that was swapped out would come back through the very disk that hangs. What is
 * allocated later is locked only if the limit allows any amount: otherwise malloc() would
 * fail once the limit is reached, which is worse.
 */
static void lock_memory(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int flags = MCL_CURRENT;

	malloc_trim(0); /* what reading the kernel's types took is not needed again */
	if (!setrlimit(RLIMIT_MEMLOCK, &unlimited))
		flags |= MCL_FUTURE;
	if (memory_lock(flags))
		log_info("memory is not locked: %s", strerror(errno));
}

/* Which nobody else is: what is shared by all who want to be nobody is no user of its own. */
void privileges_know(const char *user)
{
	uid_t uid;
	gid_t gid;

	if (user_find(user, &uid, &gid) || geteuid())
		return;
	if (*user)
		log_warning("there is no user %s (or it is root): running as user id %u, which "
			    "nobody has. Who is in no group of the socket's cannot ask; make the "
			    "user (systemd-sysusers) and restart",
			    user, (unsigned int)uid);
	else
		log_notice("user = \"\": running as user id %u, which nobody has; root it is not",
			   (unsigned int)uid);
}

int privileges_drop_all(const char *user)
{
	int error;

	/* While we may still: the bounding set goes with CAP_SETPCAP. */
	capabilities_bound();
	error = user_become(user);
	if (error) {
		log_error("cannot become user %s: %s", user, strerror(-error));
		return error;
	}
	error = capabilities_drop();
	if (error) {
		log_error("capabilities cannot be dropped: %s; with a user of its own (user = "
			  "\"spoolgate\") they go by that",
			  strerror(-error));
		return error;
	}
	return 0;
}

int privileges_shed(const char *user)
{
	int error = privileges_drop_all(user);

	return error ? error : sandbox_enter_filer();
}

/*
 * A socket in the mail server's directory takes writing there, and giving it to the mail server's
 * group. Not CAP_FOWNER: what is made is one's own, or somebody else's for good.
 */
#define PLACER (1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE)

/*
 * To enter a network namespace takes CAP_SYS_ADMIN, which is all of BPF, too; to attach there,
 * CAP_NET_ADMIN. Its path may be closed to others, as /run/docker is.
 */
#define ATTACHER (1ull << CAP_SYS_ADMIN | 1ull << CAP_NET_ADMIN | 1ull << CAP_DAC_READ_SEARCH)

/* What the children of its own keep, and what becoming others and ending them takes. */
#define KEEPER                                                                            \
	(PLACER | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_SETUID | 1ull << CAP_SETGID | \
	 1ull << CAP_KILL)

void privileges_raise(bool raised)
{
	int error = capabilities_keep(PLACER, raised);

	/* It would do with privileges what is to be done without. */
	if (error && !raised)
		_exit(1);
}

/* Become USER, and have no others than those KEPT any more. */
static int keep(const char *user, uint64_t kept, bool effective)
{
	int error;

	capabilities_bound();
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	error = user_become(user);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (!error)
		error = capabilities_keep(kept, effective);
	if (error) {
		log_error("cannot become user %s: %s", user, strerror(-error));
		return error;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}

int privileges_keep(const char *user)
{
	int error = keep(user, PLACER, false);

	return error ? error : sandbox_enter_placer();
}

int privileges_attach(const char *user)
{
	int error = keep(user, ATTACHER, true);

	return error ? error : sandbox_enter_attacher();
}

int privileges_read(const char *user)
{
	int error = keep(user, 1ull << CAP_DAC_READ_SEARCH, true);

	return error ? error : sandbox_enter_reader();
}

int privileges_respond(const char *user)
{
	int error = privileges_drop_all(user);

	return error ? error : sandbox_enter_responder();
}

/* It stays who it is: others are not its to end, and the scout's user is ours. */
static int keep_for_children(uint64_t kept, bool attaching)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* the responders' */
	capabilities_bound();
	/* Where a filter refuses that each child still gives up its own, or does not start. */
	(void)capabilities_keep(kept, true);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : sandbox_enter_keeper(attaching);
}

int privileges_keeper(const char *user)
{
	(void)user;
	return keep_for_children(KEEPER, false);
}

int privileges_keeper_attaching(const char *user)
{
	(void)user;
	return keep_for_children(KEEPER | ATTACHER, true);
}

int privileges_drop(const char *user)
{
	int error;

	lock_memory();
	error = privileges_drop_all(user);
	return error ? error : sandbox_enter();
}
