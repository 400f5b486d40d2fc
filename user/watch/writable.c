/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether mail can be written at a watched path. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/words.h"
#include "watch/block_device.h"
#include "watch/filesystem.h"
#include "watch/readings.h"

void writable_void(struct filesystem *fs)
{
	fs->writable = (struct writable){ .sent_ns = fs->writable.sent_ns };
}

/* Pages dirtied on the filesystem, with what the CPUs hold back. */
static uint64_t pages_of(const struct filesystem *fs)
{
	const struct ledger *ledger;
	uint64_t pages;
	unsigned int i;

	if (!fs->set->kernel)
		return 0;
	ledger = kernel_ledger(fs->set->kernel);
	pages = ledger->filesystems[fs->primary].dirtied_pages;
	for (i = 0; i < fs->set->cpus && i < LEDGER_CPUS; i++)
		pages += ledger->batches[i].pages[fs->primary];
	return pages;
}

static void fail(struct filesystem *fs, int error)
{
	struct writable *writable = &fs->writable;

	if (writable->error != error)
		log_error("%s: no mail can be written there: %s", filesystem_path(fs),
			  cause_words(error));
	if (!writable->error)
		writable->since_ns = monotonic_ns();
	writable->error = error;
}

static void recover(struct filesystem *fs)
{
	struct writable *writable = &fs->writable;

	if (writable->error)
		log_notice("%s: mail can be written there again, after %lld s", filesystem_path(fs),
			   (long long)((monotonic_ns() - writable->since_ns) / NS_PER_S));
	writable->error = 0;
}

/*
 * Who owns it may not write in it, or owned it when it could be written in: a mistake to be told
 * of, or, where they could, a failure.
 */
static void take_denied(struct filesystem *fs, const struct write_probe *probe)
{
	struct writable *writable = &fs->writable;

	if (writable->proven) {
		if (!writable->error)
			log_notice(
				"%s: user %u, who owned it, could write there before; if that is "
				"no longer to be, reload",
				filesystem_path(fs), probe->uid);
		fail(fs, -probe->denied);
		return;
	}
	if (!writable->said_denied)
		log_notice(
			"%s: whoever owns it cannot write in it (%s): whether mail can be written "
			"there is not known, only whether the filesystem can be written to",
			filesystem_path(fs), strerror(-probe->denied));
	writable->said_denied = true;
}

static void take_success(struct filesystem *fs, const struct write_probe *probe, bool synced)
{
	struct writable *writable = &fs->writable;

	/* A touch does not look for where new mail comes: it may have written elsewhere. */
	if (!synced)
		return;
	writable->proven = true;
	writable->reached |= !probe->unreachable;
	writable->as = (struct write_probe_as){ probe->uid, probe->gid, probe->arrival };
	recover(fs);
}

/*
 * What failed is well again when a whole mail has reached the disk: a page in memory proves
 * nothing, and where there is room for no more than a page the next mail fails.
 */
void writable_take(struct filesystem *fs, const struct write_probe *probe, bool synced)
{
	fs->writable.pages = pages_of(fs); /* what it dirtied itself is no sign of others */
	if (synced && fs->writable.said_held)
		log_notice("%s: trial files can be made there again", filesystem_path(fs));
	if (synced) {
		fs->writable.named = probe->named;
		fs->writable.said_held = false;
	}
	if (!probe->proved)
		return;
	if (probe->error)
		fail(fs, -probe->error);
	else if (probe->denied)
		take_denied(fs, probe);
	else if (probe->unreachable && fs->writable.reached)
		fail(fs, -probe->unreachable);
	else
		take_success(fs, probe, synced);
}

void writable_forget_owner(struct filesystem *fs)
{
	fs->writable.as = (struct write_probe_as){ 0 };
}

/*
 * What others have done on the filesystem. Where a trial file has a name it may wait for its
 * directory alone: pages that others dirty are a sign of life, too.
 */
static int64_t progress(const struct filesystem *fs)
{
	int64_t writes = block_device_writes(fs->canary.device);
	int64_t pages = fs->writable.named ? (int64_t)pages_of(fs) : 0;

	return pages ? (writes < 0 ? 0 : writes) + pages : writes;
}

static void send_it(struct filesystem *fs)
{
	struct writable *writable = &fs->writable;
	enum scout_operation operation = writable_is_suspect(fs) ? SCOUT_WRITE_MAIL : SCOUT_WRITE;

	if (!fs->present || !fs->canary.tid || fs->canary.serial || writable->serial)
		return;
	writable->writes = progress(fs);
	if (scout_send(&fs->set->scout, operation, fs->slot, fs->serial + 1, &writable->as, 0,
		       NULL))
		return;
	writable->serial = ++fs->serial;
	writable->sent_ns = writable->tick_ns = monotonic_ns();
	writable->waited_ns = 0;
}

/* Others write, or wait for the disk: a sync more costs nothing that matters, and one is missed. */
static bool is_busy(const struct filesystem *fs)
{
	struct kernel *kernel = fs->set->kernel;

	if (!kernel_attached(kernel, SIGNAL_WRITES) || !kernel_attached(kernel, SIGNAL_ERRORS))
		return true; /* nobody would tell */
	return pages_of(fs) - fs->writable.pages >= WRITABLE_BUSY_PAGES ||
	       latency_oldest(&kernel_ledger(kernel)->syncs[fs->primary],
			      (int64_t)kernel_orders(kernel)->since_ns[fs->primary],
			      monotonic_ns()) > WRITABLE_LATE_NS;
}

/* At each tick; what has failed for long is not mended within the second. */
static int64_t suspect_gap_ns(const struct writable *writable)
{
	if (writable->error && monotonic_ns() - writable->since_ns > WRITABLE_ERROR_NS)
		return WRITABLE_FAILED_NS;
	return NS_PER_S * 9 / 10;
}

/*
 * Where others write, at each safety look: nothing else tells of a disk that hangs below a
 * filesystem that goes on taking pages into memory. Where nobody does the disk may rest.
 */
static bool is_due(const struct filesystem *fs, bool safety)
{
	const struct writable *writable = &fs->writable;
	int64_t since_ns = monotonic_ns() - writable->sent_ns;

	if (writable_is_suspect(fs))
		return since_ns >= suspect_gap_ns(writable);
	if (!safety)
		return false;
	return since_ns >= WRITABLE_IDLE_NS ||
	       (writable->took_ns <= WRITABLE_CHEAP_NS && is_busy(fs));
}

/*
 * Not while we were stopped ourselves: nobody asked then, and the reply may be there. A slow disk
 * (a RAID that is built anew) completes others' writes; a thin pool that is full did so until it
 * was, and holds all then for a minute.
 */
bool writable_hangs(struct writable *writable, int64_t completed, int64_t now)
{
	int64_t passed_ns = now - writable->tick_ns;

	writable->tick_ns = now;
	writable->waited_ns += passed_ns < WRITABLE_TICK_NS ? passed_ns : 0;
	if (completed != writable->writes)
		writable->waited_ns = 0;
	writable->writes = completed;
	return writable->waited_ns >= (completed < 0 ? WRITABLE_HUNG_NS : WRITABLE_STUCK_NS);
}

/* It is held up, and the filesystem is not: nobody is refused, and somebody should know. */
static void tell_held(struct filesystem *fs)
{
	struct writable *writable = &fs->writable;

	if (!writable->named || writable->said_held || writable->error ||
	    monotonic_ns() - writable->sent_ns < WRITABLE_STUCK_NS)
		return;
	log_warning(
		"%s: a trial file cannot be made there for %lld s now, while others write to its "
		"filesystem: somebody holds the directory (or one of its files), and whether "
		"mail can be written is not known; it is taken as before",
		filesystem_path(fs), (long long)(WRITABLE_STUCK_NS / NS_PER_S));
	writable->said_held = true;
}

void writable_tick(struct filesystem *fs, bool safety)
{
	struct writable *writable = &fs->writable;

	if (writable->serial && !writable->error) {
		if (writable_hangs(writable, progress(fs), monotonic_ns())) {
			fail(fs, ETIMEDOUT);
			readings_failed(fs);
		}
		tell_held(fs);
	}
	if (is_due(fs, safety))
		send_it(fs);
}

void writable_suspect(struct filesystem *fs)
{
	unsigned int i, primary = fs->primary;

	for (i = 0; i < fs->set->count; i++)
		if (fs->set->filesystems[i].primary == primary)
			send_it(&fs->set->filesystems[i]);
}

bool writable_is_late(const struct filesystem *fs)
{
	return fs->writable.serial && monotonic_ns() - fs->writable.sent_ns > WRITABLE_LATE_NS;
}

bool writable_is_suspect(const struct filesystem *fs)
{
	int64_t error_ns;

	if (fs->writable.error || fs->failed)
		return true;
	error_ns = filesystem_error_ns(&fs->set->filesystems[fs->primary]);
	return error_ns && monotonic_ns() - error_ns < WRITABLE_ERROR_NS;
}

void writable_reply(struct filesystem *fs, const struct scout_reply *reply)
{
	struct writable *writable = &fs->writable;
	int before = writable->error;

	if (reply->serial != writable->serial)
		return; /* of a thread that has lost its slot */
	writable->serial = 0;
	writable->took_ns = reply->write.took_ns;
	writable_take(fs, &reply->write, true);
	if (writable->error != before)
		readings_failed(fs);
}
