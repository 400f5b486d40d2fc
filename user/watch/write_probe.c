/* SPDX-License-Identifier: GPL-2.0-only */
/* The write probe. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "watch/write_probe.h"

#define ABOVE_MOST  64
#define CHUNK_BYTES 65536

/* Where new mail comes first: Postfix's and OpenSMTPD's queue; Exim's, should root own its spool.
 */
static const char *const arrivals[] = { "incoming", "input" };

struct attempt {
	int fd;		/* of the file, once it is open */
	int directory;	/* O_PATH */
	struct stat st; /* of the directory */
	uid_t uid;	/* as whom */
	gid_t gid;
	bool patient; /* may wait for a directory's lock */
	bool named;
};

bool write_probe_denied(int error)
{
	/* EOVERFLOW: the owner is nobody in this user namespace. */
	return error == -EACCES || error == -EPERM || error == -EOVERFLOW;
}

/* What says something of us, or of a filesystem on which no mail could lie, and not of a mail. */
static bool is_ours(int error)
{
	switch (-error) {
	case ENOMEM:
	case EMFILE:
	case EINTR:
	case EAGAIN:
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
	case ENOENT: /* the look tells of a path that is gone */
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return true;
	}
	return false;
}

/*
 * This thread alone. Root in a container may become nobody else: then it stays who it is. With
 * another id than root's the kernel takes what lets a process pass permissions, until it is back.
 */
static void become(uid_t uid, gid_t gid)
{
	setfsgid(gid);
	setfsuid(uid);
}

/*
 * The directory that names are made in, one of the owner's own: nobody else may read it, or hold
 * its lock. It stays there, since to remove it would want the lock of the one above. Returns -errno
 * where it cannot be, or is another's.
 */
static int open_private(const struct attempt *attempt)
{
	static const char name[] = ".spoolgate";
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(attempt->directory, name, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT && !mkdirat(attempt->directory, name, 0700))
		fd = openat(attempt->directory, name, flags);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_uid == attempt->uid && !(st.st_mode & 077))
		return fd;
	close(fd);
	return -EEXIST;
}

/* In any name: it is one that nobody has, in a directory where others may make names. */
static int create_in(int directory)
{
	uint64_t salt = 0;
	char name[64];
	int fd;

	(void)!getrandom(&salt, sizeof(salt), GRND_NONBLOCK);
	snprintf(name, sizeof(name), ".spoolgate-%016llx", (unsigned long long)salt);
	fd = openat(directory, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	unlinkat(directory, name, 0);
	return fd;
}

/* As who writes: what they may not do in the directory itself is not to be done in one of ours. */
static int open_named(const struct attempt *attempt)
{
	int fd, directory;

	if (faccessat(attempt->directory, ".", W_OK | X_OK, AT_EACCESS))
		return -errno;
	directory = open_private(attempt);
	fd = create_in(directory < 0 ? attempt->directory : directory);
	if (directory >= 0)
		close(directory);
	return fd;
}

static void write_as(struct attempt *attempt, uid_t uid, gid_t gid)
{
	attempt->uid = uid;
	attempt->gid = gid;
}

/* O_TMPFILE takes no lock of the directory, which any reader may hold. */
static int open_unnamed(struct attempt *attempt)
{
	int fd;

	become(attempt->uid, attempt->gid);
	fd = openat(attempt->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = -errno;
	if (fd == -EISDIR)
		fd = -EOPNOTSUPP; /* of kernels that know no unnamed files */
	if (fd == -EOPNOTSUPP && attempt->patient) {
		attempt->named = true;
		fd = open_named(attempt);
	}
	become(geteuid(), getegid());
	return fd;
}

/* The directory of PATH, which may be a single file. */
static int open_directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char above[PATH_MAX], *slash;

	if (fd >= 0 || errno != ENOTDIR)
		return fd < 0 ? -errno : fd;
	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (!slash)
		return -ENOTDIR;
	slash[slash == above] = '\0';
	fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Go to DIRECTORY, which is taken over, if it lies on the same filesystem. */
static bool enter(struct attempt *attempt, int directory, bool only_others)
{
	struct stat st;

	if (directory < 0)
		return false;
	if (fstat(directory, &st) || st.st_dev != attempt->st.st_dev ||
	    st.st_ino == attempt->st.st_ino || (only_others && st.st_uid == attempt->st.st_uid)) {
		close(directory);
		return false;
	}
	close(attempt->directory);
	attempt->directory = directory;
	attempt->st = st;
	write_as(attempt, st.st_uid, st.st_gid);
	return true;
}

static int open_below(const struct attempt *attempt, const char *name)
{
	return openat(attempt->directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_above(const struct attempt *attempt)
{
	return openat(attempt->directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Root passes quotas and reserved blocks that stop the mail server's user. KNOWN, one of them is
 * there: the kernel has it at hand, and waits for no lock. Returns which it is, from 1 on, or 0.
 */
static uint32_t enter_arrivals(struct attempt *attempt, uint32_t known)
{
	const uint32_t count = sizeof(arrivals) / sizeof(arrivals[0]);
	uint32_t i, entered = 0;

	for (i = 0; !attempt->st.st_uid && i < count; i++)
		if ((attempt->patient || i + 1 == known) &&
		    enter(attempt, open_below(attempt, arrivals[i]), true))
			entered = i + 1;
	return entered;
}

/*
 * Above, on the same filesystem; by "..": the path that led here may go through symbolic links,
 * and so from elsewhere. From the filesystem's own root into the directory that mkfs.ext4 leaves.
 */
static void go_near(struct attempt *attempt, struct write_probe *probe)
{
	int error = attempt->fd;

	probe->denied = error;
	while (write_probe_denied(error) && probe->above < ABOVE_MOST &&
	       enter(attempt, open_above(attempt), false)) {
		probe->above++;
		error = open_unnamed(attempt);
	}
	if (write_probe_denied(error) && enter(attempt, open_below(attempt, "lost+found"), false))
		error = open_unnamed(attempt);
	attempt->fd = error;
}

/* We pass the permissions of what is above, and who writes may not. */
static int try_way(const struct attempt *attempt, const char *path)
{
	int fd, error;

	if (!attempt->uid)
		return 0;
	become(attempt->uid, attempt->gid);
	fd = open(path, O_PATH | O_CLOEXEC);
	error = fd < 0 ? -errno : 0;
	become(geteuid(), getegid());
	if (fd >= 0)
		close(fd);
	return write_probe_denied(error) ? error : 0;
}

/* Returns 0 with ATTEMPT's file open, or -errno; the directory is open in any case, or -1. */
static int open_file(struct attempt *attempt, const char *path, const struct write_probe_as *as,
		     struct write_probe *probe)
{
	attempt->directory = open_directory(path);
	if (attempt->directory < 0)
		return attempt->directory;
	if (fstat(attempt->directory, &attempt->st))
		return -errno;
	write_as(attempt, attempt->st.st_uid, attempt->st.st_gid);
	probe->arrival = enter_arrivals(attempt, as->arrival);
	if (as->uid)
		write_as(attempt, as->uid, as->gid);
	probe->uid = attempt->uid;
	probe->gid = attempt->gid;
	probe->unreachable = try_way(attempt, path);
	attempt->fd = open_unnamed(attempt);
	if (write_probe_denied(attempt->fd))
		go_near(attempt, probe);
	return attempt->fd < 0 ? attempt->fd : 0;
}

/* Nothing that compresses, or could be left out for being empty. */
static void fill(void *chunk, size_t bytes)
{
	uint32_t *words = chunk, state = (uint32_t)monotonic_ns() | 1;

	for (size_t i = 0; i < bytes / sizeof(*words); i++) {
		state = state * 1664525 + 1013904223;
		words[i] = state;
	}
}

static int write_bytes(int fd, const void *chunk, unsigned int bytes, int64_t *page_takes_bytes)
{
	unsigned int part, at;
	struct stat st;
	ssize_t length;

	for (at = 0; at < bytes; at += (unsigned int)length) {
		part = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
		if (!at)
			part = WRITE_PROBE_PAGE;
		length = pwrite(fd, chunk, part, at);
		if (length <= 0)
			return length ? -errno : -EIO;
		if (!at && !fstat(fd, &st))
			*page_takes_bytes = (int64_t)st.st_blocks * 512;
	}
	return 0;
}

static int write_file(int fd, unsigned int bytes, bool sync, int64_t *page_takes_bytes)
{
	void *chunk = NULL;
	int error;

	/* Aligned: O_DIRECT wants that. */
	if (posix_memalign(&chunk, WRITE_PROBE_PAGE, CHUNK_BYTES))
		return -ENOMEM;
	fill(chunk, bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES);
	error = write_bytes(fd, chunk, bytes, page_takes_bytes);
	if (!error && sync && fsync(fd))
		error = -errno;
	free(chunk);
	return error;
}

/* These are optional signals: a filesystem that refuses has nothing to tell there. */
static void write_otherwise(int fd)
{
	void *page = NULL;

	if (posix_memalign(&page, WRITE_PROBE_PAGE, WRITE_PROBE_PAGE))
		return;
	memset(page, 0, WRITE_PROBE_PAGE);
	if (!fallocate(fd, 0, WRITE_PROBE_PAGE, WRITE_PROBE_PAGE) && !fcntl(fd, F_SETFL, O_DIRECT))
		(void)!pwrite(fd, page, WRITE_PROBE_PAGE, 2 * WRITE_PROBE_PAGE);
	free(page);
}

/* What a mail gets, too. A mount above may be read-only where the one that is watched is not. */
static void conclude(struct write_probe *probe)
{
	probe->proved = !is_ours(probe->result);
	if (probe->proved && !write_probe_denied(probe->result) &&
	    !(probe->denied && probe->result == -EROFS))
		probe->error = probe->result;
}

static void make_attempt(const char *path, const struct write_probe_as *as, unsigned int bytes,
			 bool sync, bool canary, struct write_probe *probe)
{
	struct attempt attempt = { .fd = -1, .directory = -1, .patient = sync };
	int64_t begun_ns = monotonic_ns();

	memset(probe, 0, sizeof(*probe));
	probe->result = open_file(&attempt, path, as, probe);
	if (!probe->result)
		probe->result = write_file(attempt.fd, bytes, sync, &probe->page_takes_bytes);
	if (!probe->result && canary)
		write_otherwise(attempt.fd);
	/* NFS and FUSE write it now: what the server says of it (a quota) is told here. */
	if (attempt.fd >= 0 && close(attempt.fd) && !probe->result)
		probe->result = -errno;
	if (attempt.directory >= 0)
		close(attempt.directory);
	probe->took_ns = monotonic_ns() - begun_ns;
	probe->named = attempt.named;
	conclude(probe);
}

void write_probe(const char *path, const struct write_probe_as *as, unsigned int bytes, bool sync,
		 struct write_probe *probe)
{
	make_attempt(path, as, bytes, sync, false, probe);
}

void write_probe_canary(const char *path, const struct write_probe_as *as,
			struct write_probe *probe)
{
	make_attempt(path, as, WRITE_PROBE_PAGE, true, true, probe);
}
