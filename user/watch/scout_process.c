/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scout's side: a thread for each slot, so that one hung filesystem leaves the others
 * visible. The main thread only hands requests over.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "watch/scout.h"
#include "watch/scout_confine.h"
#include "watch/write_probe.h"

#define STACK_BYTES (128 * 1024)

/*
 * A thread that hangs in the kernel cannot be ended, only left behind when its slot gets
 * another path. So many at most, left behind or not.
 */
#define THREADS 128

struct slot {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	bool waiting; /* a request waits to be taken */
	bool retired; /* another thread has the slot now: end */
	int fd;
	atomic_uint *threads;
	struct tree *tree; /* of a queue; its thread's own */
	struct scout_request request;
};

/* Each slot has a thread for looks or counts; a filesystem's has one for canaries, too. */
struct slots {
	int fd;
	atomic_uint threads;
	struct slot *looks[SCOUT_SLOTS];
	struct slot *canaries[SCOUT_SLOTS];
};

static void look(const struct scout_request *request, struct scout_reply *reply)
{
	/* A new path too: one that hangs must not pass for one that was just looked at. */
	if (request->operation == SCOUT_TOUCH || request->operation == SCOUT_ADD)
		write_probe(request->path, &request->as, WRITE_PROBE_PAGE, false, &reply->write);
	if (request->operation == SCOUT_CANARY)
		write_probe_canary(request->path, &request->as, &reply->write);
	else if (request->operation == SCOUT_WRITE || request->operation == SCOUT_WRITE_MAIL)
		write_probe(request->path, &request->as,
			    request->operation == SCOUT_WRITE ? WRITE_PROBE_PAGE : WRITE_PROBE_MAIL,
			    true, &reply->write);
	else if (request->operation != SCOUT_READY)
		reply->error = look_at(request->path, request->device, &reply->look);
}

static void count(struct slot *slot, const struct scout_request *request, struct scout_reply *reply)
{
	int64_t budget_ns = request->operation == SCOUT_ADD ? TREE_UNBOUNDED : SCOUT_COUNT_NS;

	/* This thread alone: a count can wait for all else. */
	setpriority(PRIO_PROCESS, 0, 10);
	if (!slot->tree)
		slot->tree = tree_new(request->path);
	reply->error = slot->tree ? tree_count(slot->tree, budget_ns, &reply->count) : -ENOMEM;
}

/* Opened anew each time: what is there may have been mounted since. */
static void read_file(const struct scout_request *request, struct scout_reply *reply)
{
	int fd = open(request->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		reply->error = -errno;
		return;
	}
	errno = ENODATA; /* it is empty */
	if (keyed_read(fd, reply->text))
		reply->length = (uint32_t)strlen(reply->text);
	else
		reply->error = -errno;
	close(fd);
}

/* The text is left as it is: 16 KiB, and only a file's reply has any. */
static void begin_reply(struct scout_reply *reply, const struct scout_request *request)
{
	memset(reply, 0, offsetof(struct scout_reply, text));
	reply->operation = request->operation;
	reply->slot = request->slot;
	reply->serial = request->serial;
}

static ssize_t send_reply(int fd, const struct scout_reply *reply)
{
	return send(fd, reply, offsetof(struct scout_reply, text) + reply->length, MSG_NOSIGNAL);
}

static void answer(struct slot *slot, const struct scout_request *request)
{
	struct scout_reply reply;

	begin_reply(&reply, request);
	reply.tid = (uint32_t)syscall(SYS_gettid);
	if (request->slot < SCOUT_QUEUES || request->slot >= SCOUT_SPOOLS)
		look(request, &reply);
	else if (request->slot < SCOUT_FILES)
		count(slot, request, &reply);
	else
		read_file(request, &reply);
	/* Blocks when the daemon is stopped: that is its own back pressure. */
	while (send_reply(slot->fd, &reply) < 0 && errno == EINTR)
		;
}

static void *serve_slot(void *argument)
{
	struct slot *slot = argument;
	struct scout_request request;

	prctl(PR_SET_NAME, "scout");
	for (;;) {
		pthread_mutex_lock(&slot->lock);
		while (!slot->waiting && !slot->retired)
			pthread_cond_wait(&slot->ready, &slot->lock);
		if (slot->retired) {
			pthread_mutex_unlock(&slot->lock);
			break;
		}
		request = slot->request;
		slot->waiting = false;
		pthread_mutex_unlock(&slot->lock);
		answer(slot, &request);
	}
	pthread_mutex_destroy(&slot->lock);
	pthread_cond_destroy(&slot->ready);
	atomic_fetch_sub(slot->threads, 1);
	tree_free(slot->tree);
	free(slot);
	return NULL;
}

static struct slot *start_slot(struct slots *slots)
{
	struct slot *slot;
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	if (atomic_load(&slots->threads) >= THREADS)
		return NULL;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->fd = slots->fd;
	slot->threads = &slots->threads;
	pthread_mutex_init(&slot->lock, NULL);
	pthread_cond_init(&slot->ready, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&slots->threads, 1);
	error = pthread_create(&thread, &attributes, serve_slot, slot);
	pthread_attr_destroy(&attributes);
	if (error) {
		atomic_fetch_sub(&slots->threads, 1);
		free(slot);
		return NULL;
	}
	return slot;
}

static void retire_slot(struct slot *slot)
{
	pthread_mutex_lock(&slot->lock);
	slot->retired = true;
	pthread_cond_signal(&slot->ready);
	pthread_mutex_unlock(&slot->lock);
}

static bool has_path(uint32_t operation)
{
	return operation == SCOUT_ADD || operation == SCOUT_FIND;
}

/* Give the request to its thread as OPERATION; the path stays until the next that has one. */
static void hand_over(struct slot *slot, const struct scout_request *request,
		      enum scout_operation operation)
{
	pthread_mutex_lock(&slot->lock);
	slot->request.operation = operation;
	slot->request.slot = request->slot;
	slot->request.serial = request->serial;
	slot->request.as = request->as;
	slot->request.device = request->device;
	if (has_path(request->operation))
		strcpy(slot->request.path, request->path);
	slot->waiting = true;
	pthread_cond_signal(&slot->ready);
	pthread_mutex_unlock(&slot->lock);
}

static void refuse(int fd, const struct scout_request *request, int error)
{
	struct scout_reply reply;

	begin_reply(&reply, request);
	reply.error = error;
	(void)!send_reply(fd, &reply);
}

/* Threads for a new path; those for the former one end as soon as they can. */
static void replace(struct slots *slots, struct slot **slot)
{
	if (*slot)
		retire_slot(*slot);
	*slot = start_slot(slots);
}

/* What waits for the disk has a thread of its own: looks go on meanwhile. */
static bool is_slow(uint32_t operation)
{
	return operation == SCOUT_CANARY || operation == SCOUT_WRITE ||
	       operation == SCOUT_WRITE_MAIL;
}

static void dispatch(struct slots *slots, const struct scout_request *request)
{
	struct slot **looks = &slots->looks[request->slot];
	struct slot **canaries = &slots->canaries[request->slot];
	struct slot *slot;

	if (has_path(request->operation)) {
		replace(slots, looks);
		if (request->slot < SCOUT_QUEUES)
			replace(slots, canaries);
		if (*canaries)
			hand_over(*canaries, request, SCOUT_READY);
	}
	slot = is_slow(request->operation) ? *canaries : *looks;
	if (slot)
		hand_over(slot, request, request->operation);
	else
		refuse(slots->fd, request, -ENFILE);
}

void scout_process(const struct child *child)
{
	const struct scout_request hello = { .operation = SCOUT_HELLO };
	int fd = child->fd;
	struct slots slots = { .fd = fd };
	struct scout_request request;
	ssize_t size;

	scout_confine();
	refuse(fd, &hello, 0);
	for (;;) {
		size = recv(fd, &request, sizeof(request), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return;
		request.path[sizeof(request.path) - 1] = '\0';
		if (size >= (ssize_t)offsetof(struct scout_request, path) &&
		    request.slot < SCOUT_SLOTS)
			dispatch(&slots, &request);
	}
}
