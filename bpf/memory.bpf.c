/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reclaim stalls and OOM kills, host-wide.
 *
 * A task in direct reclaim (its own or its cgroup's) waits for memory instead of
 * working. Kept is the time in which at least one task did: the union of the intervals,
 * summed up at every entry and exit. Fetching atomics need 5.12, so the union is kept with
 * plain ones: two events within the same ~100 ns can count a slice of that length twice.
 *
 * No argument is read: mm_vmscan_* changed their order in 7.1, mark_victim its types, both
 * also in stable kernels.
 */
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

/* The most one slice adds: should an exit ever be missed, an idle host must not look stalled. */
#define SLICE_LIMIT_NS 1000000000ULL
#define OOM_QUIET_NS   1000000000ULL /* the daemon then looks every second by itself */

/*
 * Who is in reclaim, by thread. Not an LRU hash: an evicted entry would lose its exit and
 * leave `running` up for good. A thread that finds no room is not counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} reclaimers SEC(".maps");

static __always_inline void account(struct ledger *l, const struct orders *o, __u64 running)
{
	struct ledger_memory *m = &l->memory;
	__u64 now = bpf_ktime_get_ns(), since = READ_ONCE(m->event_ns), slice_ns;

	WRITE_ONCE(m->event_ns, now);
	if (!running || now <= since)
		return;
	slice_ns = now - since;
	if (slice_ns > SLICE_LIMIT_NS)
		slice_ns = SLICE_LIMIT_NS;
	/* In no order with the mark that is read next (Linux 5.10): the next event rings then. */
	__sync_fetch_and_add(&m->stall_ns, slice_ns);
	reach(l, o, LEDGER_MEMORY, BELL_STALL, READ_ONCE(m->stall_ns), now);
}

static __always_inline int reclaim_begin(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	__u8 one = 1;

	if (!o || !l || bpf_map_update_elem(&reclaimers, &tid, &one, BPF_NOEXIST))
		return 0;
	account(l, o, READ_ONCE(l->memory.running));
	__sync_fetch_and_add(&l->memory.running, 1);
	__sync_fetch_and_add(&l->memory.reclaims, 1);
	return 0;
}

static __always_inline int reclaim_end(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();

	if (!o || !l || bpf_map_delete_elem(&reclaimers, &tid))
		return 0; /* it began before we were there */
	account(l, o, READ_ONCE(l->memory.running));
	__sync_fetch_and_add(&l->memory.running, -1ULL);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(direct_reclaim_begin)
{
	return reclaim_begin();
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(direct_reclaim_end)
{
	return reclaim_end();
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memcg_reclaim_begin)
{
	return reclaim_begin();
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memcg_reclaim_end)
{
	return reclaim_end();
}

/*
 * Runs in the allocator's context, once per process that shares the victim's memory. Any user can
 * have a hundred kills a second in a cgroup of their own: the bells of marks come first.
 */
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_victim)
{
	struct ledger *l = get_ledger();
	__u64 now = bpf_ktime_get_ns(), rung_ns;

	if (!l)
		return 0;
	__sync_fetch_and_add(&l->memory.oom_victims, 1);
	rung_ns = READ_ONCE(l->memory.oom_rung_ns);
	if (rung_ns && now - rung_ns < OOM_QUIET_NS)
		return 0;
	WRITE_ONCE(l->memory.oom_rung_ns, now);
	if (ring(BELL_OOM, 0, 0)) {
		__sync_fetch_and_add(&l->marks[LEDGER_MEMORY].ring_failures, 1);
		WRITE_ONCE(l->memory.oom_rung_ns, 0); /* the next kill tries again */
	}
	return 0;
}
