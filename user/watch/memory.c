/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's memory, from /proc/meminfo, /proc/pressure/memory and /proc/vmstat. */
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/memory.h"

#define HURRY_NS (15 * NS_PER_S)
#define BRAKE_NS (3 * NS_PER_S)
#define LASTS_NS (2 * NS_PER_S)
#define KILL_NS	 (60 * NS_PER_S)

/* Told once: old lxcfs and some sandboxes leave it out, and nothing else stands for it. */
static void take_unknown(struct memory *memory, bool unknown)
{
	if (unknown && !memory->said_unknown)
		log_warning("%s says no MemAvailable (an old lxcfs, or a sandbox): "
			    "memory-available of the host is not known, and not judged, nor is "
			    "memory-stall",
			    memory->procs->files[PROC_MEMINFO].path);
	memory->said_unknown = unknown;
}

static void sample_available(struct memory *memory, char text[KEYED_BYTES])
{
	int error = proc_read(&memory->procs->files[PROC_MEMINFO], monotonic_ns(), text);
	int64_t total_kib = error ? -1 : keyed_number(text, "MemTotal:");
	int64_t available_kib = error ? -1 : keyed_number(text, "MemAvailable:"), distance;
	const struct watch_sink *sink = memory->sink;

	if (error == -EAGAIN)
		return;
	if (!error)
		take_unknown(memory, total_kib <= 0 || available_kib < 0);
	if (total_kib <= 0 || available_kib < 0) {
		memory->near = false;
		sink->absent(sink->context, RESOURCE_MEMORY_AVAILABLE, 0);
		return;
	}
	sink->value(sink->context, RESOURCE_MEMORY_AVAILABLE, 0, available_kib * KIB,
		    total_kib * KIB, KERNEL_POLL);
	distance = sink->distance(sink->context, RESOURCE_MEMORY_AVAILABLE, 0);
	memory->near = distance < available_kib * KIB / 2;
}

/* By PSI; where that is off, by the time in which anyone was in direct reclaim. */
static int64_t stalled_share(struct memory *memory)
{
	int64_t now = monotonic_ns(), share = psi_share(&memory->psi, now);

	if (share >= 0 || !kernel_attached(memory->kernel, SIGNAL_RECLAIM))
		return share;
	share = window_add(
		&memory->window,
		reclaim_total(&memory->reclaim, &kernel_ledger(memory->kernel)->memory, now), now);
	/* One that lasts rings no bell before it ends. */
	if (reclaim_lasts(&memory->reclaim) && memory->hurry_until_ns < now + LASTS_NS)
		memory->hurry_until_ns = now + LASTS_NS;
	return share;
}

static void sample_stall(struct memory *memory)
{
	const struct watch_sink *sink = memory->sink;
	int64_t share = stalled_share(memory);

	if (share < 0)
		sink->absent(sink->context, RESOURCE_MEMORY_STALL, 0);
	else
		sink->value(sink->context, RESOURCE_MEMORY_STALL, 0, share, 0,
			    memory_stall_backend(memory));
}

/* As vmstat counts them; -1 when that is not known. */
static int64_t count_kills(const struct memory *memory, int64_t now, char text[KEYED_BYTES])
{
	int error = proc_read(&memory->procs->files[PROC_VMSTAT], now, text);

	if (error)
		return error == -EAGAIN ? memory->kills_seen : -1;
	return keyed_number(text, "oom_kill ");
}

/* Kills in the last minute. The probe only says when to look. */
static void sample_kills(struct memory *memory, char text[KEYED_BYTES])
{
	const struct watch_sink *sink = memory->sink;
	int64_t now = monotonic_ns(), count = count_kills(memory, now, text), recent = 0;
	unsigned int i;

	if (count < 0) {
		sink->absent(sink->context, RESOURCE_OOM_KILL, 0);
		return;
	}
	/* The first, or another's count than the last was. */
	if (memory->kills_seen < 0 || count < memory->kills_seen)
		memory->kills_seen = count;
	/* Of a burst larger than the table the last ones are enough. */
	if (count - memory->kills_seen > MEMORY_KILLS)
		memory->kills_seen = count - MEMORY_KILLS;
	while (memory->kills_seen < count)
		memory->kill_ns[memory->kills_seen++ % MEMORY_KILLS] = now;
	for (i = 0; i < MEMORY_KILLS; i++)
		recent += memory->kill_ns[i] && now - memory->kill_ns[i] < KILL_NS;
	sink->value(sink->context, RESOURCE_OOM_KILL, 0, recent, 0,
		    kernel_backend(memory->kernel, SIGNAL_OOM_KILLS));
}

/*
 * How much more stalling until the kernel may brake: what is left to high, of the 10 s that
 * memory-stall is a share of. Never less than BRAKE_NS: samples come once a second, and a daemon
 * that takes them must not be braked. 0 when there is no high.
 */
static uint64_t brake_after_ns(const struct memory *memory)
{
	const struct watch_sink *sink = memory->sink;
	int64_t room_ppm = sink->room(sink->context, RESOURCE_MEMORY_STALL, 0), room_ns;

	if (room_ppm == INT64_MAX)
		return 0;
	room_ns = room_ppm * 10 * NS_PER_S / PPM;
	return (uint64_t)(room_ns > BRAKE_NS ? room_ns : BRAKE_NS);
}

/* The next 10 ms of reclaim ring: memory is short then, whatever the timer says. */
static void set_mark(struct memory *memory)
{
	uint64_t brake_ns = brake_after_ns(memory), stall_ns;
	struct orders *orders;

	if (!kernel_attached(memory->kernel, SIGNAL_RECLAIM))
		return;
	orders = kernel_orders(memory->kernel);
	stall_ns = kernel_ledger(memory->kernel)->memory.stall_ns;
	__atomic_store_n(&orders->brake_marks[LEDGER_MEMORY], brake_ns ? stall_ns + brake_ns : 0,
			 __ATOMIC_SEQ_CST);
	__atomic_store_n(&orders->look_marks[LEDGER_MEMORY], stall_ns + 10 * NS_PER_MS,
			 __ATOMIC_SEQ_CST);
}

void memory_sample(struct memory *memory)
{
	char text[KEYED_BYTES];

	sample_available(memory, text);
	sample_stall(memory);
	sample_kills(memory, text);
	memory->sink->judge(memory->sink->context);
	set_mark(memory);
}

/* Ringing sets no new mark: the samples that follow do, so bells come once a second at most. */
void memory_ring(struct memory *memory)
{
	int64_t now = monotonic_ns();
	bool hurried = memory_hurried(memory, now);

	memory->hurry_until_ns = now + HURRY_NS;
	if (!hurried)
		memory_sample(memory);
}

bool memory_hurried(const struct memory *memory, int64_t now_ns)
{
	return memory->near || now_ns < memory->hurry_until_ns;
}

const char *memory_stall_backend(const struct memory *memory)
{
	if (!psi_is_there(&memory->psi) && kernel_attached(memory->kernel, SIGNAL_RECLAIM))
		return kernel_backend(memory->kernel, SIGNAL_RECLAIM);
	return psi_backend(&memory->psi);
}

static void on_trigger(void *context)
{
	struct memory *memory = context;

	memory_ring(memory);
	memory->hurry(memory->hurry_context);
}

void memory_open(struct memory *memory, struct event_base *base, struct kernel *kernel,
		 struct procs *procs, const struct watch_sink *sink, void (*hurry)(void *context),
		 void *hurry_context)
{
	memset(memory, 0, sizeof(*memory));
	memory->sink = sink;
	memory->hurry = hurry;
	memory->hurry_context = hurry_context;
	memory->kernel = kernel;
	memory->procs = procs;
	memory->kills_seen = -1;
	psi_open_host(&memory->psi, base, &procs->files[PROC_MEMORY_PRESSURE], "full", on_trigger,
		      memory);
}

void memory_close(struct memory *memory)
{
	psi_close(&memory->psi);
}
