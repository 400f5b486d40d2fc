/* SPDX-License-Identifier: GPL-2.0-only */
/* fsyncs: how long they took, that none is left open, and whose they were. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "act.h"
#include "check.h"
#include "watch/cgroup.h"

static int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* A sync's bucket is a time that it can have taken: more than 1 us, and not more than we waited. */
void check_sync_time(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const __u64 *counts = kernel_ledger(stage->kernel)->syncs[slot].counts;
	uint64_t before[LEDGER_SYNC_BUCKETS];
	int64_t waited_ns;
	uint32_t i;
	int error;

	memcpy(before, counts, sizeof(before));
	waited_ns = -clock_ns();
	error = actor_do(stage->actor, act_write, stage->places[slot].directory);
	waited_ns += clock_ns();
	for (i = 0; i < LEDGER_SYNC_BUCKETS; i++)
		if (check_load(&counts[i]) != before[i])
			finding->count = i;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (!finding->count)
		check_found(finding, "silent", "-");
	else if (finding->count < 10 || INT64_C(1) << finding->count > waited_ns)
		check_found(finding, "miscounts", "in %lld us", (long long)waited_ns / 1000);
	else
		check_found(finding, "fires", "in %lld us", (long long)waited_ns / 1000);
}

void check_no_sync_open(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_sync *sync = &kernel_ledger(stage->kernel)->syncs[slot];
	size_t i;

	for (i = 0; i < LEDGER_SYNCS; i++)
		finding->count += check_load(&sync->started_ns[i]) != 0;
	check_found(finding, finding->count ? "fails" : "works", "-");
}

/* What was counted of an fsync outside the held cgroup, in it and below it, as digits. */
struct heard {
	char text[64];
	int error;
};

/* While the kernel is ordered to count the fsyncs of the cgroup with this ID. */
static void hear_syncs(const struct stage *stage, uint32_t slot, uint64_t id, struct heard *heard)
{
	static int (*const acts[])(const char *directory) = { act_fdatasync, act_sync_held,
							      act_sync_below };
	const struct ledger *ledger = kernel_ledger(stage->kernel);
	size_t i, length = strlen(heard->text);
	uint64_t before;

	kernel_order_syncs(stage->kernel, id);
	for (i = 0; !heard->error && i < sizeof(acts) / sizeof(acts[0]); i++) {
		before = count_syncs(ledger, slot);
		heard->error = actor_do(stage->actor, acts[i], stage->places[slot].directory);
		length += (size_t)snprintf(heard->text + length, sizeof(heard->text) - length,
					   "%s%llu", i || !length ? "" : " ",
					   (unsigned long long)count_syncs(ledger, slot) - before);
	}
	kernel_order_syncs(stage->kernel, SYNCS_OF_ALL);
}

static uint64_t remake(const struct stage *stage, const struct cgroup_mounts *mounts,
		       struct heard *heard)
{
	actor_do(stage->actor, act_ungroup, NULL);
	if (!heard->error)
		heard->error = actor_do(stage->actor, act_group, NULL);
	return cgroup_tasks(mounts, CHECK_HELD);
}

/*
 * Of all; of the cgroup; of the one below it; of the one that was there before under its path; of
 * that which is there now; of none.
 */
void check_sync_cgroup(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	struct cgroup_mounts mounts;
	struct heard heard = { .error = check_cgroups(&mounts) };
	uint64_t id = remake(stage, &mounts, &heard), gone;

	hear_syncs(stage, slot, SYNCS_OF_ALL, &heard);
	hear_syncs(stage, slot, id, &heard);
	hear_syncs(stage, slot, cgroup_tasks(&mounts, CHECK_BELOW), &heard);
	gone = id;
	id = remake(stage, &mounts, &heard);
	hear_syncs(stage, slot, gone, &heard);
	hear_syncs(stage, slot, id, &heard);
	hear_syncs(stage, slot, SYNCS_OF_NONE, &heard);
	actor_do(stage->actor, act_ungroup, NULL);
	gone = cgroup_tasks(&mounts, CHECK_HELD);
	if (heard.error)
		check_found(finding, "impossible", "%s", strerror(-heard.error));
	else if (gone != SYNCS_OF_NONE)
		check_found(finding, "fails", "a cgroup that is gone has an id");
	else if (!strcmp(heard.text, "000 000 000 000 000 000"))
		check_found(finding, "silent", "-");
	else if (!strcmp(heard.text, "111 111 111 111 111 111"))
		check_found(finding, "of-all", "-");
	else
		check_found(finding,
			    strcmp(heard.text, "111 011 001 000 011 000") ? "miscounts" : "works",
			    "%s", heard.text);
}
