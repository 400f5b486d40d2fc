/* SPDX-License-Identifier: GPL-2.0-only */
/* The time in which anyone was in direct reclaim. */
#include "watch/reclaim.h"

/* Since the last entry or exit, where somebody has been in reclaim since. */
static int64_t lasting(const struct ledger_memory *ledger, uint64_t event_ns, int64_t now_ns)
{
	int64_t lasting_ns = now_ns - (int64_t)event_ns;

	if (!__atomic_load_n(&ledger->running, __ATOMIC_RELAXED) || !event_ns || lasting_ns < 0)
		return 0;
	return lasting_ns < RECLAIM_LIMIT_NS ? lasting_ns : RECLAIM_LIMIT_NS;
}

int64_t reclaim_total(struct reclaim *reclaim, const struct ledger_memory *ledger, int64_t now_ns)
{
	uint64_t event_ns = __atomic_load_n(&ledger->event_ns, __ATOMIC_ACQUIRE);
	int64_t total_ns;

	/* The slice has ended: the ledger has as much of it as was told, or RECLAIM_SLICE_NS. */
	if (event_ns != reclaim->event_ns && reclaim->lasting_ns > RECLAIM_SLICE_NS)
		reclaim->beyond_ns += reclaim->lasting_ns - RECLAIM_SLICE_NS;
	reclaim->event_ns = event_ns;
	reclaim->lasting_ns = lasting(ledger, event_ns, now_ns);
	total_ns = (int64_t)__atomic_load_n(&ledger->stall_ns, __ATOMIC_RELAXED) +
		   reclaim->beyond_ns + reclaim->lasting_ns;
	/* The event is written before the slice is added: between the two that is missing. */
	if (total_ns > reclaim->total_ns)
		reclaim->total_ns = total_ns;
	return reclaim->total_ns;
}

bool reclaim_lasts(const struct reclaim *reclaim)
{
	return reclaim->lasting_ns > 0 && reclaim->lasting_ns < RECLAIM_LIMIT_NS;
}
