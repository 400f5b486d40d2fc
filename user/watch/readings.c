/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of what is read of a filesystem at each look. */
#include <errno.h>
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

static const struct filesystem *primary_of(const struct filesystem *fs)
{
	return &fs->set->filesystems[fs->primary];
}

static const char *writes_backend(const struct filesystem *fs)
{
	return primary_of(fs)->canary.proof == PROOF_FIRED
		       ? kernel_backend(fs->set->kernel, SIGNAL_WRITES)
		       : KERNEL_POLL;
}

/* Only where the canary's fsync was heard: there is nothing to poll instead. */
static bool read_latency(struct filesystem *fs, int64_t *value, int64_t *size)
{
	const struct ledger_sync *sync;

	(void)size;
	if (!primary_of(fs)->canary.syncs_heard)
		return false;
	sync = &kernel_ledger(fs->set->kernel)->syncs[fs->primary];
	*value = latency_add(&fs->latency, sync,
			     (int64_t)kernel_orders(fs->set->kernel)->since_ns[fs->primary],
			     monotonic_ns());
	return true;
}

static const char *sync_backend(const struct filesystem *fs)
{
	return kernel_sync_backend(fs->set->kernel, fs->look.type);
}

/* One that takes no mail now, whatever made it so. */
static bool is_failing(const struct filesystem *fs)
{
	return fs->look.read_only || fs->failed || fs->writable.error;
}

static bool read_error(struct filesystem *fs, int64_t *value, int64_t *size)
{
	int64_t error_ns = filesystem_error_ns(&fs->set->filesystems[fs->primary]);

	(void)size;
	if (is_failing(fs))
		*value = 0;
	else
		*value = error_ns ? monotonic_ns() - error_ns : VALUE_NEVER;
	if (*value < 0)
		*value = 0;
	return true;
}

static const char *error_backend(const struct filesystem *fs)
{
	return primary_of(fs)->canary.device ? kernel_backend(fs->set->kernel, SIGNAL_ERRORS)
					     : KERNEL_POLL;
}

static const struct reading readings[] = {
	{ RESOURCE_FREE_SPACE, read_space, writes_backend },
	{ RESOURCE_FREE_INODES, read_inodes, writes_backend },
	{ RESOURCE_SYNC_LATENCY, read_latency, sync_backend },
	{ RESOURCE_FILESYSTEM_ERROR, read_error, error_backend },
};

#define READINGS (sizeof(readings) / sizeof(readings[0]))

static bool same_thresholds(const struct filesystem *a, const struct filesystem *b)
{
	const struct config *config = a->set->config;
	const struct thresholds *ours = config->filesystems[a->slot].resources;
	const struct thresholds *theirs = config->filesystems[b->slot].resources;

	for (int id = 0; id < RESOURCE_IDS; id++)
		if (!thresholds_same(&ours[id], &theirs[id]))
			return false;
	return true;
}

/* Sizes differ where one path has a quota of its own (XFS, ext4: by project). */
static bool same_values(const struct filesystem *a, const struct filesystem *b)
{
	return a->look.size_bytes == b->look.size_bytes && a->look.inodes == b->look.inodes &&
	       a->late == b->late && is_failing(a) == is_failing(b);
}

/* Messages have to fit into it, and the primary's path does not say so. */
static bool is_mails(const struct filesystem *fs, const struct filesystem *primary)
{
	const struct config *config = fs->set->config;

	return config_takes_mail(config, fs->slot) && !config_takes_mail(config, primary->slot);
}

/* It is the primary, or differs from it in what is judged or by what. */
static bool is_judged(const struct filesystem *fs)
{
	const struct filesystem *primary = primary_of(fs);

	return primary == fs || !same_thresholds(fs, primary) || !same_values(fs, primary) ||
	       is_mails(fs, primary);
}

/* Why a value is what it is, where that is not in its number. */
static int cause_of(const struct filesystem *fs, enum resource_id id)
{
	if (id != RESOURCE_FILESYSTEM_ERROR)
		return 0;
	return fs->writable.error ? fs->writable.error : fs->look.read_only ? EROFS : 0;
}

static void tell(struct filesystem *fs, const struct reading *reading)
{
	const struct watch_sink *sink = fs->set->sink;
	int64_t value = 0, size = 0;

	if (!is_judged(fs) || !reading->read(fs, &value, &size)) {
		sink->absent(sink->context, reading->id, fs->slot);
		return;
	}
	if (reading->id == RESOURCE_FREE_SPACE)
		sink->capacity(sink->context, reading->id, fs->slot, fs->look.capacity_bytes);
	sink->cause(sink->context, reading->id, fs->slot, cause_of(fs, reading->id));
	sink->value(sink->context, reading->id, fs->slot, value, size, reading->backend(fs));
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

void readings_failed(struct filesystem *fs)
{
	tell_of(fs, RESOURCE_FILESYSTEM_ERROR);
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
static void stall(const struct filesystem *fs, int64_t since_ns)
{
	const struct watch_sink *sink = fs->set->sink;

	sink->stalled(sink->context, RESOURCE_FREE_SPACE, fs->slot, since_ns);
	if (!fs->present || fs->look.inodes)
		sink->stalled(sink->context, RESOURCE_FREE_INODES, fs->slot, since_ns);
	sink->stalled(sink->context, RESOURCE_FILESYSTEM_ERROR, fs->slot, since_ns);
}

void readings_stalled(struct filesystem *fs, int64_t since_ns)
{
	if (is_judged(fs))
		stall(fs, since_ns);
	/* The ledger tells of fsyncs, and of one that hangs, without a look. */
	tell_of(fs, RESOURCE_SYNC_LATENCY);
	/* What has failed needs no ten seconds. */
	if (fs->failed)
		tell_of(fs, RESOURCE_FILESYSTEM_ERROR);
	fs->set->sink->judge(fs->set->sink->context);
}
