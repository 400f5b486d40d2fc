/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory all kernel programs share. The daemon makes these maps once and hands them
 * to every object it loads, so that probes can come and go one by one.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "ledger.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ledger);
} ledger SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct orders);
} orders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, LEDGER_BELLS_BYTES);
} bells SEC(".maps");

static __always_inline struct ledger *get_ledger(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ledger, &zero);
}

static __always_inline const struct orders *get_orders(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&orders, &zero);
}

/* Wake the daemon now: a wake-up left to the ring buffer's own pacing can be skipped. */
static __always_inline long ring(__u32 bell, __u32 slot, __u64 mark)
{
	struct ledger_ring event = { .bell = bell, .slot = slot, .mark = mark };

	return bpf_ringbuf_output(&bells, &event, sizeof(event), BPF_RB_FORCE_WAKEUP);
}

/* Plain loads and stores the compiler may neither split, merge nor move out of sight. */
#define READ_ONCE(x)	 (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/*
 * Ring for MARK, unless it has rung: RUNG_MARK. One that found the buffer full is tried again with
 * whatever is counted next.
 */
static __always_inline void ring_mark(__u32 bell, __u32 slot, __u64 mark, __u64 *rung_mark,
				      __u64 *failures)
{
	if (READ_ONCE(*rung_mark) == mark)
		return;
	if (ring(bell, slot, mark))
		__sync_fetch_and_add(failures, 1);
	else
		WRITE_ONCE(*rung_mark, mark);
}

/*
 * The look that MARK fired for at FIRED_NS is not answered, and we are past the brake mark: once
 * that has lasted the gates close. A daemon that answers looks is never braked, whatever is
 * written. BRAKED_MARK and BRAKES count marks, not events.
 */
static __always_inline void brake(struct ledger *l, const struct orders *o, __u64 fired_ns,
				  __u64 mark, __u64 *braked_mark, __u64 *brakes)
{
	__u64 now = bpf_ktime_get_ns();

	if (now < fired_ns + LEDGER_UNANSWERED || now >= READ_ONCE(o->armed_until_ns))
		return;
	WRITE_ONCE(l->brake_until_ns, now + LEDGER_BRAKE_NS);
	if (READ_ONCE(*braked_mark) == mark)
		return;
	WRITE_ONCE(*braked_mark, mark);
	__sync_fetch_and_add(brakes, 1);
}

#endif
