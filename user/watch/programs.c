/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel programs of a start: which are attached at once, which are waited for no longer than
 * the first looks are, and what is said of those that cannot be had.
 */
#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/mark.h"
#include "watch/watch_internal.h"

/* What it means for whoever runs the host that a signal has no probe. */
static const char *const without[SIGNALS] = {
	[SIGNAL_WRITES] = "filesystems are polled every second",
	[SIGNAL_DIRECT_WRITES] = "direct writes (O_DIRECT) are seen by looks alone, every 5 s",
	[SIGNAL_FALLOCATE] = "what fallocate takes is seen by looks alone, every 5 s",
	[SIGNAL_SYNC_EXT4] = "sync-latency of ext4 is not told",
	[SIGNAL_SYNC_XFS] = "sync-latency of XFS is not told",
	[SIGNAL_SYNC_BTRFS] = "sync-latency of btrfs is not told",
	[SIGNAL_ERRORS] = "errors of writing back are not told: a filesystem that fails is seen by "
			  "looks alone, every 5 s",
	[SIGNAL_EXT4_ERRORS] =
		"errors that ext4 finds are not told: a filesystem that fails is seen "
		"by looks alone, every 5 s",
	[SIGNAL_RECLAIM] = "memory is polled every second",
	[SIGNAL_OOM_KILLS] = "OOM kills are seen by polling, every second",
};

/* Nothing is wrong with that, and one line is enough for all of them. */
static void tell_withheld(const struct watch *watch)
{
	const struct kernel_refusal *refusal;
	char names[128] = "";
	size_t length;
	unsigned int i;

	for (i = 0; i < SIGNALS; i++) {
		refusal = kernel_refusal(watch->set.kernel, i);
		if (!refusal || !refusal->withheld)
			continue;
		length = strlen(names);
		snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "",
			 kernel_signal_name(i));
	}
	if (*names)
		log_info("no %s: this kernel has none, is hardened and refuses fentry programs, or "
			 "wants CAP_SYS_ADMIN for what is in its modules",
			 names);
}

static void tell_refusal(const struct watch *watch, enum signal_id signal)
{
	const struct kernel_refusal *refusal = kernel_refusal(watch->set.kernel, signal);

	if (refusal && !refusal->withheld)
		log_warning("%s: %s: this kernel refuses %s (%s%s%s); all else goes on, please "
			    "report it with the kernel's version",
			    kernel_signal_name(signal), without[signal], refusal->probe,
			    strerror(-refusal->error), *refusal->said ? ": " : "", refusal->said);
}

/*
 * What came late has not been heard yet: until a canary is, polling stands in for it. Before the
 * start is over all else about the canaries is open, too.
 */
static void prove_loaded(struct watch *watch)
{
	enum signal_id signal;
	unsigned int i;

	for (i = 0; watch->settled && i < WRITES; i++) {
		signal = kernel_write_signal(i);
		if (i != WRITE_DIRTIED && kernel_attached(watch->set.kernel, signal))
			kernel_keep_unheard(watch->set.kernel, signal);
	}
	for (i = 0; i < watch->set.count; i++) {
		struct filesystem *fs = &watch->filesystems[i];

		/* Where no write is possible nothing was heard that would be void, and it was told.
		 */
		if (watch->settled || fs->canary.proof == PROOF_UNPROVEN)
			fs->canary.wanted = true;
		else
			canary_void(fs);
		canary_tick(fs);
	}
}

static void on_attached(void *context, enum signal_id signal)
{
	tell_refusal(context, signal);
}

static void on_loader(evutil_socket_t fd, short events, void *argument)
{
	struct watch *watch = argument;

	(void)fd;
	(void)events;
	if (loader_take(&watch->loader, watch->set.kernel, on_attached, watch))
		log_warning("what attaches the kernel's programs ended early: some of them are not "
			    "there before a restart");
	if (watch->loader.fd >= 0)
		return;
	event_del(watch->loader_event);
	tell_withheld(watch);
	prove_loaded(watch);
	watch_set_tick(watch);
}

static void start_loader(struct watch *watch)
{
	int error = loader_start(&watch->loader, watch->set.kernel, watch->set.config->user);

	if (!error)
		watch->loader_event = event_new(watch->set.base, watch->loader.fd,
						EV_READ | EV_PERSIST, on_loader, watch);
	if (watch->loader_event)
		event_add(watch->loader_event, NULL);
	else
		log_warning("some of the kernel's programs cannot be attached: %s",
			    strerror(error ? -error : ENOMEM));
}

void programs_open(struct watch *watch)
{
	struct filesystem_set *set = &watch->set;
	int error = kernel_open(&set->kernel);
	unsigned int i;

	watch->loader.fd = -1;
	if (error) {
		set->kernel = NULL;
		log_warning(
			"BPF cannot be had (%s): filesystems and memory are polled every second; "
			"it needs CAP_BPF and CAP_PERFMON, and a kernel with BTF",
			strerror(-error));
		return;
	}
	set->batch_pages = mark_batch_pages(set->cpus, 1, set->page_bytes);
	kernel_orders(set->kernel)->batch_pages = set->batch_pages;
	for (i = 0; i < SIGNALS; i++) {
		if (loader_has(i))
			continue;
		kernel_next_probe(set->kernel, i);
		tell_refusal(watch, i);
	}
	/* Not beside them: each takes 10 MiB for the kernel's types, and a container may be small.
	 */
	malloc_trim(0);
	start_loader(watch);
	if (!kernel_attached(set->kernel, SIGNAL_WRITES) &&
	    !kernel_refusal(set->kernel, SIGNAL_WRITES))
		log_warning("no probe for writes can be had on this kernel: filesystems are polled "
			    "every second");
}

void programs_close(struct watch *watch)
{
	if (watch->loader_event)
		event_free(watch->loader_event);
	loader_stop(&watch->loader);
	kernel_close(watch->set.kernel);
}
