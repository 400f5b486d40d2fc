/* SPDX-License-Identifier: GPL-2.0-only */
/* Who fills the watched filesystems. */
#include <string.h>

#include "common/units.h"
#include "watch/writers.h"

/* Snapshots closer together replace each other, so that four always span ten seconds. */
#define APART_NS (4 * NS_PER_S)

void writers_snapshot(struct writers *writers, const struct ledger_writer table[LEDGER_WRITERS],
		      int64_t now_ns)
{
	unsigned int last = writers->count - 1;

	if (writers->count > 1 &&
	    writers->snapshots[last].time_ns - writers->snapshots[last - 1].time_ns < APART_NS)
		writers->count--;
	if (writers->count == WRITERS_SNAPSHOTS) {
		memmove(&writers->snapshots[0], &writers->snapshots[1],
			sizeof(writers->snapshots) - sizeof(writers->snapshots[0]));
		writers->count--;
	}
	writers->snapshots[writers->count].time_ns = now_ns;
	memcpy(writers->snapshots[writers->count].table, table,
	       sizeof(writers->snapshots[0].table));
	writers->count++;
}

/* Pages since BEFORE; an entry that has changed hands since starts from nothing. */
static uint64_t pages_since(const struct ledger_writer *now, const struct ledger_writer *before)
{
	if (before && before->cgroup == now->cgroup && before->slot == now->slot &&
	    !memcmp(before->comm, now->comm, LEDGER_COMM) && before->pages <= now->pages)
		return now->pages - before->pages;
	return now->pages;
}

static void insert(struct writer top[WRITERS_TOP], unsigned int *count,
		   const struct ledger_writer *entry, uint64_t bytes_per_s)
{
	unsigned int place = *count;

	while (place > 0 && top[place - 1].bytes_per_s < bytes_per_s)
		place--;
	if (place == WRITERS_TOP)
		return;
	if (*count < WRITERS_TOP)
		(*count)++;
	memmove(&top[place + 1], &top[place], (*count - place - 1) * sizeof(top[0]));
	top[place].cgroup = entry->cgroup;
	top[place].bytes_per_s = bytes_per_s;
	memcpy(top[place].comm, entry->comm, LEDGER_COMM);
	top[place].comm[LEDGER_COMM] = '\0';
}

static uint64_t rate_of(uint64_t pages, unsigned int page_bytes, int64_t elapsed_ns)
{
	return (uint64_t)((unsigned __int128)pages * page_bytes * NS_PER_S / (uint64_t)elapsed_ns);
}

unsigned int writers_top(const struct writers *writers,
			 const struct ledger_writer table[LEDGER_WRITERS], unsigned int slot,
			 unsigned int page_bytes, int64_t now_ns, struct writer top[WRITERS_TOP])
{
	const struct ledger_writer *base = NULL;
	int64_t elapsed_ns = WRITERS_NS;
	unsigned int i, count = 0;

	for (i = 0; i < writers->count; i++) {
		if (base && now_ns - writers->snapshots[i].time_ns < WRITERS_NS)
			break;
		base = writers->snapshots[i].table;
		elapsed_ns = now_ns - writers->snapshots[i].time_ns;
	}
	/* Younger than the window, a rate is of the window: a first second is not ten. */
	if (elapsed_ns < WRITERS_NS)
		elapsed_ns = WRITERS_NS;
	for (i = 0; i < LEDGER_WRITERS; i++) {
		uint64_t rate;

		if (!table[i].cgroup || table[i].slot != slot)
			continue;
		rate = rate_of(pages_since(&table[i], base ? &base[i] : NULL), page_bytes,
			       elapsed_ns);
		if (rate)
			insert(top, &count, &table[i], rate);
	}
	return count;
}
