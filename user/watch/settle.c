/* SPDX-License-Identifier: GPL-2.0-only */
/* The start: until everything has been looked at, and every probe has proven itself or been
 * replaced. */
#include <event2/event.h>

#include "common/clock.h"
#include "watch/watch_internal.h"

static bool all_in(const struct watch *watch)
{
	const struct filesystem *fs;
	unsigned int i;

	if (!watch->scout_starts || watch->loader.fd >= 0)
		return false;
	for (i = 0; i < watch->set.count; i++) {
		fs = &watch->filesystems[i];
		if (!fs->late &&
		    (fs->operation || (fs->present && fs->canary.proof == PROOF_PENDING)))
			return false;
	}
	return queues_are_in(&watch->queues) && procs_are_in(&watch->procs);
}

static void wait_for_all(struct watch *watch)
{
	int64_t deadline_ns = monotonic_ns() + WATCH_FIRST_LOOKS_NS, left_ns;
	struct timeval delay;

	while (!all_in(watch) && (left_ns = deadline_ns - monotonic_ns()) > 0) {
		delay.tv_sec = left_ns / NS_PER_S;
		delay.tv_usec = left_ns % NS_PER_S / 1000 + 1;
		evtimer_add(watch->tick_event, &delay);
		event_base_loop(watch->set.base, EVLOOP_ONCE);
	}
}

/*
 * Every canary came through, and none was heard: the probe attaches and does not fire. As long
 * as one could not be sent (a full disk), nothing is known, and the probe stays.
 */
static bool refuted(const struct watch *watch, enum ledger_write way)
{
	const struct filesystem *fs;
	bool tried = false;
	unsigned int i;

	for (i = 0; i < watch->set.count; i++) {
		fs = &watch->filesystems[i];
		if (!fs->present)
			continue;
		if (fs->canary.fired[way] || fs->canary.proof == PROOF_PENDING ||
		    fs->canary.proof == PROOF_UNPROVEN)
			return false;
		tried = true;
	}
	return tried;
}

static void prove_again(struct watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->set.count; i++) {
		canary_void(&watch->filesystems[i]);
		canary_tick(&watch->filesystems[i]);
	}
	wait_for_all(watch);
}

void watch_settle(struct watch *watch)
{
	struct kernel *kernel = watch->set.kernel;
	unsigned int way;

	wait_for_all(watch);
	for (way = 0; kernel && way < WRITES; way++) {
		enum signal_id signal = kernel_write_signal(way);

		while (kernel_attached(kernel, signal) && refuted(watch, way)) {
			if (!kernel_has_next_probe(kernel, signal) ||
			    kernel_next_probe(kernel, signal)) {
				kernel_keep_unheard(kernel, signal);
				break;
			}
			prove_again(watch);
		}
	}
	watch->settled = true;
	watch->safety_ns = watch->tick_ns = monotonic_ns();
	watch_set_tick(watch);
}
