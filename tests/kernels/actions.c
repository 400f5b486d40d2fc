/* SPDX-License-Identifier: GPL-2.0-only */
/* Which action makes each signal's probes fire, and the count that must come of it. */
#include "act.h"
#include "check.h"

#define PAGES (MIB / PAGE)

/* What a folio at either end may add to the pages that were written. */
#define SLACK 16

/* btrfs's metadata is pages of the same filesystem, and it is written when btrfs likes. */
#define METADATA 128
#define PLAIN	 "ext4 xfs"

uint64_t count_pages(const struct ledger *ledger, uint32_t slot)
{
	uint64_t pages =
		__atomic_load_n(&ledger->filesystems[slot].dirtied_pages, __ATOMIC_ACQUIRE);
	size_t cpu;

	for (cpu = 0; cpu < LEDGER_CPUS; cpu++)
		pages += __atomic_load_n(&ledger->batches[cpu].pages[slot], __ATOMIC_RELAXED);
	return pages;
}

/* These share count_pages() with the dirtied ones; the actor's canary tells them apart. */
static uint64_t count_direct(const struct ledger *ledger, uint32_t slot)
{
	return __atomic_load_n(&ledger->canaries[slot].pages[WRITE_DIRECT], __ATOMIC_ACQUIRE);
}

static uint64_t count_fallocated(const struct ledger *ledger, uint32_t slot)
{
	return __atomic_load_n(&ledger->canaries[slot].pages[WRITE_FALLOCATE], __ATOMIC_ACQUIRE);
}

uint64_t count_syncs(const struct ledger *ledger, uint32_t slot)
{
	uint64_t syncs = 0;
	size_t i;

	for (i = 0; i < LEDGER_SYNC_BUCKETS; i++)
		syncs += __atomic_load_n(&ledger->syncs[slot].counts[i], __ATOMIC_ACQUIRE);
	return syncs;
}

static uint64_t count_errors(const struct ledger *ledger, uint32_t slot)
{
	return __atomic_load_n(&ledger->filesystems[slot].errors, __ATOMIC_ACQUIRE);
}

static uint64_t count_reclaims(const struct ledger *ledger, uint32_t slot)
{
	(void)slot;
	return __atomic_load_n(&ledger->memory.reclaims, __ATOMIC_ACQUIRE);
}

static uint64_t count_victims(const struct ledger *ledger, uint32_t slot)
{
	(void)slot;
	return __atomic_load_n(&ledger->memory.oom_victims, __ATOMIC_ACQUIRE);
}

const struct action actions[] = {
	{ SIGNAL_WRITES, "write", PLAIN, act_write, count_pages, PAGES, PAGES + SLACK },
	{ SIGNAL_WRITES, "store", PLAIN, act_store, count_pages, PAGES, PAGES + SLACK },
	{ SIGNAL_WRITES, "sendfile", PLAIN, act_sendfile, count_pages, PAGES, PAGES + SLACK },
	{ SIGNAL_WRITES, "write", "btrfs", act_write, count_pages, PAGES, PAGES + METADATA },
	{ SIGNAL_WRITES, "store", "btrfs", act_store, count_pages, PAGES, PAGES + METADATA },
	{ SIGNAL_WRITES, "sendfile", "btrfs", act_sendfile, count_pages, PAGES, PAGES + METADATA },
	{ SIGNAL_DIRECT_WRITES, "direct-write", EVERYWHERE, act_direct_write, count_direct, PAGES,
	  PAGES + SLACK },
	{ SIGNAL_DIRECT_WRITES, "direct-read", EVERYWHERE, act_direct_read, count_direct, 0, 0 },
	{ SIGNAL_FALLOCATE, "fallocate", EVERYWHERE, act_fallocate, count_fallocated, PAGES,
	  PAGES + SLACK },
	{ SIGNAL_FALLOCATE, "punch-hole", EVERYWHERE, act_punch_hole, count_fallocated, 0, 0 },
	{ SIGNAL_SYNC_EXT4, "fsync", "ext4", act_write, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_EXT4, "fdatasync", "ext4", act_fdatasync, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_EXT4, "sync-write", "ext4", act_sync_write, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_XFS, "fsync", "xfs", act_write, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_XFS, "fdatasync", "xfs", act_fdatasync, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_XFS, "sync-write", "xfs", act_sync_write, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_BTRFS, "fsync", "btrfs", act_write, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_BTRFS, "fdatasync", "btrfs", act_fdatasync, count_syncs, 1, 1 },
	{ SIGNAL_SYNC_BTRFS, "sync-write", "btrfs", act_sync_write, count_syncs, 1, 1 },
	{ SIGNAL_ERRORS, "bad-block", PLAIN, act_bad_block, count_errors, 1, SLACK },
	{ SIGNAL_ERRORS, "bad-metadata", "xfs", act_bad_metadata, count_errors, 1, SLACK },
	{ SIGNAL_ERRORS, "over-quota", "fuse", act_over_quota, count_errors, 0, 0 },
	{ SIGNAL_ERRORS, "no-room", "fuse", act_no_room, count_errors, 0, 0 },
	{ SIGNAL_ERRORS, "refused", "fuse", act_refused, count_errors, 1, SLACK },
	{ SIGNAL_EXT4_ERRORS, "ext4-error", "ext4", act_ext4_error, count_errors, 1, 1 },
	{ SIGNAL_RECLAIM, "reclaim", NULL, act_reclaim, count_reclaims, 1, ANY },
	{ SIGNAL_RECLAIM, "host-reclaim", NULL, act_host_reclaim, count_reclaims, 1, ANY },
	{ SIGNAL_OOM_KILLS, "oom-kill", NULL, act_oom_kill, count_victims, 1, 1 },
};

const size_t actions_count = sizeof(actions) / sizeof(actions[0]);
