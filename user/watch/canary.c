/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The canary. It has a thread of its own in the scout: a disk on which an fsync takes long is
 * slow and not hung, and looks go on meanwhile.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/filesystem.h"

static void on_late(evutil_socket_t fd, short events, void *argument)
{
	struct filesystem *fs = argument;

	(void)fd;
	(void)events;
	if (fs->canary.proof != PROOF_PENDING)
		return;
	log_notice(
		"%s: the trial write takes its time: polling beside the probe until it is through",
		filesystem_path(fs));
	fs->canary.proof = PROOF_UNPROVEN;
}

int canary_open(struct filesystem *fs)
{
	fs->canary.late_timer = evtimer_new(fs->set->base, on_late, fs);
	return fs->canary.late_timer ? 0 : -ENOMEM;
}

void canary_close(struct filesystem *fs)
{
	if (fs->canary.late_timer)
		event_free(fs->canary.late_timer);
	fs->canary.late_timer = NULL;
}

/* Set for which thread the kernel listens: it does not search while there is none. */
static void listen_for(struct filesystem *fs, uint32_t tid)
{
	struct orders *orders = kernel_orders(fs->set->kernel);
	uint32_t listening = 0;
	unsigned int i;

	__atomic_store_n(&orders->canary_tid[fs->slot], tid, __ATOMIC_RELEASE);
	for (i = 0; i < LEDGER_FILESYSTEMS; i++)
		listening += !!orders->canary_tid[i];
	__atomic_store_n(&orders->canaries, listening, __ATOMIC_RELEASE);
}

void canary_void(struct filesystem *fs)
{
	struct canary *canary = &fs->canary;

	canary->proof = fs->set->kernel ? PROOF_PENDING : PROOF_SILENT;
	canary->wanted = !!fs->set->kernel;
	canary->serial = 0;
	canary->device = 0;
	growth_reset(&fs->growth);
	evtimer_del(canary->late_timer);
	if (fs->set->kernel)
		listen_for(fs, 0);
}

static void send_it(struct filesystem *fs)
{
	const struct ledger_canary *heard = &kernel_ledger(fs->set->kernel)->canaries[fs->slot];
	struct timeval late = { .tv_sec = CANARY_LATE_NS / NS_PER_S };
	struct canary *canary = &fs->canary;

	memcpy(canary->base, heard->pages, sizeof(canary->base));
	canary->base_syncs = heard->syncs;
	listen_for(fs, canary->tid);
	if (scout_send(&fs->set->scout, SCOUT_CANARY, fs->slot, fs->serial + 1, &fs->writable.as,
		       canary->device, NULL))
		return;
	canary->serial = ++fs->serial;
	canary->sent_ns = monotonic_ns();
	canary->wanted = false;
	evtimer_add(canary->late_timer, &late);
}

void canary_tick(struct filesystem *fs)
{
	struct canary *canary = &fs->canary;
	bool again = canary->proof == PROOF_UNPROVEN && fs->primary == fs->slot &&
		     monotonic_ns() - canary->sent_ns > CANARY_RETRY_NS;

	if (fs->set->kernel && fs->present && canary->tid && !canary->serial &&
	    !fs->writable.serial && (canary->wanted || again))
		send_it(fs);
}

/* Marks need the device as the kernel holds it. On most filesystems st_dev tells it, too. */
static uint32_t guess_device(const struct look *look)
{
	return (uint32_t)(major(look->device) << 20 | minor(look->device));
}

static void take_proof(struct filesystem *fs, int error)
{
	const struct ledger_canary *heard = &kernel_ledger(fs->set->kernel)->canaries[fs->slot];
	struct canary *canary = &fs->canary;
	unsigned int way;

	for (way = 0; way < WRITES; way++) {
		canary->fired[way] = heard->pages[way] > canary->base[way];
		if (canary->fired[way])
			kernel_heard(fs->set->kernel, kernel_write_signal(way));
	}
	canary->syncs_heard = heard->syncs > canary->base_syncs;
	if (canary->fired[WRITE_DIRTIED]) {
		canary->proof = PROOF_FIRED;
		canary->device = heard->device;
	} else if (!error) {
		canary->proof = PROOF_SILENT;
		canary->device = 0;
	} else {
		if (canary->proof != PROOF_UNPROVEN)
			log_notice(
				"%s: no trial write is possible (%s): polling beside the probe until one is",
				filesystem_path(fs), strerror(-error));
		canary->proof = PROOF_UNPROVEN;
		canary->device = guess_device(&fs->look);
	}
}

void canary_reply(struct filesystem *fs, const struct scout_reply *reply)
{
	struct canary *canary = &fs->canary;

	if (reply->operation == SCOUT_READY && reply->serial != canary->added)
		return;
	if (reply->operation == SCOUT_READY) {
		canary->tid = reply->tid;
		canary_tick(fs);
		return;
	}
	if (reply->serial != canary->serial || !fs->set->kernel)
		return; /* of a thread that has lost its slot */
	canary->serial = 0;
	evtimer_del(canary->late_timer);
	listen_for(fs, 0);
	growth_trial(&fs->growth, reply->write.page_takes_bytes);
	take_proof(fs, reply->write.result);
	writable_take(fs, &reply->write, true);
	filesystem_learned(fs);
	canary_tick(fs);
}
