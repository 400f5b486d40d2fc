/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The write probe: can a mail be written at a path? No flag says so (a full quota, a missing inode
 * chunk, an emergency of ext4 from Linux 6.12 and a thin pool that is full show none), so a file
 * without a name is really written, by the one who must be able to: the directory's owner.
 *
 * All of this may block for as long as the disk pleases: only the scout calls it.
 */
#ifndef WATCH_WRITE_PROBE_H
#define WATCH_WRITE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define WRITE_PROBE_PAGE 4096
#define WRITE_PROBE_MAIL (1024 * 1024) /* for a filesystem that has failed: as much as a mail */

struct write_probe {
	int32_t result;	     /* of the write: 0 or -errno */
	int32_t error;	     /* the same, where a mail gets it, too */
	int32_t denied;	     /* what the directory itself said, when one above was tried instead */
	uint32_t above;	     /* how many above it */
	bool proved;	     /* false: it says nothing of a mail (we were short of memory) */
	bool named;	     /* there are no unnamed files: it had a name */
	uint32_t arrival;    /* see write_probe_as */
	int32_t unreachable; /* what the one who writes is told on the way there; root never is */
	uint32_t uid;	     /* as whom */
	uint32_t gid;
	int64_t took_ns;
	int64_t page_takes_bytes; /* of space, by the first page; 0: not known */
};

/*
 * Who could write there before, and is to be able to still; uid 0: whoever owns it now. And in
 * which directory for new mail; 0: none, or none is known yet.
 */
struct write_probe_as {
	uint32_t uid, gid;
	uint32_t arrival;
};

/*
 * Write BYTES to an unnamed file in the directory PATH (of a file: in its directory); where root
 * owns that and it has a directory for new mail, as Postfix's queue has, in there. Where its owner
 * may not write, or we may not become them, the directories above on the same filesystem are tried.
 *
 * SYNC: and wait for the disk. Only then a name is looked up that may not be there, or a file made
 * that has one (NFS, FAT, some overlays have no others): either waits for the directory's lock, and
 * whoever may read that can hold it. What hangs without SYNC is the filesystem.
 */
void write_probe(const char *path, const struct write_probe_as *as, unsigned int bytes, bool sync,
		 struct write_probe *probe);

/*
 * The canary: a page with sync, and one each with O_DIRECT and fallocate where the filesystem takes
 * them. Anywhere on the filesystem will do, for the kernel tells of all of it.
 */
void write_probe_canary(const char *path, const struct write_probe_as *as,
			struct write_probe *probe);

/* ERROR is about who writes and not about the filesystem: another may be able to. */
bool write_probe_denied(int error);

#endif
