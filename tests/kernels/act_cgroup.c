/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing from within a cgroup. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

int act_group(const char *directory)
{
	(void)directory;
	return mkdir(ACT_HELD, 0755) || mkdir(ACT_BELOW, 0755) ? -errno : 0;
}

int act_ungroup(const char *directory)
{
	(void)directory;
	return rmdir(ACT_BELOW) || rmdir(ACT_HELD) ? -errno : 0;
}

/* One that joins PROCS does it, so that the actor stays where it is. */
static int sync_within(const char *procs, const char *directory)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(act_put(procs, "0") || act_fdatasync(directory) ? 1 : 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -EIO : 0;
}

int act_sync_held(const char *directory)
{
	return sync_within(ACT_HELD "/cgroup.procs", directory);
}

int act_sync_below(const char *directory)
{
	return sync_within(ACT_BELOW "/cgroup.procs", directory);
}
