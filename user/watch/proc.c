/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's files under /proc, read so that none can hang the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/proc.h"

/* No container replaces what says how it is mounted. */
#define KERNELS_OWN "/proc/self/mountinfo"

static const struct {
	const char *path;
	const char *tells;
} files[PROC_FILES] = {
	[PROC_MEMINFO] = { "/proc/meminfo", "memory-available of the host" },
	[PROC_VMSTAT] = { "/proc/vmstat", "oom-kill of the host" },
	[PROC_MEMORY_PRESSURE] = { "/proc/pressure/memory", "memory-stall of the host" },
	[PROC_IO_PRESSURE] = { "/proc/pressure/io", "io-stall of the host" },
};

_Static_assert(PROC_FILES <= SCOUT_FILES_MOST, "a slot for each");

/* Whose file is at DIRECTORY's PATH, without asking that filesystem, which may hang. 0: nobody's.
 */
static uint64_t device_of(int directory, const char *path, int flags)
{
	struct statx stx;

	if (statx(directory, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | flags, 0, &stx))
		return 0;
	return makedev(stx.stx_dev_major, stx.stx_dev_minor);
}

static void close_own(struct proc_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* By way of what was looked at, which another may have been mounted over since. */
static int open_again(int path_fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void find_foreign(struct proc_file *file, uint64_t device)
{
	if (!file->foreign || file->device != device) {
		log_info("%s is not the kernel's own here (lxcfs, in a container?): it may hang, "
			 "and is read by the scout",
			 file->path);
		file->added = file->waiting = false; /* a thread of its own for each */
		file->asked_ns = 0;
		file->error = 0;
	}
	file->foreign = true;
	close_own(file);
}

/* When there is no descriptor to be had for another, the one there is stays. */
static void find_own(struct proc_file *file, int path_fd)
{
	int fd = open_again(path_fd);

	file->foreign = false;
	if (fd < 0)
		return;
	close_own(file);
	file->fd = fd;
}

/* What is at the path now. */
static void examine(struct proc_file *file)
{
	int path_fd = open(file->path, O_PATH | O_CLOEXEC);
	uint64_t device;

	if (path_fd < 0)
		return;
	device = device_of(path_fd, "", AT_EMPTY_PATH);
	if (device && device == device_of(AT_FDCWD, KERNELS_OWN, 0))
		find_own(file, path_fd);
	else
		find_foreign(file, device);
	file->device = device;
	close(path_fd);
}

void procs_mounted(struct procs *procs)
{
	struct proc_file *file;

	for (file = procs->files; file < procs->files + PROC_FILES; file++)
		if (device_of(AT_FDCWD, file->path, 0) != file->device)
			examine(file);
}

static void ask(struct proc_file *file, int64_t now_ns)
{
	if (!file->procs->ready || file->waiting ||
	    (file->asked_ns && now_ns - file->asked_ns < PROC_GAP_NS))
		return;
	file->asked_ns = now_ns;
	if (scout_send(file->procs->scout, file->added ? SCOUT_READ : SCOUT_ADD, file->slot,
		       file->serial + 1, NULL, 0, file->added ? NULL : file->path))
		return; /* the scout is gone or stuck: its return, or the next time, brings us back
			 */
	file->serial++;
	file->waiting = file->added = true;
}

void procs_add(struct procs *procs)
{
	struct proc_file *file;

	procs->ready = true;
	for (file = procs->files; file < procs->files + PROC_FILES; file++) {
		file->added = file->waiting = false;
		file->asked_ns = 0;
		if (file->foreign)
			ask(file, monotonic_ns());
	}
}

static void take_text(struct proc_file *file, const struct scout_reply *reply)
{
	if (!file->text)
		file->text = malloc(KEYED_BYTES);
	if (!file->text)
		return;
	memcpy(file->text, reply->text, reply->length);
	file->text[reply->length] = '\0';
	file->read_ns = monotonic_ns();
}

bool procs_reply(struct procs *procs, const struct scout_reply *reply)
{
	struct proc_file *file = &procs->files[reply->slot - SCOUT_FILES];

	if (reply->slot - SCOUT_FILES >= PROC_FILES || reply->serial != file->serial ||
	    !file->waiting)
		return false; /* of a thread that has lost its slot */
	file->waiting = false;
	file->added = reply->error != -ENFILE;
	file->error = reply->error;
	if (!file->error)
		take_text(file, reply);
	return file->foreign;
}

bool procs_are_in(const struct procs *procs)
{
	const struct proc_file *file;

	for (file = procs->files; file < procs->files + PROC_FILES; file++)
		if (file->foreign && file->waiting && !file->read_ns)
			return false;
	return true;
}

/* Returns what proc_read() is to say to ERROR. Told once for each time. */
static int take_error(struct proc_file *file, int error, int64_t now_ns)
{
	bool counts = file->read_ns && now_ns - file->read_ns < PROC_COUNTS_NS;

	if (!file->said)
		log_warning("%s cannot be read: %s%s%s", file->path,
			    error == -ETIMEDOUT ? "it does not answer" : strerror(-error),
			    counts ? "; for a while counts what it said last: " : "",
			    counts ? file->tells : "");
	file->said = true;
	if (!counts && !file->said_lost)
		log_warning("%s: %s is not known, and not judged", file->path, file->tells);
	file->said_lost = !counts;
	return counts ? -EAGAIN : -ENODATA;
}

static void take_success(struct proc_file *file)
{
	if (file->said)
		log_notice("%s can be read again", file->path);
	file->said = file->said_lost = false;
}

static int read_own(struct proc_file *file, int64_t now_ns, char text[KEYED_BYTES])
{
	errno = file->fd < 0 ? ENOENT : ENODATA;
	if (!keyed_read(file->fd, text))
		return -errno;
	file->read_ns = now_ns;
	return 0;
}

static int read_foreign(struct proc_file *file, int64_t now_ns, char text[KEYED_BYTES])
{
	ask(file, now_ns);
	if (file->waiting && now_ns - file->asked_ns > PROC_LATE_NS)
		return -ETIMEDOUT;
	if (file->error || !file->read_ns || !file->text)
		return file->error ? file->error : -EINPROGRESS;
	strcpy(text, file->text);
	return 0;
}

int proc_read(struct proc_file *file, int64_t now_ns, char text[KEYED_BYTES])
{
	int error = file->foreign ? 0 : read_own(file, now_ns, text);

	if (error)
		examine(file);
	if (file->foreign)
		error = read_foreign(file, now_ns, text);
	else if (error)
		error = read_own(file, now_ns, text);
	if (error == -EINPROGRESS)
		return -EAGAIN;
	if (error)
		return take_error(file, error, now_ns);
	take_success(file);
	return 0;
}

void procs_open(struct procs *procs, const struct scout *scout)
{
	struct proc_file *file;
	unsigned int i;

	memset(procs, 0, sizeof(*procs));
	procs->scout = scout;
	for (i = 0; i < PROC_FILES; i++) {
		file = &procs->files[i];
		file->path = files[i].path;
		file->tells = files[i].tells;
		file->procs = procs;
		file->slot = SCOUT_FILES + i;
		file->fd = -1;
		examine(file);
	}
}

void procs_close(struct procs *procs)
{
	struct proc_file *file;

	for (file = procs->files; procs->scout && file < procs->files + PROC_FILES; file++) {
		close_own(file);
		free(file->text);
	}
}
