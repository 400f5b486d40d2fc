/* SPDX-License-Identifier: GPL-2.0-only */
/* fsync times of the last ten seconds. */
#include <string.h>

#include "common/units.h"
#include "watch/latency.h"

/* Snapshots closer together replace each other, so that 16 always span ten seconds. */
#define APART_NS (NS_PER_S * 7 / 10)

int64_t latency_p95(const uint64_t counts[LEDGER_SYNC_BUCKETS])
{
	uint64_t total = 0, below = 0, rank;
	unsigned int i;

	for (i = 0; i < LEDGER_SYNC_BUCKETS; i++)
		total += counts[i];
	if (total < LATENCY_SYNCS)
		return -1;
	rank = (total * 95 + 99) / 100;
	for (i = 0; i < LEDGER_SYNC_BUCKETS - 1; i++) {
		if (below + counts[i] >= rank)
			break;
		below += counts[i];
	}
	/* Evenly spread within the bucket: from 2^i to 2^(i+1). */
	return (int64_t)((UINT64_C(1) << i) + (unsigned __int128)(UINT64_C(1) << i) *
						      (rank - below) / (counts[i] ? counts[i] : 1));
}

int64_t latency_oldest(const struct ledger_sync *sync, int64_t since_ns, int64_t now_ns)
{
	int64_t age_ns, oldest_ns = 0;
	unsigned int i;

	for (i = 0; i < LEDGER_SYNCS; i++) {
		int64_t started_ns =
			(int64_t)__atomic_load_n(&sync->started_ns[i], __ATOMIC_RELAXED);

		age_ns = started_ns && started_ns >= since_ns ? now_ns - started_ns : 0;
		if (age_ns > oldest_ns)
			oldest_ns = age_ns;
	}
	return oldest_ns;
}

static void append(struct latency *latency, const struct ledger_sync *sync, int64_t now_ns)
{
	unsigned int last = latency->count - 1;

	if (latency->count > 1 &&
	    latency->snapshots[last].time_ns - latency->snapshots[last - 1].time_ns < APART_NS)
		latency->count--;
	if (latency->count == LATENCY_SNAPSHOTS) {
		memmove(&latency->snapshots[0], &latency->snapshots[1],
			sizeof(latency->snapshots) - sizeof(latency->snapshots[0]));
		latency->count--;
	}
	latency->snapshots[latency->count].time_ns = now_ns;
	memcpy(latency->snapshots[latency->count].counts, sync->counts, sizeof(sync->counts));
	latency->count++;
}

int64_t latency_add(struct latency *latency, const struct ledger_sync *sync, int64_t since_ns,
		    int64_t now_ns)
{
	uint64_t counts[LEDGER_SYNC_BUCKETS];
	const uint64_t *newest, *base;
	unsigned int i, from = 0;
	int64_t p95_ns, oldest_ns = latency_oldest(sync, since_ns, now_ns);

	append(latency, sync, now_ns);
	for (i = 0; i < latency->count; i++)
		if (now_ns - latency->snapshots[i].time_ns >= LATENCY_NS)
			from = i;
	newest = latency->snapshots[latency->count - 1].counts;
	base = latency->snapshots[from].counts;
	for (i = 0; i < LEDGER_SYNC_BUCKETS; i++)
		counts[i] = newest[i] - base[i];
	p95_ns = latency_p95(counts);
	return p95_ns > oldest_ns ? p95_ns : oldest_ns;
}
