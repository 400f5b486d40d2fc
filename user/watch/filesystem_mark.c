/* SPDX-License-Identifier: GPL-2.0-only */
/* When the kernel is to ask for the next look at a filesystem, and when it may brake. */
#include "common/clock.h"
#include "watch/filesystem_mark.h"
#include "watch/mark.h"

static void store(__u64 *order, uint64_t value)
{
	__atomic_store_n(order, value, __ATOMIC_SEQ_CST);
}

/* How far it is to level high. */
static int64_t room(const struct filesystem *fs, enum resource_id id)
{
	const struct watch_sink *sink = fs->set->sink;

	return sink->room(sink->context, id, fs->slot);
}

/*
 * How far to the next level, or to high where it is nearer, as when high is the level already: the
 * kernel brakes a gate when a look is not answered, and so must ask for one there, too.
 */
static int64_t distance(const struct filesystem *fs, enum resource_id id)
{
	const struct watch_sink *sink = fs->set->sink;
	int64_t to_next = sink->distance(sink->context, id, fs->slot), to_high;

	if (!fs->set->config->gate_count)
		return to_next;
	to_high = room(fs, id);
	return to_high < to_next ? to_high : to_next;
}

/* The most that a page dirtied on its filesystem takes, of all paths: directories may differ. */
static unsigned int growth_of(const struct filesystem *fs)
{
	const struct filesystem_set *set = fs->set;
	const struct filesystem *other;
	unsigned int i, pages, most = 1;

	for (i = 0; i < set->count; i++) {
		other = &set->filesystems[i];
		if (other->primary != fs->primary)
			continue;
		pages = growth_pages(&other->growth, other->look.growth, set->page_bytes);
		if (pages > most)
			most = pages;
	}
	return most;
}

/* One batch for all: of the filesystem on which a page takes the most. */
static void set_batch(struct filesystem_set *set)
{
	unsigned int i, growth, most = 1;

	for (i = 0; i < set->count; i++) {
		growth = growth_of(&set->filesystems[i]);
		if (growth > most)
			most = growth;
	}
	set->batch_pages = mark_batch_pages(set->cpus, most, set->page_bytes);
	__atomic_store_n(&kernel_orders(set->kernel)->batch_pages, set->batch_pages,
			 __ATOMIC_SEQ_CST);
}

static uint64_t look_mark(const struct filesystem *fs)
{
	int64_t space_bytes = distance(fs, RESOURCE_FREE_SPACE);

	if (space_bytes > fs->look.available_bytes)
		space_bytes = fs->look.available_bytes;
	return fs->dirtied_pages + mark_step_pages(space_bytes, distance(fs, RESOURCE_FREE_INODES),
						   growth_of(fs), fs->set->page_bytes,
						   fs->set->cpus * fs->set->batch_pages);
}

/* UINT64_MAX: it may not. */
static uint64_t brake_mark(const struct filesystem *fs)
{
	uint64_t pages = mark_brake_pages(
		room(fs, RESOURCE_FREE_SPACE), room(fs, RESOURCE_FREE_INODES), growth_of(fs),
		fs->set->page_bytes, fs->set->cpus * fs->set->batch_pages);

	return pages ? fs->dirtied_pages + pages : UINT64_MAX;
}

typedef uint64_t mark_fn(const struct filesystem *fs);

/*
 * The nearest mark of all paths that were looked at by this slot's counter. One that is being
 * looked at has its mark when that comes back: the one it had is what rang.
 */
static uint64_t nearest(const struct filesystem_set *set, unsigned int slot, mark_fn *mark,
			bool asked_too)
{
	const struct filesystem *fs;
	uint64_t at, least = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		fs = &set->filesystems[i];
		if (fs->primary != slot || !fs->present || fs->dirtied_of != slot ||
		    (fs->operation && !asked_too))
			continue;
		at = mark(fs);
		if (at < least)
			least = at;
	}
	return least;
}

/*
 * The brake's is to be stored before the look's: the kernel brakes only when the look mark it reads
 * has rung and is old, and a new one has not. Past the look mark already when it is stored, the
 * kernel would ring at the next write only.
 */
void filesystem_mark(struct filesystem *fs)
{
	struct filesystem_set *set = fs->set;
	unsigned int slot = fs->primary;
	struct orders *orders;
	uint64_t look, brake;

	if (!set->kernel || !set->filesystems[slot].canary.device || fs->dirtied_of != slot)
		return;
	growth_look(&fs->growth, fs->dirtied_pages, fs->look.available_bytes, set->page_bytes);
	set_batch(set);
	look = nearest(set, slot, look_mark, false);
	brake = nearest(set, slot, brake_mark, true);
	orders = kernel_orders(set->kernel);
	store(&orders->brake_marks[slot], brake == UINT64_MAX ? 0 : brake);
	/* A brake by the mark there was is answered. */
	store(&orders->look_marks[slot], look);
	if (__atomic_load_n(&kernel_ledger(set->kernel)->filesystems[slot].dirtied_pages,
			    __ATOMIC_SEQ_CST) >= look)
		fs->look_wanted = true;
}
