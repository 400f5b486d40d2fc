/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that is watched, together. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "watch/priority.h"
#include "watch/watch_internal.h"

/* memory_sample() ends with the judgement, so it comes last. */
static void sample_host(struct watch *watch)
{
	io_sample(&watch->io);
	cgroup_watch_sample(&watch->cgroup);
	memory_sample(&watch->memory);
}

/* Nothing would ring. A kill may take its cgroup with it: it has to be seen before that. */
static bool host_polled(const struct watch *watch)
{
	return !kernel_attached(watch->set.kernel, SIGNAL_RECLAIM) ||
	       (*watch->cgroup.path && !kernel_attached(watch->set.kernel, SIGNAL_OOM_KILLS));
}

static bool host_hurried(const struct watch *watch, int64_t now)
{
	return host_polled(watch) || memory_hurried(&watch->memory, now) ||
	       cgroup_watch_hurried(&watch->cgroup, now);
}

static bool hurried(const struct watch *watch)
{
	unsigned int i;

	if (watch->sink.pressed(watch->sink.context))
		return true;
	for (i = 0; i < watch->set.count; i++)
		if (filesystem_polled(&watch->filesystems[i]) || watch->filesystems[i].late ||
		    writable_is_late(&watch->filesystems[i]))
			return true;
	return host_hurried(watch, monotonic_ns());
}

/* One timer for all: what is not urgent waits for the safety look, so that idle means idle. */
void watch_set_tick(struct watch *watch)
{
	int64_t due_ns = watch->safety_ns + WATCH_SAFETY_NS;
	struct timeval delay;

	if (!watch->settled)
		return;
	if (due_ns > watch->tick_ns + WATCH_POLL_NS && hurried(watch))
		due_ns = watch->tick_ns + WATCH_POLL_NS;
	due_ns -= monotonic_ns();
	if (due_ns < NS_PER_MS)
		due_ns = NS_PER_MS;
	delay.tv_sec = due_ns / NS_PER_S;
	delay.tv_usec = due_ns % NS_PER_S / 1000;
	evtimer_add(watch->tick_event, &delay);
}

static void on_ring(void *context, const struct ledger_ring *ring)
{
	struct watch *watch = context;

	watch->rings++;
	if ((ring->bell == BELL_LOOK || ring->bell == BELL_ERROR) && ring->slot < watch->set.count)
		filesystem_look_all(&watch->filesystems[ring->slot]);
	if (ring->bell == BELL_ERROR && ring->slot < watch->set.count)
		writable_suspect(&watch->filesystems[ring->slot]);
	if (ring->bell == BELL_OOM)
		cgroup_watch_ring(&watch->cgroup);
	if (ring->bell == BELL_STALL || ring->bell == BELL_OOM)
		memory_ring(&watch->memory);
}

static void on_bell(evutil_socket_t fd, short events, void *argument)
{
	struct watch *watch = argument;

	(void)fd;
	(void)events;
	kernel_bell_read(watch->set.kernel, on_ring, watch);
	watch_set_tick(watch);
}

/* A memory trigger fired: what was not urgent a moment ago is. */
static void on_hurry(void *argument)
{
	watch_set_tick(argument);
}

static void on_tick(evutil_socket_t fd, short events, void *argument)
{
	struct watch *watch = argument;
	int64_t now = monotonic_ns();
	bool safety = now - watch->safety_ns >= WATCH_SAFETY_NS - NS_PER_MS;
	bool pressed = watch->sink.pressed(watch->sink.context);
	unsigned int i;

	(void)fd;
	(void)events;
	watch->tick_ns = now;
	if (safety)
		watch->safety_ns = now;
	loader_reap(&watch->loader);
	if (safety && watch->set.kernel)
		writers_snapshot(&watch->writers, kernel_ledger(watch->set.kernel)->writers, now);
	for (i = 0; i < watch->set.count; i++)
		filesystem_tick(&watch->filesystems[i], safety, pressed);
	queues_tick(&watch->queues, pressed);
	if (safety || pressed || host_hurried(watch, now))
		sample_host(watch);
	watch_set_tick(watch);
}

void watch_sample(struct watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->set.count; i++)
		filesystem_look(&watch->filesystems[i]);
	sample_host(watch);
	watch_set_tick(watch);
}

int64_t watch_written(struct watch *watch, int64_t now)
{
	return written_bytes(&watch->written, &watch->set, now);
}

void watch_look_mail(struct watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->set.count; i++)
		if (config_takes_mail(watch->set.config, i))
			filesystem_look(&watch->filesystems[i]);
}

static void add_filesystems(struct watch *watch)
{
	unsigned int i;

	for (i = 0; i < watch->set.count; i++)
		filesystem_add(&watch->filesystems[i]);
}

static void take_reply(struct watch *watch, const struct scout_reply *reply)
{
	if (reply->operation == SCOUT_HELLO) {
		watch->scout_starts++;
		add_filesystems(watch);
		queues_add(&watch->queues);
		procs_add(&watch->procs);
		unwatched_find(&watch->unwatched, true);
	} else if (reply->slot >= SCOUT_SPOOLS) {
		unwatched_reply(&watch->unwatched, reply);
	} else if (reply->slot >= SCOUT_FILES) {
		if (procs_reply(&watch->procs, reply))
			sample_host(watch);
	} else if (reply->slot >= SCOUT_QUEUES) {
		queues_reply(&watch->queues, reply);
	} else if (reply->slot >= watch->set.count) {
		return; /* of a slot that a reload took away */
	} else if (reply->operation == SCOUT_READY || reply->operation == SCOUT_CANARY) {
		canary_reply(&watch->filesystems[reply->slot], reply);
	} else if (reply->operation == SCOUT_WRITE || reply->operation == SCOUT_WRITE_MAIL) {
		writable_reply(&watch->filesystems[reply->slot], reply);
	} else {
		filesystem_reply(&watch->filesystems[reply->slot], reply);
		unwatched_tell(&watch->unwatched);
	}
}

static void on_scout(evutil_socket_t fd, short events, void *argument)
{
	struct watch *watch = argument;
	struct scout_reply reply;
	int error;

	(void)fd;
	(void)events;
	while (!(error = scout_receive(&watch->set.scout, &reply)))
		take_reply(watch, &reply);
	watch_set_tick(watch); /* what came in may have made it urgent, or no longer */
	if (error != -EAGAIN)
		event_del(watch->scout_event); /* its keeper is gone, and so are we */
}

static void on_mounts(evutil_socket_t fd, short events, void *argument)
{
	struct watch *watch = argument;
	unsigned int i;

	(void)events;
	priority_take((int)fd);
	procs_mounted(&watch->procs);
	for (i = 0; i < watch->set.count; i++)
		filesystem_look(&watch->filesystems[i]);
	watch->sink.mounts(watch->sink.context);
}

/* Without it a mount is noticed by the next safety look. */
static void watch_mounts(struct watch *watch)
{
	watch->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (watch->mounts_fd < 0)
		return;
	watch->mounts_epoll_fd = priority_open(watch->mounts_fd);
	if (watch->mounts_epoll_fd < 0)
		return;
	watch->mounts_event = event_new(watch->set.base, watch->mounts_epoll_fd,
					EV_READ | EV_PERSIST, on_mounts, watch);
	if (watch->mounts_event)
		event_add(watch->mounts_event, NULL);
}

static int make_events(struct watch *watch)
{
	struct event_base *base = watch->set.base;

	watch->scout_event =
		event_new(base, watch->set.scout.child->fd, EV_READ | EV_PERSIST, on_scout, watch);
	watch->tick_event = evtimer_new(base, on_tick, watch);
	if (!watch->scout_event || !watch->tick_event)
		return -ENOMEM;
	event_add(watch->scout_event, NULL);
	if (!watch->set.kernel)
		return 0;
	watch->bell_event = event_new(base, kernel_bell_fd(watch->set.kernel), EV_READ | EV_PERSIST,
				      on_bell, watch);
	if (!watch->bell_event)
		return -ENOMEM;
	event_add(watch->bell_event, NULL);
	return 0;
}

static int open_filesystems(struct watch *watch, const struct config *config)
{
	unsigned int i;
	int error = 0;

	watch->set.count = config->filesystem_count;
	for (i = 0; !error && i < watch->set.count; i++)
		error = filesystem_open(&watch->filesystems[i], &watch->set, i);
	return error;
}

int watch_start(struct watch **result, struct event_base *base, const struct scout *scout,
		const struct config *config, const struct watch_sink *sink)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return -ENOMEM;
	watch->sink = *sink;
	watch->mounts_fd = watch->mounts_epoll_fd = -1;
	watch->set.base = base;
	watch->set.config = config;
	watch->set.scout = *scout;
	watch->set.sink = &watch->sink;
	watch->set.filesystems = watch->filesystems;
	watch->set.cpus = (unsigned int)sysconf(_SC_NPROCESSORS_CONF);
	watch->set.page_bytes = (unsigned int)sysconf(_SC_PAGESIZE);
	programs_open(watch);
	procs_open(&watch->procs, &watch->set.scout);
	memory_open(&watch->memory, base, watch->set.kernel, &watch->procs, &watch->sink, on_hurry,
		    watch);
	io_open(&watch->io, base, &watch->procs, &watch->sink);
	cgroup_watch_open(&watch->cgroup, base, watch->set.kernel, &watch->sink, on_hurry, watch);
	cgroup_watch_path(&watch->cgroup, config->memory_cgroup.path);
	error = open_filesystems(watch, config);
	queues_open(&watch->queues, &watch->set);
	unwatched_open(&watch->unwatched, &watch->set);
	if (!error)
		error = make_events(watch);
	if (error) {
		watch_stop(watch);
		return error;
	}
	watch_mounts(watch);
	cgroup_paths_init(&watch->cgroup_paths);
	sample_host(watch);
	*result = watch;
	return 0;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

void watch_stop(struct watch *watch)
{
	unsigned int i;

	if (!watch)
		return;
	for (i = 0; i < watch->set.count; i++)
		filesystem_close(&watch->filesystems[i]);
	free_event(watch->bell_event);
	free_event(watch->scout_event);
	free_event(watch->tick_event);
	free_event(watch->mounts_event);
	if (watch->mounts_epoll_fd >= 0)
		close(watch->mounts_epoll_fd);
	if (watch->mounts_fd >= 0)
		close(watch->mounts_fd);
	io_close(&watch->io);
	cgroup_watch_close(&watch->cgroup);
	memory_close(&watch->memory);
	procs_close(&watch->procs);
	programs_close(watch);
	free(watch);
}

static bool same_filesystems(const struct config *a, const struct config *b)
{
	unsigned int i;

	for (i = 0; i < a->filesystem_count && i < b->filesystem_count; i++)
		if (strcmp(a->filesystems[i].path, b->filesystems[i].path) != 0)
			return false;
	return a->filesystem_count == b->filesystem_count;
}

/* Slots are handed out anew; the last error goes with its path. */
static void replace_filesystems(struct watch *watch, const struct config *before,
				const struct config *after)
{
	int64_t errors_ns[CONFIG_FILESYSTEMS];
	unsigned int i, j;

	for (j = 0; j < before->filesystem_count; j++)
		errors_ns[j] =
			filesystem_error_ns(&watch->filesystems[watch->filesystems[j].primary]);
	for (j = 0; j < before->filesystem_count; j++)
		filesystem_close(&watch->filesystems[j]);
	if (open_filesystems(watch, after))
		log_error("reload: %s", strerror(ENOMEM));
	for (i = 0; i < after->filesystem_count; i++)
		for (j = 0; j < before->filesystem_count; j++)
			if (!strcmp(after->filesystems[i].path, before->filesystems[j].path))
				watch->filesystems[i].error_ns = errors_ns[j];
}

void watch_reload(struct watch *watch, const struct config *config)
{
	const struct config *before = watch->set.config;
	unsigned int i;

	watch->set.config = config;
	queues_reload(&watch->queues, before);
	cgroup_watch_path(&watch->cgroup, config->memory_cgroup.path);
	for (i = 0; i < watch->set.count; i++)
		writable_forget_owner(&watch->filesystems[i]);
	unwatched_find(&watch->unwatched, false);
	if (same_filesystems(before, config)) {
		watch_sample(watch);
		return;
	}
	replace_filesystems(watch, before, config);
	for (i = 0; watch->set.kernel && i < LEDGER_FILESYSTEMS; i++) {
		kernel_orders(watch->set.kernel)->devices[i] = 0;
		kernel_orders(watch->set.kernel)->look_marks[i] = 0;
		kernel_orders(watch->set.kernel)->brake_marks[i] = 0;
		kernel_orders(watch->set.kernel)->canary_tid[i] = 0;
	}
	add_filesystems(watch);
	sample_host(watch);
}
