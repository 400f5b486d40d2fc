/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * malloc(3) keeps what it is given back, whatever that was: 2,048 clients that ask for the status
 * and do not read it left 57 of 68 MiB behind. And it learns from a large piece that is freed to
 * take such pieces from the heap from now on: three reloads, each with a configuration of 250 KiB,
 * left 0.5 MiB. So its thresholds stand still, and what is free goes back to the kernel.
 */
#include "daemon/memory.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/units.h"
#include "publish/held.h"

#define MMAP_BYTES (128 * 1024)
#define TRIM_BYTES (128 * 1024)
#define LEFT_BYTES 64 /* a header, and what malloc(3) rounds to */
#define TRIM_NS	   (20 * NS_PER_S)
#define LEAST_NS   (2 * NS_PER_S) /* between two, whatever clients do */

static bool all_locked; /* what is allocated later as well */
static int64_t trimmed_ns;
static void *border; /* never freed */

/*
 * Of each size that was freed the C library keeps seven pieces aside, wherever they lie, and of a
 * crowd's each holds a page: 0.4 MiB in all. What an administrator has set stays.
 */
void memory_begin_again(char **argv)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0 || getenv("GLIBC_TUNABLES") ||
	    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1))
		return;
	path[length] = '\0';
	execv(path, argv); /* where it cannot be, memory is a little more */
}

void memory_begin(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}

/*
 * Where only what there is now is locked, what the heap grows by is not. A free piece that began in
 * the one and ended in the other could not be given back: so nothing begins in what is left of it.
 */
static void end_locked_heap(void)
{
	size_t left;

	malloc_trim(0);
	left = mallinfo2().keepcost;
	if (left > LEFT_BYTES)
		border = malloc(left - LEFT_BYTES);
}

int memory_lock(int flags)
{
	int ret;

	if (!(flags & MCL_FUTURE))
		end_locked_heap();
	ret = mlockall(flags);
	all_locked = !ret && flags & MCL_FUTURE;
	return ret;
}

/*
 * The kernel takes back nothing that is locked (madvise(2): EINVAL). So it is not for a moment, and
 * then all that is there is again, without fetching anything that is not: MCL_ONFAULT does not
 * wait.
 */
static void trim(void)
{
	if (all_locked && munlockall())
		return;
	malloc_trim(0);
	if (!all_locked || !mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return;
	log_warning("memory is locked no longer: %s", strerror(errno));
	all_locked = false;
}

void memory_tend(int64_t now)
{
	if (now - trimmed_ns < LEAST_NS || (now - trimmed_ns < TRIM_NS && !held_fell()))
		return;
	trimmed_ns = now;
	trim();
}
