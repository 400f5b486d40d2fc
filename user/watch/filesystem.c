/* SPDX-License-Identifier: GPL-2.0-only */
/* One watched path: requests to the scout and what comes of the replies. */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/btrfs.h"
#include "watch/filesystem.h"
#include "watch/filesystem_mark.h"
#include "watch/readings.h"

const char *filesystem_path(const struct filesystem *fs)
{
	return fs->set->config->filesystems[fs->slot].path;
}

static void schedule(struct event *timer, int64_t delay_ns)
{
	struct timeval delay = {
		.tv_sec = delay_ns / NS_PER_S,
		.tv_usec = delay_ns % NS_PER_S / 1000,
	};

	evtimer_add(timer, &delay);
}

/*
 * What has to be asked when OPERATION is wanted: a scout that could not start a thread is told of
 * the path again, and what a touch found failed only a touch can find well: statfs answers on
 * many a disk that is dead.
 */
static enum scout_operation choose(const struct filesystem *fs, enum scout_operation operation)
{
	if (!fs->added)
		return SCOUT_ADD;
	return fs->failed || fs->writable.error ? SCOUT_TOUCH : operation;
}

/* The counter is read first: a mark then counts from what the look has seen at least. */
static void ask(struct filesystem *fs, enum scout_operation operation)
{
	operation = choose(fs, operation);
	fs->asked_ns = monotonic_ns();
	fs->asked_of = fs->primary;
	if (fs->set->kernel)
		fs->asked_pages = __atomic_load_n(
			&kernel_ledger(fs->set->kernel)->filesystems[fs->primary].dirtied_pages,
			__ATOMIC_ACQUIRE);
	if (scout_send(&fs->set->scout, operation, fs->slot, fs->serial + 1, &fs->writable.as,
		       fs->canary.device, operation == SCOUT_ADD ? filesystem_path(fs) : NULL))
		return; /* the scout is gone or stuck: its return, or the next tick, brings us back
			 */
	fs->asked = ++fs->serial;
	fs->operation = operation;
	if (operation == SCOUT_ADD) {
		fs->canary.tid = 0;
		fs->canary.added = fs->asked;
	}
	schedule(fs->deadline_timer, FILESYSTEM_LATE_NS);
}

void filesystem_look(struct filesystem *fs)
{
	int64_t due_ns;

	if (fs->operation) {
		fs->look_wanted = true;
		return;
	}
	due_ns = fs->asked_ns + FILESYSTEM_GAP_NS - monotonic_ns();
	if (due_ns > 0)
		schedule(fs->look_timer, due_ns);
	else
		ask(fs, SCOUT_LOOK);
}

void filesystem_look_all(struct filesystem *fs)
{
	unsigned int i, primary = fs->primary;

	for (i = 0; i < fs->set->count; i++)
		if (fs->set->filesystems[i].primary == primary)
			filesystem_look(&fs->set->filesystems[i]);
}

static void on_look_timer(evutil_socket_t fd, short events, void *argument)
{
	struct filesystem *fs = argument;

	(void)fd;
	(void)events;
	filesystem_look(fs);
}

static void on_deadline(evutil_socket_t fd, short events, void *argument)
{
	struct filesystem *fs = argument;

	(void)fd;
	(void)events;
	if (!fs->operation)
		return;
	if (!fs->late) {
		fs->set->late_looks++;
		log_warning("%s: the filesystem does not answer (%s)", filesystem_path(fs),
			    fs->operation == SCOUT_LOOK ? "a look at it hangs"
							: "frozen, or its disk hangs");
	}
	fs->late = true;
	readings_stalled(fs, fs->asked_ns);
	/* Should it be the scout that is dead, its keeper will see: now, or the next time. */
	scout_check(&fs->set->scout);
	schedule(fs->deadline_timer, FILESYSTEM_LATER_NS);
}

void filesystem_add(struct filesystem *fs)
{
	fs->primary = fs->slot;
	fs->present = fs->late = fs->added = false;
	fs->operation = 0;
	fs->canary.tid = 0;
	fs->writable.serial = 0;
	canary_void(fs);
	evtimer_del(fs->deadline_timer);
	if (fs->set->kernel)
		kernel_orders(fs->set->kernel)->devices[fs->slot] = 0;
	ask(fs, SCOUT_ADD);
}

bool filesystem_polled(const struct filesystem *fs)
{
	return fs->present && fs->set->filesystems[fs->primary].canary.proof != PROOF_FIRED;
}

void filesystem_tick(struct filesystem *fs, bool safety, bool pressed)
{
	canary_tick(fs);
	writable_tick(fs, safety);
	if (fs->late)
		readings_stalled(fs, fs->asked_ns);
	if (fs->operation)
		return;
	if (safety)
		ask(fs, SCOUT_TOUCH);
	else if (pressed || filesystem_polled(fs))
		ask(fs, SCOUT_LOOK);
}

static bool same_filesystem(const struct filesystem *a, const struct filesystem *b)
{
	if (a->canary.device && a->canary.device == b->canary.device)
		return true;
	return look_same(&a->look, &b->look);
}

/*
 * Whose writes are charged to SLOT. While it is nobody's or another's, ends of fsyncs go unseen:
 * those begun before do not count.
 */
static void order_device(struct kernel *kernel, unsigned int slot, uint32_t device)
{
	struct orders *orders = kernel_orders(kernel);

	if (orders->devices[slot] == device)
		return;
	__atomic_store_n(&orders->since_ns[slot], (uint64_t)monotonic_ns(), __ATOMIC_RELEASE);
	__atomic_store_n(&orders->devices[slot], device, __ATOMIC_RELEASE);
}

static unsigned int find_primary(const struct filesystem_set *set, const struct filesystem *fs)
{
	const struct filesystem *other;
	unsigned int i;

	for (i = 0; i < fs->slot && fs->present; i++) {
		other = &set->filesystems[i];
		if (other->primary == i && other->present && same_filesystem(fs, other))
			return i;
	}
	return fs->slot;
}

/* Find the primaries again: a mount may part paths or join them. */
static void find_primaries(struct filesystem_set *set)
{
	struct filesystem *fs;
	unsigned int i, before;

	for (i = 0; i < set->count; i++) {
		fs = &set->filesystems[i];
		before = fs->primary;
		fs->primary = find_primary(set, fs);
		if (set->kernel)
			order_device(set->kernel, i,
				     fs->present && fs->primary == i ? fs->canary.device : 0);
		if (fs->primary == before)
			continue;
		/* Its counters are another slot's now. */
		memset(&fs->latency, 0, sizeof(fs->latency));
		if (fs->present)
			filesystem_look(fs);
	}
}

/* The marks count from looks that are yet to be made. */
void filesystem_learned(struct filesystem *fs)
{
	find_primaries(fs->set);
	if (fs->present)
		readings_tell(fs);
	filesystem_look_all(fs);
}

static void note_error(struct filesystem *fs)
{
	int64_t error_ns;

	if (!fs->set->kernel)
		return;
	error_ns = (int64_t)kernel_ledger(fs->set->kernel)->filesystems[fs->slot].error_ns;
	if (error_ns > fs->since_ns)
		fs->error_ns = error_ns;
}

int64_t filesystem_error_ns(struct filesystem *fs)
{
	int64_t last_ns = 0;
	unsigned int i;

	note_error(fs);
	for (i = 0; i < fs->set->count; i++) {
		const struct filesystem *other = &fs->set->filesystems[i];

		if (other->primary == fs->slot && other->error_ns > last_ns)
			last_ns = other->error_ns;
	}
	return last_ns;
}

/* Another filesystem is at the path than before. */
static bool moved(const struct filesystem *fs, const struct look *look)
{
	return fs->look.device != look->device || fs->look.type != look->type;
}

/*
 * There is no such path, or none for us: a mistake to be told of, and no pressure. What could be
 * looked at and now is closed to us (a ticket of Kerberos ran out) is closed to the mail server,
 * too.
 */
static bool is_missing(const struct filesystem *fs, int error)
{
	if (error == -EACCES || error == -EPERM)
		return !fs->look.device;
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENAMETOOLONG;
}

/* Those whose primary it was have values of their own. */
static void take_missing(struct filesystem *fs, int error)
{
	if (!fs->said_missing)
		log_warning("%s: %s; not watched until it is there", filesystem_path(fs),
			    strerror(-error));
	fs->said_missing = true;
	fs->present = fs->failed = false;
	canary_void(fs);
	writable_void(fs);
	find_primaries(fs->set);
	readings_absent(fs);
	fs->set->sink->judge(fs->set->sink->context);
}

/*
 * It is there and cannot be looked at: shut down after an error, its disk or server gone, or
 * the scout short of something. All of that is pressure, and none of it room.
 */
static void take_failure(struct filesystem *fs, const char *why)
{
	if (!fs->failed) {
		log_error("%s: the filesystem has failed: %s", filesystem_path(fs), why);
		fs->failed_ns = fs->asked_ns;
	}
	fs->failed = true;
	readings_stalled(fs, fs->failed_ns);
}

/* Told once: free-space comes down late then, when data has been written out. */
static void note_room(struct filesystem *fs, enum look_room room)
{
	/* The device tells it, and the canary is not back yet. */
	if (room == fs->said_room || fs->canary.proof == PROOF_PENDING)
		return;
	if (room == LOOK_ROOM_NO_SYSFS)
		log_warning("%s: btrfs tells free space only when data has been written out, and "
			    "not that of its metadata; what it tells beside that in " BTRFS_SYSFS
			    " cannot be read: free-space may be too large; mount /sys here",
			    filesystem_path(fs));
	else if (room == LOOK_ROOM_NO_UPPER)
		log_warning("%s: an overlay, maybe on a btrfs, which tells free space only when "
			    "data has been written out, and which one cannot be told from "
			    "/proc/self/mountinfo and " BTRFS_SYSFS ": free-space may be too large",
			    filesystem_path(fs));
	else
		log_notice("%s: what free-space is can be told now", filesystem_path(fs));
	fs->said_room = room;
}

/* A server that is reconnecting says that it has no blocks at all. */
static bool is_empty_answer(const struct filesystem *fs, const struct look *look)
{
	return fs->present && fs->look.size_bytes && !look->size_bytes && !moved(fs, look);
}

/* Both values are of the same path, and may be far apart. */
static void tell_move(const struct filesystem *fs, const struct look *look)
{
	if (fs->look.mounted && !look->mounted)
		log_warning("%s: its filesystem is gone (unmounted); judged is now the filesystem "
			    "of its parent",
			    filesystem_path(fs));
	else
		log_notice("%s: another filesystem is there now, and judged", filesystem_path(fs));
}

static void take_look(struct filesystem *fs, const struct scout_reply *reply)
{
	const struct look *look = &reply->look;
	bool is_other = fs->look.device && moved(fs, look), another = !fs->present || is_other;

	if (fs->said_missing)
		log_notice("%s: is there now, watched", filesystem_path(fs));
	if (fs->failed)
		log_notice("%s: can be looked at again", filesystem_path(fs));
	fs->said_missing = fs->failed = false;
	fs->set->looks++;
	if (is_other) {
		tell_move(fs, look);
		fs->error_ns = 0;
		fs->since_ns = monotonic_ns();
		writable_void(fs);
	}
	fs->look = *look;
	fs->dirtied_pages = fs->asked_pages;
	fs->dirtied_of = fs->asked_of;
	fs->present = true;
	if (another)
		canary_void(fs);
	note_room(fs, look->room);
	growth_trial(&fs->growth, reply->write.page_takes_bytes);
	find_primaries(fs->set);
	if (reply->operation != SCOUT_LOOK)
		writable_take(fs, &reply->write, false);
	readings_tell(fs);
	filesystem_mark(fs);
}

static void take_reply(struct filesystem *fs, const struct scout_reply *reply)
{
	if (is_missing(fs, reply->error))
		take_missing(fs, reply->error);
	else if (reply->error)
		take_failure(fs, strerror(-reply->error));
	else if (is_empty_answer(fs, &reply->look))
		take_failure(fs, "it says that it has no blocks");
	else
		take_look(fs, reply);
}

void filesystem_reply(struct filesystem *fs, const struct scout_reply *reply)
{
	if (reply->serial != fs->asked || !fs->operation)
		return; /* of a thread that has lost its slot */
	evtimer_del(fs->deadline_timer);
	if (fs->late)
		log_notice("%s: the filesystem answers again, after %lld s", filesystem_path(fs),
			   (long long)((monotonic_ns() - fs->asked_ns) / NS_PER_S));
	fs->late = false;
	fs->added = reply->error != -ENFILE;
	fs->operation = 0;
	take_reply(fs, reply);
	canary_tick(fs);
	if (fs->look_wanted) {
		fs->look_wanted = false;
		filesystem_look(fs);
	}
}

int filesystem_open(struct filesystem *fs, struct filesystem_set *set, unsigned int slot)
{
	uint64_t serial = fs->serial; /* goes on: late replies to a former path are not for us */

	memset(fs, 0, sizeof(*fs));
	fs->serial = serial;
	fs->set = set;
	fs->slot = fs->primary = slot;
	fs->since_ns = monotonic_ns();
	fs->look_timer = evtimer_new(set->base, on_look_timer, fs);
	fs->deadline_timer = evtimer_new(set->base, on_deadline, fs);
	return fs->look_timer && fs->deadline_timer ? canary_open(fs) : -ENOMEM;
}

void filesystem_close(struct filesystem *fs)
{
	canary_close(fs);
	if (fs->look_timer)
		event_free(fs->look_timer);
	if (fs->deadline_timer)
		event_free(fs->deadline_timer);
	fs->look_timer = fs->deadline_timer = NULL;
}
