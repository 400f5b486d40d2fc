/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side as the daemon holds it: the shared memory, the probes that are attached,
 * and the bell. Everything here ends with the process: nothing is pinned.
 */
#ifndef WATCH_KERNEL_H
#define WATCH_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

/* What is told by the kernel. Each signal has a list of probes, best first (probes.c). */
enum signal_id {
	SIGNAL_WRITES,
	SIGNAL_DIRECT_WRITES,
	SIGNAL_FALLOCATE,
	SIGNAL_SYNC_EXT4,
	SIGNAL_SYNC_XFS,
	SIGNAL_SYNC_BTRFS,
	SIGNAL_ERRORS,
	SIGNAL_EXT4_ERRORS,
	SIGNAL_RECLAIM,
	SIGNAL_OOM_KILLS,
	SIGNALS,
};

#define KERNEL_POLL "poll"
#define KERNEL_NONE "none" /* of a signal that polling cannot stand in for */

/* Why a signal has no probe. */
struct kernel_refusal {
	const char
		*probe; /* the first of its list that was refused though there is a hook for it */
	int error;	/* -errno; 0: none was */
	bool withheld; /* as by hardened kernels, or for the want of CAP_SYS_ADMIN: nothing is wrong
			*/
	char said[160]; /* the verifier's last word; "": it was not asked */
};

struct kernel;
struct attachment;
struct bpf_object;

/*
 * Make the shared memory. Returns 0 and *KERNEL, or -errno when BPF cannot be had here
 * (no capability, no BTF, a container): the caller polls then.
 */
int kernel_open(struct kernel **kernel);
void kernel_close(struct kernel *kernel);

/* The ledger is mapped read-only: a write by us would be a SIGSEGV, not a corruption. */
const struct ledger *kernel_ledger(const struct kernel *kernel);
struct orders *kernel_orders(struct kernel *kernel);

/* The descriptors of the shared memory. */
#define KERNEL_MAPS 3
void kernel_maps(const struct kernel *kernel, int fds[KERNEL_MAPS]);

/* Hand OBJECT, which is open and not loaded, those maps in place of its own. Returns 0 or -errno.
 */
int kernel_share(const int fds[KERNEL_MAPS], struct bpf_object *object);

/*
 * Attach the next probe in SIGNAL's list, in place of the one there is. Returns 0, or
 * -ENOENT when the list is used up: the signal is then polled. Needs the capabilities
 * the process started with.
 */
int kernel_next_probe(struct kernel *kernel, enum signal_id signal);

bool kernel_has_next_probe(const struct kernel *kernel, enum signal_id signal);

/* NULL when SIGNAL has a probe, or this kernel has no hook for any of its list. */
const struct kernel_refusal *kernel_refusal(const struct kernel *kernel, enum signal_id signal);

/* Another process attaches it (see loader.h): that is under way, and what came of it. */
void kernel_await(struct kernel *kernel, enum signal_id signal, bool awaited);
void kernel_adopt(struct kernel *kernel, enum signal_id signal,
		  const struct attachment *attachment);
const struct attachment *kernel_attachment(const struct kernel *kernel, enum signal_id signal);

/*
 * None of SIGNAL's list was heard on the filesystems there are: keep the last, or attach the first
 * again, for one that a mount or a reload brings when nothing can be attached any more. What stands
 * in for it stays its backend until it is heard.
 */
void kernel_keep_unheard(struct kernel *kernel, enum signal_id signal);
void kernel_heard(struct kernel *kernel, enum signal_id signal);

/* The signal that tells of WAY. */
enum signal_id kernel_write_signal(enum ledger_write way);

/* "writes", … */
const char *kernel_signal_name(enum signal_id signal);

/* The attached probe's name, KERNEL_POLL or KERNEL_NONE. KERNEL may be NULL. */
const char *kernel_backend(const struct kernel *kernel, enum signal_id signal);

/*
 * The same for the fsync times of a filesystem whose f_type is TYPE. It has another name while
 * the fsyncs of one cgroup alone are counted.
 */
const char *kernel_sync_backend(const struct kernel *kernel, uint64_t type);

/*
 * Count the fsyncs in the cgroup with this ID, and below it, from now on; or SYNCS_OF_ALL,
 * SYNCS_OF_NONE. Returns false when no probe there is or may yet be can tell: all are counted.
 * Needs no capability. KERNEL may be NULL.
 */
bool kernel_order_syncs(struct kernel *kernel, uint64_t id);
bool kernel_attached(const struct kernel *kernel, enum signal_id signal);

/*
 * A descriptor that becomes readable when the bell rings, and what to call then: RING for
 * each ring that waits. Works without capabilities.
 */
int kernel_bell_fd(const struct kernel *kernel);
int kernel_bell_read(struct kernel *kernel, void (*ring)(void *context, const struct ledger_ring *),
		     void *context);

#endif
