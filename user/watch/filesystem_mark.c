/* SPDX-License-Identifier: GPL-2.0-only */
/* When the kernel is to ask for the next look at a filesystem, and when it may brake. */
#include "common/clock.h"
#include "watch/filesystem_mark.h"
#include "watch/mark.h"

typedef int64_t measure_fn(void *context, enum resource_id id, unsigned int index);

/* The least that MEASURE says of all paths on the filesystem. */
static int64_t nearest(struct filesystem *fs, measure_fn *measure, enum resource_id id)
{
	int64_t distance, least = INT64_MAX;
	unsigned int i;

	for (i = 0; i < fs->set->count; i++) {
		if (fs->set->filesystems[i].primary != fs->slot)
			continue;
		distance = measure(fs->set->sink->context, id, i);
		if (distance < least)
			least = distance;
	}
	return least;
}

static void store(__u64 *order, uint64_t value)
{
	__atomic_store_n(order, value, __ATOMIC_SEQ_CST);
}

/*
 * To be stored before the look mark: the kernel brakes only when the look mark it reads has rung
 * and is old, and a new one has not.
 */
static void set_brake(struct filesystem *fs, struct orders *orders)
{
	const struct watch_sink *sink = fs->set->sink;
	uint64_t pages = mark_brake_pages(nearest(fs, sink->room, RESOURCE_FREE_SPACE),
					  nearest(fs, sink->room, RESOURCE_FREE_INODES),
					  fs->look.growth, fs->set->page_bytes, fs->set->cpus);

	store(&orders->brake_marks[fs->slot], pages ? fs->dirtied_pages + pages : 0);
}

/*
 * How far to the next level, or to high where it is nearer, as when high is the level already: the
 * kernel brakes a gate when a look is not answered, and so must ask for one there, too.
 */
static int64_t nearest_level(struct filesystem *fs, enum resource_id id)
{
	int64_t distance = nearest(fs, fs->set->sink->distance, id), room;

	if (!fs->set->config->gate_count)
		return distance;
	room = nearest(fs, fs->set->sink->room, id);
	return room < distance ? room : distance;
}

/* Past the mark already when it is stored: the kernel would ring at the next write only. */
void filesystem_mark(struct filesystem *fs)
{
	struct filesystem_set *set = fs->set;
	int64_t space_bytes = nearest_level(fs, RESOURCE_FREE_SPACE);
	struct orders *orders;
	uint64_t mark;

	if (!set->kernel || !fs->canary.device)
		return;
	if (space_bytes > fs->look.available_bytes)
		space_bytes = fs->look.available_bytes;
	mark = fs->dirtied_pages + mark_step_pages(space_bytes,
						   nearest_level(fs, RESOURCE_FREE_INODES),
						   fs->look.growth, set->page_bytes, set->cpus);
	orders = kernel_orders(set->kernel);
	set_brake(fs, orders);
	store(&orders->look_marks[fs->slot], mark);
	/* What braked before this look is answered by it. */
	store(&orders->brake_ack_ns, (uint64_t)monotonic_ns());
	if (__atomic_load_n(&kernel_ledger(set->kernel)->filesystems[fs->slot].dirtied_pages,
			    __ATOMIC_SEQ_CST) >= mark)
		fs->look_wanted = true;
}
