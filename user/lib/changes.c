/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor that tells of changes and outlives the daemon: an epoll(7) instance, readable when
 * one of the two in it is. A watcher's connection, whose lines only ring (what they say
 * is in the page); and a timer, for the page's end and for the next attempt to connect.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/internal.h"

#define LATE_NS	   (20 * 1000 * 1000) /* the coarse clock is up to 10 ms behind the timer's */
#define LONGEST_NS (15 * LIB_SECOND_NS)
#define RECEIVES   64 /* then the caller has its turn; what is left rings again */

static int add(int epoll, int descriptor)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) ? -errno : 0;
}

static void disconnect(struct spoolgate *client, int64_t now)
{
	if (client->changes.stream >= 0)
		close(client->changes.stream);
	client->changes.stream = -1;
	client->changes.retry_ns = now + LIB_SECOND_NS;
}

static void connect_anew(struct spoolgate *client, int64_t now)
{
	static const char request[] = "page\nwatch\n";
	int stream = lib_connect(&client->address, 0);

	client->changes.stream = stream;
	if (stream < 0 || lib_send(stream, request, sizeof(request) - 1, 0) ||
	    add(client->changes.epoll, stream))
		disconnect(client, now);
}

/* Take the lines, for their ringing only, and the page. Returns whether there were any. */
static bool hear(struct spoolgate *client, int64_t now)
{
	char buffer[4096];
	bool heard = false;

	for (int i = 0; i < RECEIVES; i++) {
		int descriptor;
		ssize_t got =
			lib_receive(client->changes.stream, buffer, sizeof(buffer), &descriptor, 0);

		if (descriptor >= 0)
			(void)lib_page_take(client, descriptor);
		if (got == -EAGAIN)
			break;
		if (got <= 0) {
			disconnect(client, now);
			break;
		}
		heard = true;
	}
	return heard;
}

static int64_t page_end(const struct admission_page *page, int64_t now)
{
	int64_t end_ns = __atomic_load_n(&page->valid_until_ns, __ATOMIC_RELAXED);

	return end_ns < now ? now : end_ns > now + LONGEST_NS ? now + LONGEST_NS : end_ns;
}

/*
 * A page that is renewed in time moves its end, which costs one look at it in 15 s. What it says
 * now need not be what it said a moment ago.
 */
static void set_timer(struct spoolgate *client, bool known, int64_t now)
{
	int64_t due_ns = now + LIB_SECOND_NS;
	struct itimerspec timer = { 0 };
	uint64_t expired;

	if (client->changes.stream < 0)
		due_ns = client->changes.retry_ns;
	else if (known)
		due_ns = page_end(client->page, now) + LATE_NS;
	timer.it_value.tv_sec = due_ns / LIB_SECOND_NS;
	timer.it_value.tv_nsec = due_ns % LIB_SECOND_NS;
	(void)!read(client->changes.timer, &expired, sizeof(expired));
	timerfd_settime(client->changes.timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

static bool look(struct spoolgate *client)
{
	struct lib_snapshot snapshot;
	int64_t now = lib_now();
	bool heard = false, changed;

	if (client->changes.stream < 0 && now >= client->changes.retry_ns)
		connect_anew(client, now);
	if (client->changes.stream >= 0)
		heard = hear(client, now);
	lib_page_snapshot(client->page, &snapshot);
	set_timer(client, snapshot.known, now);
	changed = memcmp(&snapshot, &client->changes.told, sizeof(snapshot));
	client->changes.told = snapshot;
	/* Without a page, lines are all there is to go by. */
	return changed || (heard && !snapshot.known);
}

/* To be called with the lock. */
static int open_once(struct spoolgate *client)
{
	int ret;

	if (client->shared->changes_owner != getpid()) /* we were forked: those are our parent's */
		lib_changes_close(client);
	if (client->changes.epoll >= 0)
		return 0;
	client->shared->changes_owner = getpid();
	client->changes.epoll = epoll_create1(EPOLL_CLOEXEC);
	ret = client->changes.epoll < 0 ? -errno : 0;
	if (!ret) {
		client->changes.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
		ret = client->changes.timer < 0 ? -errno
						: add(client->changes.epoll, client->changes.timer);
	}
	if (ret) {
		lib_changes_close(client);
		return ret;
	}
	/* Nothing is told yet; what the daemon says first rings, as every change does. */
	connect_anew(client, lib_now());
	set_timer(client, false, lib_now());
	return 0;
}

LIB_PUBLIC int spoolgate_fd(struct spoolgate *client)
{
	int ret;

	pthread_mutex_lock(&client->shared->changes_lock);
	ret = open_once(client);
	if (!ret)
		ret = client->changes.epoll;
	pthread_mutex_unlock(&client->shared->changes_lock);
	return ret;
}

LIB_PUBLIC int spoolgate_changed(struct spoolgate *client)
{
	int ret;

	pthread_mutex_lock(&client->shared->changes_lock);
	ret = open_once(client);
	if (!ret)
		ret = look(client);
	pthread_mutex_unlock(&client->shared->changes_lock);
	return ret;
}

void lib_changes_close(struct spoolgate *client)
{
	int *const descriptors[] = { &client->changes.stream, &client->changes.timer,
				     &client->changes.epoll };

	for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
		if (*descriptors[i] >= 0)
			close(*descriptors[i]);
		*descriptors[i] = -1;
	}
}
