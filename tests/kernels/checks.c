/* SPDX-License-Identifier: GPL-2.0-only */
/* What must hold in every kernel besides that probes fire. */
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "act.h"
#include "check.h"

void check_found(struct finding *finding, const char *outcome, const char *format, ...)
{
	va_list arguments;

	finding->outcome = outcome;
	va_start(arguments, format);
	vsnprintf(finding->detail, sizeof(finding->detail), format, arguments);
	va_end(arguments);
}

uint64_t check_load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

/* COUNTER is one of the slot's canary in the ledger. */
static void check_canary(const struct stage *stage, uint32_t slot, struct finding *finding,
			 const __u64 *counter)
{
	const struct ledger_canary *canary = &kernel_ledger(stage->kernel)->canaries[slot];
	uint64_t before = check_load(counter);
	int error;

	error = actor_do_heard(stage->actor, stage->kernel, slot, act_canary,
			       stage->places[slot].directory);
	finding->count = check_load(counter) - before;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (!finding->count)
		check_found(finding, "silent", "-");
	else if (canary->tid != (uint32_t)stage->actor->pid)
		check_found(finding, "miscounts", "charged to thread %u", canary->tid);
	else if (canary->device != stage->places[slot].device)
		check_found(finding, "miscounts", "learned device %u:%u, not %u:%u",
			    canary->device >> 20, canary->device & 0xfffff,
			    stage->places[slot].device >> 20, stage->places[slot].device & 0xfffff);
	else
		check_found(finding, "fires", "-");
}

static const struct ledger_canary *canary_of(const struct stage *stage, uint32_t slot)
{
	return &kernel_ledger(stage->kernel)->canaries[slot];
}

static void check_canary_write(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	check_canary(stage, slot, finding, &canary_of(stage, slot)->pages[WRITE_DIRTIED]);
}

static void check_canary_direct(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	check_canary(stage, slot, finding, &canary_of(stage, slot)->pages[WRITE_DIRECT]);
}

static void check_canary_fallocate(const struct stage *stage, uint32_t slot,
				   struct finding *finding)
{
	check_canary(stage, slot, finding, &canary_of(stage, slot)->pages[WRITE_FALLOCATE]);
}

static void check_canary_sync(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	check_canary(stage, slot, finding, &canary_of(stage, slot)->syncs);
}

static void check_writers(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_writer *writers = kernel_ledger(stage->kernel)->writers;
	uint64_t before = 0, after = 0;
	size_t i;
	int error;

	for (i = 0; i < LEDGER_WRITERS; i++)
		if (writers[i].slot == slot && !strcmp(writers[i].comm, "probe_check"))
			before += writers[i].pages;
	error = actor_do(stage->actor, act_write, stage->places[slot].directory);
	for (i = 0; i < LEDGER_WRITERS; i++)
		if (writers[i].cgroup && writers[i].slot == slot &&
		    !strcmp(writers[i].comm, "probe_check"))
			after += writers[i].pages;
	finding->count = after - before;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (finding->count + 2 * LEDGER_BATCH_PAGES < 256)
		check_found(finding, "miscounts", "-");
	else
		check_found(finding, "works", "-");
}

static void check_unwatched(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger *ledger = kernel_ledger(stage->kernel);
	__u32 *device = &kernel_orders(stage->kernel)->devices[slot];
	uint64_t before = count_pages(ledger, slot);
	int error;

	__atomic_store_n(device, 0, __ATOMIC_SEQ_CST);
	error = actor_do(stage->actor, act_write, stage->places[slot].directory);
	__atomic_store_n(device, stage->places[slot].device, __ATOMIC_SEQ_CST);
	finding->count = count_pages(ledger, slot) - before;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding, finding->count ? "fails" : "works", "-");
}

static void check_frozen(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger *ledger = kernel_ledger(stage->kernel);
	int fd = stage->ledger_fd;
	struct ledger *copy = calloc(1, sizeof(*copy));
	__u32 zero = 0;
	void *memory;

	(void)slot;
	memory = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || !copy)
		check_found(finding, "impossible", "no descriptor of the ledger");
	else if (memory != MAP_FAILED)
		check_found(finding, "fails", "can be mapped for writing");
	else if (!mprotect((void *)ledger, sizeof(*ledger), PROT_READ | PROT_WRITE))
		check_found(finding, "fails", "mprotect makes it writable");
	else if (!bpf_map_update_elem(fd, &zero, copy, BPF_ANY))
		check_found(finding, "fails", "can be updated by a syscall");
	else
		check_found(finding, "works", "-");
	free(copy);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (!geteuid() && setresuid(65534, 65534, 65534))
		return -errno;
	return syscall(SYS_capset, &header, none) ? -errno : 0;
}

static void check_dropped(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	int error = drop_capabilities();

	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_look_bell(stage, slot, finding);
}

/* Whether a map can still be read by a syscall then: nothing of ours relies on it. */
static void check_dropped_lookup(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	int fd = stage->orders_fd;
	struct orders *copy = calloc(1, sizeof(*copy));
	__u32 zero = 0;

	(void)slot;
	if (fd < 0 || !copy)
		check_found(finding, "impossible", "no descriptor of the orders");
	else if (bpf_map_lookup_elem(fd, &zero, copy))
		check_found(finding, "refused", "%s", strerror(errno));
	else
		check_found(finding, "works", "-");
	free(copy);
}

/* What the daemon would warn of, and ask to be told of. */
static void check_refusals(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct kernel_refusal *refusal;
	unsigned int i;

	(void)slot;
	check_found(finding, "works", "-");
	for (i = 0; i < SIGNALS; i++) {
		refusal = kernel_refusal(stage->kernel, i);
		if (refusal && !refusal->withheld)
			check_found(finding, "fails", "%s: %s", refusal->probe,
				    strerror(-refusal->error));
	}
}

const struct check checks[] = {
	{ "canary", EVERYWHERE, false, check_canary_write },
	{ "canary-direct-write", EVERYWHERE, false, check_canary_direct },
	{ "canary-fallocate", EVERYWHERE, false, check_canary_fallocate },
	{ "canary-sync", EVERYWHERE, false, check_canary_sync },
	{ "bell-at-look-mark", EVERYWHERE, false, check_look_bell },
	{ "bell-at-stall-mark", NULL, false, check_stall_bell },
	{ "bell-at-oom-kill", NULL, false, check_oom_bell },
	{ "bell-at-error", "ext4", false, check_error_bell },
	{ "bell-at-quota", "fuse", false, check_quota_bell },
	{ "cgroup-page-cache-is-available", NULL, false, check_cgroup_cache },
	{ "cgroup-memory-is-not", NULL, false, check_cgroup_memory },
	{ "cgroup-high-is-a-limit", NULL, false, check_cgroup_high },
	{ "cgroup-of-the-host", NULL, false, check_cgroup_host },
	{ "cgroup-oom-kill", NULL, false, check_cgroup_kill },
	{ "cgroup-recreated", NULL, false, check_cgroup_recreated },
	{ "cgroup-pressure", NULL, false, check_cgroup_pressure },
	{ "writers", EVERYWHERE, false, check_writers },
	{ "sync-time", EVERYWHERE, false, check_sync_time },
	{ "syncs-of-cgroup", EVERYWHERE, false, check_sync_cgroup },
	{ "no-sync-left-open", EVERYWHERE, false, check_no_sync_open },
	{ "unwatched-not-counted", EVERYWHERE, false, check_unwatched },
	{ "brake-when-unanswered", "ext4 xfs", false, check_brake },
	{ "brake-at-stall", NULL, false, check_stall_brake },
	{ "brake-with-full-bells", "ext4 xfs", false, check_brake_unheard },
	{ "brake-at-stall-with-full-bells", NULL, false, check_stall_brake_unheard },
	{ "gate", NULL, false, check_gate },
	{ "write-probe-over-quota", "ext4 xfs", false, check_over_quota },
	{ "write-probe-refused-by-server", "fuse", false, check_server },
	{ "write-probe-on-overlay", "ext4", false, check_overlay },
	{ "no-refusal-to-report", NULL, false, check_refusals },
	{ "ledger-frozen", NULL, false, check_frozen },
	{ "bell-without-capabilities", EVERYWHERE, true, check_dropped },
	{ "map-lookup-without-capabilities", NULL, true, check_dropped_lookup },
};

const size_t checks_count = sizeof(checks) / sizeof(checks[0]);
