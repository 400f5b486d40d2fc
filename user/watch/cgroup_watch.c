/* SPDX-License-Identifier: GPL-2.0-only */
/* The mail server's cgroup: its memory, and whose fsyncs are told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/cgroup_watch.h"
#include "watch/kernel.h"

#define HURRY_NS (15 * NS_PER_S)
#define KILL_NS	 (60 * NS_PER_S)
#define FIND_NS                                                                                   \
	(4 * NS_PER_S)		/* less than safety looks are apart, for they are not to the tick \
				 */
#define GAP_NS (10 * NS_PER_MS) /* any user's kills ring: at most 100 samples a second */

static int64_t count_before(const struct cgroup_count *count, uint64_t id)
{
	unsigned int i;

	for (i = 0; i < count->seen; i++)
		if (count->before[i].id == id)
			return count->before[i].count;
	return 0; /* a new cgroup: all its kills are new */
}

int64_t cgroup_count_kills(struct cgroup_count *count, const struct cgroup_kills kills[],
			   unsigned int made, int64_t now_ns)
{
	int64_t recent = 0, more;
	unsigned int i;

	for (i = 0; count->begun && i < made; i++) {
		more = kills[i].count - count_before(count, kills[i].id);
		if (more > CGROUP_RECENT)
			more = CGROUP_RECENT;
		for (; more > 0; more--)
			count->kill_ns[count->next++ % CGROUP_RECENT] = now_ns;
	}
	count->begun = true;
	count->seen = made;
	memcpy(count->before, kills, made * sizeof(*kills));
	for (i = 0; i < CGROUP_RECENT; i++)
		recent += count->kill_ns[i] && now_ns - count->kill_ns[i] < KILL_NS;
	return recent;
}

static void absent(const struct cgroup_watch *watch, enum resource_id id)
{
	watch->sink->absent(watch->sink->context, id, CGROUP_INDEX);
}

/* Told once for each time it goes. */
static void tell_presence(struct cgroup_watch *watch, int error)
{
	if (error == -ENOENT && !watch->said_missing)
		log_warning("cgroup %s is not there; watched once it is", watch->path);
	if (error != -ENOENT && watch->said_missing)
		log_notice("cgroup %s is there now, watched", watch->path);
	watch->said_missing = error == -ENOENT;
	if (error == -ENODATA && !watch->said_unaccounted)
		log_warning(
			"cgroup %s: its memory is not accounted (systemd: MemoryAccounting=yes)",
			watch->path);
	watch->said_unaccounted |= error == -ENODATA;
}

/* A value that is not there for want of a limit would be waited for. */
static void tell_limit(struct cgroup_watch *watch, bool limited)
{
	if (!limited && !watch->said_unlimited)
		log_notice("cgroup %s: it has no limit below the host's memory, and no "
			   "memory-available of its own",
			   watch->path);
	watch->said_unlimited = !limited;
}

static void sample_available(struct cgroup_watch *watch)
{
	const struct watch_sink *sink = watch->sink;
	struct cgroup_memory memory;
	int error = cgroup_read_memory(&watch->mounts, watch->path, watch->host_bytes, &memory);

	tell_presence(watch, error);
	if (!error)
		tell_limit(watch, memory.limit_bytes);
	watch->near = false;
	if (error || !memory.limit_bytes) {
		absent(watch, RESOURCE_MEMORY_AVAILABLE);
		return;
	}
	sink->value(sink->context, RESOURCE_MEMORY_AVAILABLE, CGROUP_INDEX, memory.available_bytes,
		    memory.limit_bytes, KERNEL_POLL);
	watch->near = sink->distance(sink->context, RESOURCE_MEMORY_AVAILABLE, CGROUP_INDEX) <
		      memory.available_bytes / 2;
}

static void on_trigger(void *context)
{
	struct cgroup_watch *watch = context;

	/* Also when the cgroup is removed: until its trigger is closed it fires without end. */
	watch->sampled_ns = 0;
	cgroup_watch_ring(watch);
	watch->hurry(watch->hurry_context);
}

static void close_pressure(struct cgroup_watch *watch)
{
	if (watch->psi_id)
		psi_close(&watch->psi);
	watch->psi_id = 0;
}

static void sample_stall(struct cgroup_watch *watch)
{
	uint64_t id = cgroup_id(watch->mounts.unified, watch->path);
	const struct watch_sink *sink = watch->sink;
	char file[2 * PATH_MAX + 32];
	int64_t share;

	if (id != watch->psi_id) {
		close_pressure(watch);
		snprintf(file, sizeof(file), "%s%s/memory.pressure", watch->mounts.unified,
			 watch->path);
		if (id)
			psi_open(&watch->psi, watch->base, file, "some", on_trigger, watch);
		watch->psi_id = id;
	}
	share = id ? psi_share(&watch->psi, monotonic_ns()) : -1;
	if (share < 0 && id)
		psi_close(
			&watch->psi); /* cgroup.pressure is 0: its trigger would fire without end */
	if (share < 0)
		absent(watch, RESOURCE_MEMORY_STALL);
	else
		sink->value(sink->context, RESOURCE_MEMORY_STALL, CGROUP_INDEX, share, 0,
			    psi_backend(&watch->psi));
}

/* A kill may have ended the service, and with it the cgroup: it counts all the same. */
static void sample_kills(struct cgroup_watch *watch)
{
	const struct watch_sink *sink = watch->sink;
	struct cgroup_kills kills[CGROUP_KILLS];
	unsigned int made = cgroup_read_kills(&watch->mounts, watch->path, kills);
	int64_t recent = cgroup_count_kills(&watch->kills, kills, made, monotonic_ns());

	if (made == CGROUP_KILLS && !watch->said_many)
		log_warning(
			"cgroup %s: of more than %d cgroups in it the rest is not looked at for "
			"processes killed for want of memory",
			watch->path, CGROUP_KILLS);
	watch->said_many |= made == CGROUP_KILLS;
	if (made || recent)
		sink->value(sink->context, RESOURCE_OOM_KILL, CGROUP_INDEX, recent, 0,
			    kernel_backend(watch->kernel, SIGNAL_OOM_KILLS));
	else
		absent(watch, RESOURCE_OOM_KILL);
}

/* Created anew it has another id: until that is ordered, at the next sample, its fsyncs are missed.
 */
static void order_syncs(struct cgroup_watch *watch)
{
	uint64_t id = cgroup_tasks(&watch->mounts, watch->path);
	const char *why = NULL;

	if (!kernel_order_syncs(watch->kernel, id))
		why = "this kernel cannot tell them apart";
	else if (id == SYNCS_OF_ALL)
		why = "it is not in the hierarchy of cgroup v2";
	if (why && watch->kernel && !watch->said_all_syncs)
		log_notice("cgroup %s: sync-latency is of all processes: %s", watch->path, why);
	watch->said_all_syncs = why;
}

static void find_mounts(struct cgroup_watch *watch)
{
	bool all = cgroup_find_now(&watch->mounts);

	watch->found_ns = monotonic_ns();
	if (!all && !watch->said_cut)
		log_warning("/proc/self/mountinfo has more than %d MiB: cgroups mounted behind "
			    "these are not seen",
			    CGROUP_MOUNTINFO_BYTES / (1024 * 1024));
	watch->said_cut = !all;
}

/*
 * The cgroup is missing, or all of v2's: it may not be there, or the mount by which we know it is
 * gone. Looked for again no more often than at safety looks, though samples may come every second;
 * what has been mounted over it meanwhile is not looked into.
 */
static void find_mounts_again(struct cgroup_watch *watch)
{
	struct cgroup_mounts *mounts = &watch->mounts;

	if (!cgroup_are_mounted(mounts))
		memset(mounts, 0, sizeof(*mounts));
	if (monotonic_ns() - watch->found_ns < FIND_NS)
		return;
	if (!cgroup_id(mounts->memory, watch->path) ||
	    (*mounts->unified && !cgroup_id(mounts->unified, "")))
		find_mounts(watch);
}

/* Its memory is the host's, its stalls and kills too: those are judged as that. */
static bool is_host(struct cgroup_watch *watch)
{
	bool host = cgroup_is_host(&watch->mounts, watch->path);

	if (host && !watch->said_host)
		log_warning("cgroup %s is the host here, and no container: it has no limit, and "
			    "nothing of it is judged beside the host's memory",
			    watch->path);
	watch->said_host = host;
	return host;
}

static void sample_none(struct cgroup_watch *watch)
{
	close_pressure(watch);
	watch->near = false;
	absent(watch, RESOURCE_OOM_KILL);
	absent(watch, RESOURCE_MEMORY_AVAILABLE);
	absent(watch, RESOURCE_MEMORY_STALL);
}

void cgroup_watch_sample(struct cgroup_watch *watch)
{
	if (!*watch->path)
		return;
	watch->sampled_ns = monotonic_ns();
	find_mounts_again(watch);
	if (is_host(watch)) {
		kernel_order_syncs(watch->kernel, SYNCS_OF_ALL);
		sample_none(watch);
		return;
	}
	order_syncs(watch);
	sample_kills(watch);
	sample_available(watch);
	sample_stall(watch);
}

void cgroup_watch_ring(struct cgroup_watch *watch)
{
	int64_t now = monotonic_ns();

	if (!*watch->path)
		return;
	watch->hurry_until_ns = now + HURRY_NS;
	if (now - watch->sampled_ns < GAP_NS)
		return;
	cgroup_watch_sample(watch);
	watch->sink->judge(watch->sink->context);
}

bool cgroup_watch_hurried(const struct cgroup_watch *watch, int64_t now_ns)
{
	return *watch->path && (watch->near || now_ns < watch->hurry_until_ns);
}

void cgroup_watch_path(struct cgroup_watch *watch, const char *path)
{
	if (!strcmp(watch->path, path))
		return;
	close_pressure(watch);
	memset(&watch->kills, 0, sizeof(watch->kills));
	kernel_order_syncs(watch->kernel, SYNCS_OF_ALL);
	watch->near = watch->said_missing = watch->said_unaccounted = false;
	watch->said_all_syncs = watch->said_unlimited = false;
	watch->said_host = watch->said_many = false;
	watch->hurry_until_ns = 0;
	snprintf(watch->path, sizeof(watch->path), "%s", path);
	if (*path)
		find_mounts(watch);
	if (*path && !*watch->mounts.memory)
		log_warning("cgroup %s cannot be watched: no cgroup filesystem is mounted", path);
}

void cgroup_watch_open(struct cgroup_watch *watch, struct event_base *base, struct kernel *kernel,
		       const struct watch_sink *sink, void (*hurry)(void *context), void *context)
{
	struct sysinfo info = { 0 };

	memset(watch, 0, sizeof(*watch));
	watch->base = base;
	watch->kernel = kernel;
	watch->sink = sink;
	watch->hurry = hurry;
	watch->hurry_context = context;
	sysinfo(&info);
	watch->host_bytes = (int64_t)info.totalram * info.mem_unit;
}

void cgroup_watch_close(struct cgroup_watch *watch)
{
	close_pressure(watch);
}
