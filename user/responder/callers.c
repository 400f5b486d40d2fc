/* SPDX-License-Identifier: GPL-2.0-only */
/* The clients that have been answered. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "responder/callers.h"

int callers_init(struct callers *callers, unsigned int count)
{
	*callers = (struct callers){ .count = count };
	callers->places = calloc(count, sizeof(*callers->places));
	if (!callers->places)
		return -ENOMEM;
	for (unsigned int i = 0; i < count; i++)
		callers->places[i].fd = -1;
	return 0;
}

static void end(struct caller *caller)
{
	if (caller->fd >= 0)
		close(caller->fd);
	caller->fd = -1;
}

void callers_free(struct callers *callers)
{
	for (unsigned int i = 0; i < callers->count; i++)
		end(&callers->places[i]);
	free(callers->places);
}

static struct caller *place_of(struct callers *callers, uint64_t serial)
{
	return &callers->places[serial % callers->count];
}

static struct caller *find(struct callers *callers, uint64_t serial)
{
	struct caller *caller = place_of(callers, serial);

	return caller->fd >= 0 && caller->serial == serial ? caller : NULL;
}

/* The first who is still there; NULL when nobody is. */
static struct caller *find_oldest(struct callers *callers)
{
	if (callers->next - callers->oldest > callers->count)
		callers->oldest = callers->next - callers->count;
	for (; callers->oldest < callers->next; callers->oldest++)
		if (place_of(callers, callers->oldest)->fd >= 0)
			return place_of(callers, callers->oldest);
	return NULL;
}

void callers_read(struct callers *callers, uint64_t serial)
{
	struct caller *caller = find(callers, serial);
	ssize_t length;

	if (!caller)
		return; /* closed after the kernel had told of it */
	/* MSG_TRUNC: TCP throws the bytes away, without a copy. */
	length = recv(caller->fd, NULL, CALLERS_READ_BYTES, MSG_TRUNC | MSG_DONTWAIT);
	if (length > 0)
		caller->left_bytes -= length;
	if (!length || caller->left_bytes <= 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		end(caller);
}

/* Who is at his end already is not cut short. */
static void cut(struct callers *callers, struct caller *caller)
{
	callers_read(callers, caller->serial);
	callers->cut += caller->fd >= 0;
	end(caller);
}

uint64_t callers_add(struct callers *callers, int fd, int64_t now)
{
	struct caller *caller = place_of(callers, callers->next);

	if (caller->fd >= 0)
		cut(callers, caller);
	*caller = (struct caller){
		.serial = callers->next++,
		.until_ns = now + CALLERS_WAIT_NS,
		.left_bytes = CALLERS_READ_BYTES,
		.fd = fd,
	};
	return caller->serial;
}

int callers_remaining(struct callers *callers, int64_t now, uint64_t *serial)
{
	struct caller *caller;

	if (callers->next - callers->recent > callers->count)
		callers->recent = callers->next - callers->count;
	while (callers->recent < callers->next) {
		caller = find(callers, callers->recent);
		if (caller && now < caller->until_ns - CALLERS_WAIT_NS + CALLERS_MOMENT_NS)
			return -1;
		*serial = callers->recent++;
		callers_read(callers, *serial);
		if (find(callers, *serial))
			return caller->fd;
	}
	return -1;
}

void callers_expire(struct callers *callers, int64_t now)
{
	struct caller *caller;

	while ((caller = find_oldest(callers)) && now >= caller->until_ns)
		end(caller);
}

bool callers_cut(struct callers *callers)
{
	struct caller *caller = find_oldest(callers);

	if (!caller)
		return false;
	cut(callers, caller);
	return true;
}
