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
 * Ring for MARK, unless it has rung. One that found the buffer full is tried again with whatever is
 * counted next.
 */
static __always_inline void ring_mark(struct ledger_mark *m, __u32 bell, __u32 slot, __u64 mark)
{
	if (READ_ONCE(m->rung_mark) == mark)
		return;
	if (ring(bell, slot, mark))
		__sync_fetch_and_add(&m->ring_failures, 1);
	else
		WRITE_ONCE(m->rung_mark, mark);
}

/*
 * Past the brake mark: once the look that MARK fired for has not been answered for long the gates
 * close. A daemon that answers looks is never braked, whatever is written.
 */
static __always_inline void brake(const struct orders *o, struct ledger_mark *m, __u64 fired,
				  __u64 mark, __u64 now)
{
	__u64 age = FIRED_AGE(fired, now);

	if (age <= LEDGER_UNANSWERED || age > FIRED_AGE_MOST || now >= READ_ONCE(o->armed_until_ns))
		return;
	WRITE_ONCE(m->brake_until_ns, now + LEDGER_BRAKE_NS);
	if (READ_ONCE(m->braked_mark) == mark)
		return;
	WRITE_ONCE(m->braked_mark, mark);
	__sync_fetch_and_add(&m->brakes, 1);
}

/*
 * The counter of PLACE, a filesystem's slot or LEDGER_MEMORY, stands at COUNT. It fired, whether or
 * not the daemon can be told: the brake goes by that. Two CPUs can both ring one mark; the daemon
 * does not mind.
 */
static __always_inline void reach(struct ledger *l, const struct orders *o, __u32 place, __u32 bell,
				  __u64 count, __u64 now)
{
	__u64 mark = READ_ONCE(o->look_marks[place]), brake_mark, fired;
	struct ledger_mark *m = &l->marks[place];

	if (!mark || count < mark)
		return;
	fired = READ_ONCE(m->fired);
	if (!FIRED_IS(fired, mark)) {
		fired = FIRED(mark, now);
		WRITE_ONCE(m->fired, fired);
	}
	ring_mark(m, bell, place == LEDGER_MEMORY ? 0 : place, mark);
	brake_mark = READ_ONCE(o->brake_marks[place]);
	if (brake_mark && count >= brake_mark)
		brake(o, m, fired, mark, now);
}

#endif
