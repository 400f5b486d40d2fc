/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting the files in a directory tree, over and over. What each directory holds is
 * remembered, and only those that have changed are read again.
 *
 * All of this may block for as long as the disk pleases, so only the scout calls it, a thread
 * for each tree. Nothing stays open between two rounds: that would block an unmount.
 */
#ifndef WATCH_TREE_H
#define WATCH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define TREE_DEPTH	 8     /* directories below the top; Postfix hashes 4 deep at most */
#define TREE_DIRECTORIES 16384 /* remembered at about 100 bytes each */

#define TREE_NAME 256

#define TREE_UNBOUNDED INT64_MAX

struct tree_count {
	int64_t files;	 /* regular files; what is neither a file nor a directory is no mail */
	uint64_t device; /* st_dev of the top */
	int64_t cpu_ns;	 /* what this round took */
	int64_t wall_ns;
	uint32_t directories;
	uint32_t directories_read; /* in this round */
	bool behind;		   /* some that have changed are left for the next round */
	bool clipped;		   /* it is larger than the bounds above: the rest is not counted */
	bool unreadable;	   /* some directory could not be read, and is not counted */
	uint32_t elsewhere;	   /* directories on other filesystems, which are not entered */
	char elsewhere_name[TREE_NAME]; /* the first of them, below the top; its end, if it is long
					 */
};

struct tree;

/* Remember nothing yet of what is below PATH (copied). NULL without memory. */
struct tree *tree_new(const char *path);
void tree_free(struct tree *tree);

/*
 * One round: look at the change time of every directory that is known, and read those that
 * have changed until BUDGET_NS of CPU time are used up; the others keep their count, and
 * come first in the next round. Symbolic links below the top are not followed, other
 * filesystems not entered; btrfs's subvolumes are the same filesystem. Returns 0 or -errno
 * (-ENOENT, -ENOTDIR, …).
 */
int tree_count(struct tree *tree, int64_t budget_ns, struct tree_count *count);

#endif
