/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of probes. Whether one is there is decided by loading it, that is by the
 * kernel's BTF, never by a version: stable kernels backport signature changes, and
 * hardened ones refuse program types that `bpftool feature` lists.
 */
#include "watch/probes.h"

#include "bpf/memory.skel.h"
#include "bpf/spool.skel.h"

static const struct probe probes[] = {
	{ SIGNAL_WRITES, "tp_btf/writeback_dirty_folio", spool_bpf__elf_bytes,
	  .programs = { "dirty_folio" } },
	{ SIGNAL_WRITES, "tp_btf/writeback_dirty_page", spool_bpf__elf_bytes,
	  .programs = { "dirty_page" } },
	{ SIGNAL_DIRECT_WRITES, "tp_btf/iomap_dio_rw_begin", spool_bpf__elf_bytes,
	  .programs = { "direct_write" } },
	{ SIGNAL_FALLOCATE, "tp_btf/ext4_fallocate_exit", spool_bpf__elf_bytes,
	  .programs = { "ext4_fallocate" } },
	{ SIGNAL_SYNC_EXT4, "tp_btf/ext4_sync_file", spool_bpf__elf_bytes,
	  .programs = { "ext4_sync_enter", "ext4_sync_exit" },
	  .in_cgroup = "tp_btf/ext4_sync_file (cgroup)" },
	{ SIGNAL_SYNC_EXT4, "tp_btf/ext4_sync_file (all cgroups)", spool_bpf__elf_bytes,
	  .programs = { "ext4_sync_enter_all", "ext4_sync_exit" } },
	{ SIGNAL_SYNC_XFS, "fentry/xfs_file_fsync", spool_bpf__elf_bytes,
	  .programs = { "xfs_sync_enter", "xfs_sync_exit" },
	  .in_cgroup = "fentry/xfs_file_fsync (cgroup)" },
	{ SIGNAL_SYNC_BTRFS, "fentry/btrfs_sync_file", spool_bpf__elf_bytes,
	  .programs = { "btrfs_sync_enter", "btrfs_sync_exit" },
	  .in_cgroup = "fentry/btrfs_sync_file (cgroup)" },
	{ SIGNAL_ERRORS, "tp_btf/filemap_set_wb_err", spool_bpf__elf_bytes,
	  .programs = { "writeback_error" } },
	{ SIGNAL_EXT4_ERRORS, "tp_btf/ext4_error", spool_bpf__elf_bytes,
	  .programs = { "ext4_failed" } },
	/* The ends first: a task that only begins would be counted for good. */
	{ SIGNAL_RECLAIM, "tp_btf/mm_vmscan_direct_reclaim", memory_bpf__elf_bytes,
	  .programs = { "direct_reclaim_end", "memcg_reclaim_end", "direct_reclaim_begin",
			"memcg_reclaim_begin" } },
	/* Kernels without memory cgroups have only these two. */
	{ SIGNAL_RECLAIM, "tp_btf/mm_vmscan_direct_reclaim (host only)", memory_bpf__elf_bytes,
	  .programs = { "direct_reclaim_end", "direct_reclaim_begin" } },
	{ SIGNAL_OOM_KILLS, "tp_btf/mark_victim", memory_bpf__elf_bytes,
	  .programs = { "oom_victim" } },
};

const struct probe *probe_find(enum signal_id signal, unsigned int position)
{
	size_t i;

	for (i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		if (probes[i].signal == signal && !position--)
			return &probes[i];
	return NULL;
}
