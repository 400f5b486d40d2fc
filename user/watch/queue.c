/* SPDX-License-Identifier: GPL-2.0-only */
/* The lengths of the queues. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/queue.h"

static const char *path_of(const struct queue_set *set, const struct queue *queue)
{
	return set->filesystems->config->queues[queue->index].path;
}

int64_t queue_rest_ns(int64_t cpu_ns, int64_t wall_ns, unsigned int queues)
{
	int64_t cpu_rest_ns = (QUEUE_CPU_PARTS * (int64_t)queues - 1) * cpu_ns;
	int64_t wall_rest_ns = (QUEUE_WALL_PARTS - 1) * wall_ns;

	return cpu_rest_ns > wall_rest_ns ? cpu_rest_ns : wall_rest_ns;
}

/* The watched filesystem that the queue is on, if the kernel tells of writes to it. */
static const struct filesystem *told_by(const struct queue_set *set, const struct queue *queue)
{
	const struct filesystem_set *filesystems = set->filesystems;
	unsigned int i;

	for (i = 0; filesystems->kernel && queue->counted && i < filesystems->count; i++) {
		const struct filesystem *fs = &filesystems->filesystems[i];

		if (fs->primary == i && fs->canary.proof == PROOF_FIRED && fs->present &&
		    fs->look.device == queue->device)
			return fs;
	}
	return NULL;
}

static uint64_t dirtied_pages(const struct queue_set *set, const struct filesystem *fs)
{
	return __atomic_load_n(
		&kernel_ledger(set->filesystems->kernel)->filesystems[fs->slot].dirtied_pages,
		__ATOMIC_ACQUIRE);
}

static void ask(struct queue_set *set, struct queue *queue, enum scout_operation operation)
{
	const struct filesystem *fs = told_by(set, queue);
	const char *path = operation == SCOUT_ADD ? path_of(set, queue) : NULL;

	queue->told = fs;
	queue->dirtied_pages = fs ? dirtied_pages(set, fs) : 0;
	queue->asked_ns = monotonic_ns();
	/* If the scout is gone or stuck, its return or the next tick brings us back. */
	if (!scout_send(&set->filesystems->scout, operation, SCOUT_QUEUES + queue->index,
			++queue->serial, NULL, 0, path))
		queue->operation = operation;
}

/* Nothing can have become more since the last count, as far as the ledger tells. */
static bool is_untouched(const struct queue_set *set, const struct queue *queue)
{
	const struct filesystem *fs = told_by(set, queue);

	return fs && queue->told && dirtied_pages(set, fs) == queue->dirtied_pages;
}

static void tick(struct queue_set *set, struct queue *queue, bool pressed, int64_t now)
{
	if (queue->operation) {
		if (!queue->late && now - queue->asked_ns > QUEUE_LATE_NS)
			log_warning("%s: counting its files takes longer than %lld s",
				    path_of(set, queue), (long long)(QUEUE_LATE_NS / NS_PER_S));
		queue->late |= now - queue->asked_ns > QUEUE_LATE_NS;
		return;
	}
	if (now < queue->due_ns)
		return;
	if (is_untouched(set, queue) && !queue->behind && !pressed &&
	    now - queue->asked_ns < QUEUE_UNTOLD_NS)
		return;
	/* What could not be counted may have been for want of a thread: one is started with the
	 * path. */
	ask(set, queue, queue->counted ? SCOUT_COUNT : SCOUT_ADD);
}

void queues_tick(struct queue_set *set, bool pressed)
{
	int64_t now = monotonic_ns();
	unsigned int i;

	for (i = 0; i < set->count; i++)
		tick(set, &set->queues[i], pressed, now);
}

void queues_add(struct queue_set *set)
{
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		set->queues[i].operation = 0;
		ask(set, &set->queues[i], SCOUT_ADD);
	}
}

/* A count that is only a part of the truth is told once. */
static void tell_flaws(struct queue_set *set, struct queue *queue, const struct tree_count *count)
{
	if (count->clipped && !queue->said_clipped)
		log_warning(
			"%s: more than %d directories, or deeper than %d: the rest is not counted",
			path_of(set, queue), TREE_DIRECTORIES, TREE_DEPTH);
	if (count->unreadable && !queue->said_unreadable)
		log_warning("%s: some directories cannot be read (it takes CAP_DAC_READ_SEARCH): "
			    "they are not counted",
			    path_of(set, queue));
	if (count->elsewhere && !queue->said_elsewhere)
		log_warning("%s: %u director%s on other filesystems below it %s not counted: %s%s",
			    path_of(set, queue), count->elsewhere,
			    count->elsewhere == 1 ? "y" : "ies",
			    count->elsewhere == 1 ? "is" : "are", count->elsewhere_name,
			    count->elsewhere == 1 ? "" : " and others");
	queue->said_elsewhere = count->elsewhere;
	queue->said_clipped |= count->clipped;
	queue->said_unreadable |= count->unreadable;
}

static void take_error(struct queue_set *set, struct queue *queue, int error)
{
	const struct watch_sink *sink = set->filesystems->sink;

	if (!queue->said_missing)
		log_warning("%s: %s; its files are counted once it is there", path_of(set, queue),
			    strerror(-error));
	queue->said_missing = true;
	queue->counted = false;
	queue->due_ns = queue->asked_ns + QUEUE_ROUND_NS - 100 * NS_PER_MS;
	sink->absent(sink->context, RESOURCE_QUEUE_LENGTH, queue->index);
}

static void take_count(struct queue_set *set, struct queue *queue, const struct tree_count *count)
{
	const struct watch_sink *sink = set->filesystems->sink;
	bool first = !queue->counted && !queue->said_missing;
	int64_t rest_ns = first ? 0 : queue_rest_ns(count->cpu_ns, count->wall_ns, set->count);

	if (queue->said_missing)
		log_notice("%s: is there now, its files are counted", path_of(set, queue));
	queue->said_missing = false;
	queue->counted = true;
	queue->behind = count->behind;
	queue->device = count->device;
	/* From when it was asked for, a moment early: the tick that asks comes every 5 s. */
	queue->due_ns = queue->asked_ns + QUEUE_ROUND_NS - 100 * NS_PER_MS;
	if (queue->due_ns < monotonic_ns() + rest_ns)
		queue->due_ns = monotonic_ns() + rest_ns;
	tell_flaws(set, queue, count);
	sink->value(sink->context, RESOURCE_QUEUE_LENGTH, queue->index, count->files, 0,
		    told_by(set, queue) ? kernel_backend(set->filesystems->kernel, SIGNAL_WRITES)
					: KERNEL_POLL);
}

void queues_reply(struct queue_set *set, const struct scout_reply *reply)
{
	const struct watch_sink *sink = set->filesystems->sink;
	struct queue *queue = &set->queues[reply->slot - SCOUT_QUEUES];

	if (queue->index >= set->count || reply->serial != queue->serial || !queue->operation)
		return; /* of a thread that has lost its slot */
	queue->operation = 0;
	if (queue->late)
		log_notice("%s: its files are counted, after %lld s", path_of(set, queue),
			   (long long)((monotonic_ns() - queue->asked_ns) / NS_PER_S));
	queue->late = false;
	if (reply->error)
		take_error(set, queue, reply->error);
	else
		take_count(set, queue, &reply->count);
	sink->judge(sink->context);
}

bool queues_are_in(const struct queue_set *set)
{
	int64_t now = monotonic_ns();
	unsigned int i;

	for (i = 0; i < set->count; i++)
		if (set->queues[i].operation == SCOUT_ADD &&
		    now - set->queues[i].asked_ns < QUEUE_FIRST_NS)
			return false;
	return true;
}

static bool same_queues(const struct config *a, const struct config *b)
{
	unsigned int i;

	for (i = 0; i < a->queue_count && i < b->queue_count; i++)
		if (strcmp(a->queues[i].path, b->queues[i].path) != 0)
			return false;
	return a->queue_count == b->queue_count;
}

void queues_reload(struct queue_set *set, const struct config *before)
{
	if (same_queues(before, set->filesystems->config))
		return;
	queues_open(set, set->filesystems);
	queues_add(set);
}

void queues_open(struct queue_set *set, struct filesystem_set *filesystems)
{
	unsigned int i;

	set->filesystems = filesystems;
	set->count = filesystems->config->queue_count;
	for (i = 0; i < CONFIG_QUEUES; i++)
		/* The serial goes on: late replies to a former path are not for us. */
		set->queues[i] = (struct queue){ .index = i, .serial = set->queues[i].serial };
}
