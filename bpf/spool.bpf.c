/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is written to the watched filesystems.
 *
 * Dirtied pages are a doorbell, not an account: an overwrite dirties a page and takes no
 * space. The programs only decide when the daemon should look at the truth.
 *
 * Only BTF pointers are dereferenced (no bpf_probe_read): that loads with CAP_BPF and
 * CAP_PERFMON alone and under lockdown=confidentiality.
 */
#include "charge.h"
#include "bits.h"

char LICENSE[] SEC("license") = "GPL";

#define WRITER_PROBES	4
#define ERROR_QUIET_NS	1000000000ULL
#define ERRSEQ_ERRNO	0xfff /* an errseq_t is errno, a flag, a count */
#define ENOSPC		28
#define EDQUOT		122
#define FS_REQUIRES_DEV 1

/* Charge the batch's pages to who filled it, in its entry, a free one, or the stalest one's. */
static __always_inline void charge_writer(struct ledger *l, __u32 slot, __u64 pages, __u64 now)
{
	__u64 cgroup = bpf_get_current_cgroup_id(), comm[LEDGER_COMM / 8] = { 0 }, hash;
	struct ledger_writer *writer, *stalest = NULL;

	bpf_get_current_comm(comm, sizeof(comm));
	hash = (cgroup ^ comm[0] ^ (comm[1] << 1) ^ slot) * 0x9e3779b97f4a7c15ULL >> 32;
#pragma unroll
	for (__u32 i = 0; i < WRITER_PROBES; i++) {
		writer = &l->writers[(hash + i) & (LEDGER_WRITERS - 1)];
		if (writer->cgroup == cgroup && writer->slot == slot &&
		    ((__u64 *)writer->comm)[0] == comm[0] &&
		    ((__u64 *)writer->comm)[1] == comm[1]) {
			__sync_fetch_and_add(&writer->pages, pages);
			WRITE_ONCE(writer->seen_ns, now);
			return;
		}
		if (!stalest || writer->seen_ns < stalest->seen_ns)
			stalest = writer;
	}
	/* Two CPUs may take one entry: a reader sees a number too small once, nothing worse. */
	WRITE_ONCE(stalest->pages, pages);
	stalest->slot = slot;
	((__u64 *)stalest->comm)[0] = comm[0];
	((__u64 *)stalest->comm)[1] = comm[1];
	stalest->seen_ns = now;
	WRITE_ONCE(stalest->cgroup, cgroup);
}

/*
 * How a counter is added to. The daemon stores a mark and then reads the counter; we add to that,
 * and then read the mark. So that one of us sees the other's, neither may do the second before the
 * first is to be seen: an atomic that fetches keeps that order everywhere, a plain one not on arm64.
 * Linux before 5.12 refuses programs that have one: in those that it has, too, a batch that comes in
 * the moment of a new mark may ring with the next batch only, or be left to the safety look.
 */
enum order {
	ORDERED,
	UNORDERED,
};

/*
 * Written as its code (BPF_STX | BPF_DW | BPF_ATOMIC, r1 and r2, BPF_ADD | BPF_FETCH): -mcpu=v2, for
 * those older kernels, has no word for it.
 */
static __always_inline void add_ordered(__u64 *counter, __u64 pages)
{
	register __u64 *address asm("r1") = counter;
	register __u64 number asm("r2") = pages;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the code is written so");
	asm volatile(".byte 0xdb, 0x21, 0, 0, 1, 0, 0, 0" : "+r"(number) : "r"(address) : "memory");
}

/* Add PAGES to slot's counter and ring if that reaches the mark. */
static __always_inline void flush(struct ledger *l, const struct orders *o, __u32 slot, __u64 pages,
				  enum order order)
{
	struct ledger_filesystem *fs = &l->filesystems[slot];
	__u64 now = bpf_ktime_get_ns();

	charge_writer(l, slot, pages, now);
	if (order == ORDERED)
		add_ordered(&fs->dirtied_pages, pages);
	else
		__sync_fetch_and_add(&fs->dirtied_pages, pages);
	reach(l, o, slot, BELL_LOOK, READ_ONCE(fs->dirtied_pages), now);
}

/* A canary's write: tell the daemon which device the kernel charges it to. */
static __always_inline void learn(struct ledger *l, const struct orders *o,
				  const struct inode *inode, enum ledger_write way, __u64 pages)
{
	__u32 slot = find_canary(o);

	/* Metadata that its fsync writes may be charged to the block device's own inode. */
	if (slot >= LEDGER_FILESYSTEMS || inode->i_rdev)
		return;
	l->canaries[slot].tid = o->canary_tid[slot];
	l->canaries[slot].device = inode_device(inode);
	l->canaries[slot].pages[way] += pages;
}

/*
 * The hot path of a watched filesystem: one line with the device table, one line of this
 * CPU's own; the shared counter only when the batch is full. Everything else on the
 * host stops at the device table.
 */
static __always_inline int charge(const struct inode *inode, enum ledger_write way, __u64 pages,
				  enum order order)
{
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	__u32 slot, held, *batch;

	if (!o || !l)
		return 0;
	if (READ_ONCE(o->canaries))
		learn(l, o, inode, way, pages);
	slot = find_slot(o, inode_device(inode));
	if (slot >= LEDGER_FILESYSTEMS)
		return 0;
	batch = &l->batches[bpf_get_smp_processor_id() & (LEDGER_CPUS - 1)].pages[slot];
	held = READ_ONCE(*batch);
	if (held + pages < READ_ONCE(o->batch_pages)) {
		WRITE_ONCE(*batch, held + (__u32)pages);
		return 0;
	}
	WRITE_ONCE(*batch, 0);
	flush(l, o, slot, held + pages, order);
	return 0;
}

/* One event may be a large folio: 1 MiB on ext4 is 7 events from 6.16 on. */
static __always_inline __u64 folio_pages(struct folio *folio)
{
	unsigned long flags, head = 1UL << bpf_core_enum_value(enum pageflags, PG_head);
	struct folio___memdesc *memdesc = (void *)folio;
	struct folio___nr_pages *nr_pages = (void *)folio;

	if (bpf_core_field_exists(memdesc->flags.f))
		flags = memdesc->flags.f;
	else
		flags = folio->flags;
	if (!(flags & head))
		return 1;
	if (bpf_core_field_exists(nr_pages->_nr_pages))
		return nr_pages->_nr_pages;
	if (bpf_core_field_exists(folio->_folio_nr_pages))
		return folio->_folio_nr_pages;
	return 1;
}

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(dirty_folio, struct folio *folio, struct address_space *mapping)
{
	if (!mapping) /* 6.18's verifier takes the argument for nullable */
		return 0;
	return charge(mapping->host, WRITE_DIRTIED, folio_pages(folio), ORDERED);
}

/* Before 5.16 (203a31516616 "mm/writeback: Add __folio_mark_dirty()"). */
SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(dirty_page, struct page *page, struct address_space *mapping)
{
	if (!mapping)
		return 0;
	return charge(mapping->host, WRITE_DIRTIED, 1, UNORDERED);
}

/* Part of a page is one more. */
static __always_inline __u64 pages_of(__u64 bytes)
{
	const struct orders *o = get_orders();

	return o ? (bytes >> (o->page_shift & 31)) + 1 : 0;
}

/* O_DIRECT dirties no page. From 6.6; ext4 and XFS go through iomap, btrfs too. */
SEC("tp_btf/iomap_dio_rw_begin")
int BPF_PROG(direct_write, struct kiocb *iocb, struct iov_iter *iter)
{
	if (!iter->data_source) /* the iterator is the data's destination: a read */
		return 0;
	return charge(iocb->ki_filp->f_inode, WRITE_DIRECT, pages_of(iter->count), ORDERED);
}

/*
 * The exit: at the enter a look finds the room still there, and nothing rings again before the
 * safety look. One that runs out of space keeps what it got (a failed 300 MiB filled 100 MiB).
 * Holes, collapsing, inserting and zeroing turn off before either.
 */
SEC("tp_btf/ext4_fallocate_exit")
int BPF_PROG(ext4_fallocate, struct inode *inode, loff_t offset, unsigned int blocks, int error)
{
	if (error && error != -ENOSPC)
		return 0;
	return charge(inode, WRITE_FALLOCATE, pages_of((__u64)blocks << inode->i_blkbits),
		      UNORDERED);
}

/*
 * fsync times. A thread's start is kept in the entry that its tid falls on, with some bits of
 * the tid in place of the lowest of the time (4 us), so that a thread which found the entry
 * taken does not end another's fsync: it is not counted, nothing worse.
 */
#define TAG_MASK 0xfffULL

static __always_inline __u64 tag_of(__u32 tid)
{
	return (tid / LEDGER_SYNCS) & TAG_MASK;
}

/* How deep a cgroup can lie of which the fsyncs are told: docker's in kubernetes' is 7. */
#define CGROUP_LEVELS 16

/*
 * The task is in the cgroup with this id, or in one below it. Sought at every level, not at its
 * own: seen from a container, a cgroup's level is not the kernel's.
 */
static __always_inline bool in_cgroup(__u64 cgroup)
{
	__u64 id;

#pragma unroll
	for (__u32 level = 1; level <= CGROUP_LEVELS; level++) {
		id = bpf_get_current_ancestor_cgroup_id(level);
		if (id == cgroup)
			return true;
		if (!id) /* below the task's own */
			return false;
	}
	return false;
}

/*
 * The entry is free, or was left behind: by an fsync of this very thread, or by one that began
 * before the slot was its device's, whose end may not have been seen.
 */
static __always_inline bool is_free(__u64 started, __u32 tid, __u64 since_ns)
{
	return !started || started < since_ns || (started & TAG_MASK) == tag_of(tid);
}

static __always_inline int sync_enter(__u32 device, bool by_cgroup)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot, canary;
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	__u64 *started, cgroup;

	if (!o || !l)
		return 0;
	canary = find_canary(o);
	if (canary < LEDGER_FILESYSTEMS)
		l->canaries[canary].syncs++;
	slot = find_slot(o, device);
	if (slot >= LEDGER_FILESYSTEMS)
		return 0;
	cgroup = by_cgroup ? READ_ONCE(o->sync_cgroup) : SYNCS_OF_ALL;
	if (cgroup != SYNCS_OF_ALL && !in_cgroup(cgroup))
		return 0; /* and its end finds no start */
	started = &l->syncs[slot].started_ns[tid & (LEDGER_SYNCS - 1)];
	if (is_free(*started, tid, READ_ONCE(o->since_ns[slot])))
		WRITE_ONCE(*started, (bpf_ktime_get_ns() & ~TAG_MASK) | tag_of(tid));
	return 0;
}

static __always_inline int sync_exit(__u32 device)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid(), slot;
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	__u64 *started, began_ns, bucket;

	if (!o || !l)
		return 0;
	slot = find_slot(o, device);
	if (slot >= LEDGER_FILESYSTEMS)
		return 0;
	started = &l->syncs[slot].started_ns[tid & (LEDGER_SYNCS - 1)];
	if (!*started || (*started & TAG_MASK) != tag_of(tid))
		return 0;
	began_ns = *started & ~TAG_MASK;
	WRITE_ONCE(*started, 0);
	if (began_ns < READ_ONCE(o->since_ns[slot]))
		return 0; /* maybe another device's */
	bucket = highest_bit(bpf_ktime_get_ns() - began_ns);
	if (bucket >= LEDGER_SYNC_BUCKETS)
		bucket = LEDGER_SYNC_BUCKETS - 1;
	barrier_var(bucket); /* the compiler knows that it is in range; the verifier does not */
	if (bucket < LEDGER_SYNC_BUCKETS)
		__sync_fetch_and_add(&l->syncs[slot].counts[bucket], 1);
	return 0;
}

SEC("tp_btf/ext4_sync_file_enter")
int BPF_PROG(ext4_sync_enter, struct file *file)
{
	return sync_enter(inode_device(file->f_inode), true);
}

/* 5.10 does not let a tracing program ask for an ancestor; 6.1 does. */
SEC("tp_btf/ext4_sync_file_enter")
int BPF_PROG(ext4_sync_enter_all, struct file *file)
{
	return sync_enter(inode_device(file->f_inode), false);
}

SEC("tp_btf/ext4_sync_file_exit")
int BPF_PROG(ext4_sync_exit, struct inode *inode)
{
	return sync_exit(inode_device(inode));
}

/*
 * Others have no tracepoint at the end. Their own op, never vfs_fsync*: that is inlined and
 * misses calls without a word. Hardened kernels refuse these.
 */
SEC("fentry/xfs_file_fsync")
int BPF_PROG(xfs_sync_enter, struct file *file)
{
	return sync_enter(inode_device(file->f_inode), true);
}

SEC("fexit/xfs_file_fsync")
int BPF_PROG(xfs_sync_exit, struct file *file)
{
	return sync_exit(inode_device(file->f_inode));
}

SEC("fentry/btrfs_sync_file")
int BPF_PROG(btrfs_sync_enter, struct file *file)
{
	return sync_enter(inode_device(file->f_inode), true);
}

SEC("fexit/btrfs_sync_file")
int BPF_PROG(btrfs_sync_exit, struct file *file)
{
	return sync_exit(inode_device(file->f_inode));
}

/*
 * An error of DEVICE, which COUNTS against its filesystem or is only a reason to look. Either
 * rings, once in a second.
 */
static __always_inline int note_error(__u32 device, bool counts)
{
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	struct ledger_filesystem *fs;
	__u64 now = bpf_ktime_get_ns(), rung_ns;
	__u32 slot;

	if (!o || !l)
		return 0;
	slot = find_slot(o, device);
	if (slot >= LEDGER_FILESYSTEMS)
		return 0;
	fs = &l->filesystems[slot];
	if (counts) {
		WRITE_ONCE(fs->error_ns, now);
		__sync_fetch_and_add(&fs->errors, 1);
	}
	rung_ns = READ_ONCE(fs->error_rung_ns);
	if (rung_ns && now - rung_ns <= ERROR_QUIET_NS)
		return 0;
	if (ring(BELL_ERROR, slot, now))
		__sync_fetch_and_add(&l->marks[slot].ring_failures, 1);
	else
		WRITE_ONCE(fs->error_rung_ns, now);
	return 0;
}

/*
 * No room at write-back counts on a kind of filesystem that has devices: the room was there when it
 * was written, so the device below is full (a thin pool, a sparse image). On others (NFS, CIFS,
 * FUSE) it is a server's word, maybe of one user's limit. Not by s_bdev: btrfs has none. A quota
 * never counts: who has used up theirs does not close the gate for all.
 */
static __always_inline bool error_counts(__u32 error, const struct inode *inode)
{
	if (error == EDQUOT)
		return false;
	return error != ENOSPC || inode->i_rdev || inode->i_sb->s_type->fs_flags & FS_REQUIRES_DEV;
}

/*
 * Data that could not be written back; metadata through the block device's own inode, whose
 * i_rdev is the filesystem's device. The event's second argument is the mapping's error before
 * this one: errseq_set() returns that.
 */
SEC("tp_btf/filemap_set_wb_err")
int BPF_PROG(writeback_error, struct address_space *mapping)
{
	const struct inode *inode = mapping->host;
	bool counts = error_counts(mapping->wb_err & ERRSEQ_ERRNO, inode);

	note_error(inode_device(inode), counts);
	if (inode->i_rdev)
		note_error(inode->i_rdev, counts);
	return 0;
}

SEC("tp_btf/ext4_error")
int BPF_PROG(ext4_failed, struct super_block *sb)
{
	return note_error(sb->s_dev, true);
}
