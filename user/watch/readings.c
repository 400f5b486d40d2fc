/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of what is read of a filesystem at each look. */
#include <string.h>

#include "common/clock.h"
#include "watch/readings.h"

struct reading {
	enum resource_id id;
	/* Read it; false when this filesystem has no such value. SIZE is 0 where it has none. */
	bool (*read)(struct filesystem *fs, int64_t *value, int64_t *size);
	const char *(*backend)(const struct filesystem *fs);
};

static bool read_space(struct filesystem *fs, int64_t *value, int64_t *size)
{
	*value = fs->look.available_bytes;
	*size = fs->look.size_bytes;
	return fs->look.size_bytes;
}

static bool read_inodes(struct filesystem *fs, int64_t *value, int64_t *size)
{
	*value = fs->look.free_inodes;
	*size = fs->look.inodes;
	return fs->look.inodes;
}

static const char *writes_backend(const struct filesystem *fs)
{
	return fs->canary.proof == PROOF_FIRED ? kernel_backend(fs->set->kernel, SIGNAL_WRITES)
					       : KERNEL_POLL;
}

/* Only where the canary's fsync was heard: there is nothing to poll instead. */
static bool read_latency(struct filesystem *fs, int64_t *value, int64_t *size)
{
	const struct ledger_sync *sync;

	(void)size;
	if (!fs->canary.syncs_heard)
		return false;
	sync = &kernel_ledger(fs->set->kernel)->syncs[fs->slot];
	*value = latency_add(&fs->latency, sync,
			     (int64_t)kernel_orders(fs->set->kernel)->since_ns[fs->slot],
			     monotonic_ns());
	return true;
}

static const char *sync_backend(const struct filesystem *fs)
{
	return kernel_sync_backend(fs->set->kernel, fs->look.type);
}

/* A read-only filesystem takes no mail, whatever made it so; one that has failed likewise. */
static bool read_error(struct filesystem *fs, int64_t *value, int64_t *size)
{
	int64_t error_ns = filesystem_error_ns(fs);

	(void)size;
	if (fs->look.read_only || fs->failed)
		*value = 0;
	else
		*value = error_ns ? monotonic_ns() - error_ns : VALUE_NEVER;
	if (*value < 0)
		*value = 0;
	return true;
}

static const char *error_backend(const struct filesystem *fs)
{
	return fs->canary.device ? kernel_backend(fs->set->kernel, SIGNAL_ERRORS) : KERNEL_POLL;
}

static const struct reading readings[] = {
	{ RESOURCE_FREE_SPACE, read_space, writes_backend },
	{ RESOURCE_FREE_INODES, read_inodes, writes_backend },
	{ RESOURCE_SYNC_LATENCY, read_latency, sync_backend },
	{ RESOURCE_FILESYSTEM_ERROR, read_error, error_backend },
};

#define READINGS (sizeof(readings) / sizeof(readings[0]))

static bool same_thresholds(const struct config *config, unsigned int a, unsigned int b)
{
	return !memcmp(config->filesystems[a].resources, config->filesystems[b].resources,
		       sizeof(config->filesystems[a].resources));
}

/* The path at INDEX is judged: it is the primary, or has thresholds of its own. */
static bool is_judged(const struct filesystem *fs, unsigned int index)
{
	return index == fs->slot || !same_thresholds(fs->set->config, fs->slot, index);
}

static void tell(struct filesystem *fs, const struct reading *reading)
{
	const struct watch_sink *sink = fs->set->sink;
	int64_t value = 0, size = 0;
	bool there = reading->read(fs, &value, &size);
	unsigned int i;

	for (i = 0; i < fs->set->count; i++) {
		if (fs->set->filesystems[i].primary != fs->slot)
			continue;
		if (there && is_judged(fs, i) && reading->id == RESOURCE_FREE_SPACE)
			sink->capacity(sink->context, reading->id, i, fs->look.capacity_bytes);
		if (there && is_judged(fs, i))
			sink->value(sink->context, reading->id, i, value, size,
				    reading->backend(fs));
		else
			sink->absent(sink->context, reading->id, i);
	}
}

static void tell_of(struct filesystem *fs, enum resource_id id)
{
	size_t i;

	for (i = 0; i < READINGS; i++)
		if (readings[i].id == id)
			tell(fs, &readings[i]);
}

void readings_tell(struct filesystem *fs)
{
	size_t i;

	for (i = 0; i < READINGS; i++)
		tell(fs, &readings[i]);
	fs->set->sink->judge(fs->set->sink->context);
}

void readings_absent(struct filesystem *fs)
{
	const struct watch_sink *sink = fs->set->sink;
	size_t i;

	for (i = 0; i < READINGS; i++)
		sink->absent(sink->context, readings[i].id, fs->slot);
}

/* What a look would tell is silent; what the filesystem does not have (btrfs: inodes) is not. */
static void stall_path(struct filesystem *fs, unsigned int index, int64_t since_ns)
{
	const struct watch_sink *sink = fs->set->sink;

	sink->stalled(sink->context, RESOURCE_FREE_SPACE, index, since_ns);
	if (!fs->present || fs->look.inodes)
		sink->stalled(sink->context, RESOURCE_FREE_INODES, index, since_ns);
	sink->stalled(sink->context, RESOURCE_FILESYSTEM_ERROR, index, since_ns);
}

void readings_stalled(struct filesystem *fs, int64_t since_ns)
{
	const struct watch_sink *sink = fs->set->sink;
	unsigned int i;

	for (i = 0; i < fs->set->count; i++)
		if (fs->set->filesystems[i].primary == fs->slot && is_judged(fs, i))
			stall_path(fs, i, since_ns);
	/* The ledger tells of fsyncs, and of one that hangs, without a look. */
	tell_of(fs, RESOURCE_SYNC_LATENCY);
	/* What has failed needs no ten seconds. */
	if (fs->failed)
		tell_of(fs, RESOURCE_FILESYSTEM_ERROR);
	sink->judge(sink->context);
}
