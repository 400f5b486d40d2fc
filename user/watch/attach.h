/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A signal's probe, loaded and attached. Each is an object of its own with only its programs in it,
 * so one that a kernel refuses takes no other down.
 */
#ifndef WATCH_ATTACH_H
#define WATCH_ATTACH_H

#include "watch/kernel.h"
#include "watch/probes.h"

struct attachment {
	unsigned int position;	   /* of the next probe to try */
	const struct probe *probe; /* that is attached, or NULL */
	int links[PROBE_PROGRAMS]; /* what holds its programs; it goes when they are closed */
	bool unheard;		   /* kept for later, see kernel_keep_unheard() */
	bool awaited;		   /* another process tries its list, see loader.h */
	struct kernel_refusal refusal;
};

void attach_init(struct attachment *attachment);

/*
 * The next probe of SIGNAL's list that can be attached, in place of the one there is. Returns 0, or
 * -ENOENT past the last.
 */
int attach_next(struct attachment *attachment, const struct kernel *kernel, enum signal_id signal);
void attach_end(struct attachment *attachment);

#endif
