/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to tell of the watchers: backends, counters, writers. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "watch/watch_internal.h"

const char *watch_backend(const struct watch *watch, enum signal_id signal)
{
	return kernel_backend(watch->set.kernel, signal);
}

const char *watch_stall_backend(const struct watch *watch)
{
	return memory_stall_backend(&watch->memory);
}

struct kernel *watch_kernel(struct watch *watch)
{
	return watch->set.kernel;
}

char *watch_describe(const struct watch *watch, unsigned int index, char *buf, size_t size)
{
	const struct filesystem *fs = &watch->filesystems[index];
	const char *backend = watch_backend(watch, SIGNAL_WRITES);

	if (!fs->present)
		snprintf(buf, size, "%s", fs->late ? "does not answer" : "not there (yet)");
	else if (fs->primary != index)
		snprintf(buf, size, "on the same filesystem as %s",
			 watch->set.config->filesystems[fs->primary].path);
	else if (fs->canary.proof == PROOF_FIRED)
		snprintf(buf, size, "%s", backend);
	else if (fs->canary.proof == PROOF_SILENT)
		snprintf(buf, size, "poll, every second");
	else
		snprintf(buf, size, "poll, every second, beside %s (not proven)", backend);
	return buf;
}

unsigned int watch_primary(const struct watch *watch, unsigned int index)
{
	return watch->filesystems[index].primary;
}

void watch_counters(const struct watch *watch, struct watch_counters *counters)
{
	const struct ledger *ledger;
	unsigned int i;

	memset(counters, 0, sizeof(*counters));
	counters->looks = watch->set.looks;
	counters->late_looks = watch->set.late_looks;
	counters->rings = watch->rings;
	counters->scout_starts = watch->scout_starts;
	if (!watch->set.kernel)
		return;
	ledger = kernel_ledger(watch->set.kernel);
	for (i = 0; i < LEDGER_FILESYSTEMS; i++) {
		counters->dirtied_pages += ledger->filesystems[i].dirtied_pages;
		counters->ring_failures += ledger->marks[i].ring_failures;
	}
	counters->ring_failures += ledger->marks[LEDGER_MEMORY].ring_failures;
	counters->reclaims = ledger->memory.reclaims;
}

unsigned int watch_writers(struct watch *watch, unsigned int index,
			   struct watch_writer writers[WATCH_WRITERS])
{
	const struct filesystem *fs = &watch->filesystems[index];
	struct writer top[WRITERS_TOP];
	int64_t now = monotonic_ns();
	unsigned int i, count;

	if (!watch->set.kernel || fs->primary != index)
		return 0;
	count = writers_top(&watch->writers, kernel_ledger(watch->set.kernel)->writers, index,
			    watch->set.page_bytes, now, top);
	for (i = 0; i < count; i++) {
		cgroup_path(&watch->cgroup_paths, top[i].cgroup, now, writers[i].cgroup,
			    sizeof(writers[i].cgroup));
		memcpy(writers[i].comm, top[i].comm, sizeof(writers[i].comm));
		writers[i].bytes_per_s = top[i].bytes_per_s;
	}
	return count;
}
