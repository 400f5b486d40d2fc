/* SPDX-License-Identifier: GPL-2.0-only */
/* Running short of memory: in a small cgroup, and host-wide. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define CGROUP "/sys/fs/cgroup/check"

/* Twice as much page cache as the cgroup may have: each read charges, and so reclaims. */
static int fill_with_cache(const char *directory)
{
	int fd = act_file(directory, 0, 4 * MIB);
	off_t at = 0;

	while (fd >= 0 && at < 4 * MIB && pread(fd, act_buffer(), MIB, at) == MIB)
		at += MIB;
	return act_finish(fd, at == 4 * MIB);
}

/* More than any of our cgroups may have. It is not freed: nobody comes back from here. */
static int fill_with_memory(const char *directory)
{
	const size_t size = 32 * MIB;
	volatile char *memory = malloc(size);
	size_t at;

	(void)directory;
	for (at = 0; memory && at < size; at += PAGE)
		memory[at] = 1;
	return -ENOTRECOVERABLE; /* it should have been killed */
}

/* In a memory cgroup of 2 MiB. Returns the child's wait status, or -errno. */
static int in_cgroup(int (*fill)(const char *directory), const char *directory)
{
	int error, status;
	pid_t pid;

	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		return -errno;
	error = act_put(CGROUP "/memory.max", "2M");
	if (error)
		return error;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(act_put(CGROUP "/cgroup.procs", "0") || fill(directory) ? 1 : 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rmdir(CGROUP);
	return status;
}

int act_reclaim(const char *directory)
{
	int status = in_cgroup(fill_with_cache, directory);

	return status > 0 ? -EIO : status;
}

int act_oom_kill(const char *directory)
{
	int status = in_cgroup(fill_with_memory, directory);

	if (status < 0)
		return status;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : -EIO;
}

/* The process that keeps what it has filled, in a cgroup that stays until it is released. */
static pid_t holder;

static int hold(int (*fill)(const char *directory), const char *directory)
{
	int ready[2], error;
	char byte;

	if ((mkdir(ACT_HELD, 0755) && errno != EEXIST) || pipe(ready))
		return -errno;
	error = act_put(ACT_HELD "/memory.max", ACT_HELD_MAX);
	holder = error ? -1 : fork();
	if (!holder) {
		if (!act_put(ACT_HELD "/cgroup.procs", "0") && !fill(directory) &&
		    write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (holder > 0 && read(ready[0], &byte, 1) != 1)
		error = -ESRCH;
	close(ready[0]);
	return holder < 0 && !error ? -EAGAIN : error;
}

int act_release(const char *directory)
{
	(void)directory;
	if (holder > 0) {
		kill(holder, SIGKILL);
		waitpid(holder, NULL, 0);
	}
	holder = 0;
	return rmdir(ACT_HELD) ? -errno : 0;
}

static int keep_cache(const char *directory)
{
	int fd = act_file(directory, 0, ACT_HELD_BYTES); /* kept open, and so its cache */
	off_t at = 0;

	while (fd >= 0 && at < ACT_HELD_BYTES && pread(fd, act_buffer(), MIB, at) == MIB)
		at += MIB;
	return at == ACT_HELD_BYTES ? 0 : -EIO;
}

static int keep_memory(const char *directory)
{
	volatile char *memory = malloc(ACT_HELD_BYTES);
	size_t at;

	(void)directory;
	for (at = 0; memory && at < ACT_HELD_BYTES; at += PAGE)
		memory[at] = 1;
	return memory ? 0 : -ENOMEM;
}

int act_hold_cache(const char *directory)
{
	return hold(keep_cache, directory);
}

int act_hold_memory(const char *directory)
{
	return hold(keep_memory, directory);
}

int act_hold_below_high(const char *directory)
{
	int error = act_hold_memory(directory);

	return error ? error : act_put(ACT_HELD "/memory.high", ACT_HELD_HIGH);
}

int act_hold_kill(const char *directory)
{
	return hold(fill_with_memory, directory) == -ESRCH ? 0 : -EIO;
}

/* Eight times what is left beside the held memory: each round reads all of it from the disk. */
static int read_over_and_over(const char *directory)
{
	const off_t size = 48 * MIB;
	int fd = act_file(directory, 0, size), round;
	off_t at = 0;

	for (round = 0; fd >= 0 && round < 3; round++)
		for (at = 0; at < size && pread(fd, act_buffer(), MIB, at) == MIB;)
			at += MIB;
	return act_finish(fd, at == size);
}

int act_press(const char *directory)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(act_put(ACT_HELD "/cgroup.procs", "0") || read_over_and_over(directory));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -EIO : 0;
}

/* More huge pages than there is memory: whoever asks reclaims on the way to less than that. */
int act_host_reclaim(const char *directory)
{
	int error = act_put("/proc/sys/vm/nr_hugepages", "4096");

	(void)directory;
	return error ? error : act_put("/proc/sys/vm/nr_hugepages", "0");
}
