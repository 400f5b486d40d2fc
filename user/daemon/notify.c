/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service manager, by its protocol: a datagram of lines to $NOTIFY_SOCKET. sd_notify(3) waits
 * for a manager that does not read as soon as there are ten of them in its queue, and with it the
 * loop.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/units.h"
#include "daemon/notify.h"

#define AGAIN_S 1 /* between two attempts */

static struct {
	int fd; /* -1: there is no manager */
	struct sockaddr_un address;
	socklen_t length;
	struct event *alive, *again;
	char status[320];
	int64_t reloading_us; /* what it does not know yet; 0: nothing */
	bool ready, stopping, news;
	bool deaf; /* it does not read, and the log has it */
} manager = { .fd = -1 };

static bool put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool put(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return sendto(manager.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&manager.address, manager.length) >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS && errno != EINTR);
}

/* In the order in which it must hear of them. Any of them tells that we are alive. */
static bool put_all(void)
{
	if (manager.reloading_us &&
	    !put("RELOADING=1\nMONOTONIC_USEC=%lld\nWATCHDOG=1", (long long)manager.reloading_us))
		return false;
	manager.reloading_us = 0;
	if (manager.news &&
	    !put("%sSTATUS=%s\nWATCHDOG=1", manager.ready ? "READY=1\n" : "", manager.status))
		return false;
	manager.ready = manager.news = false;
	if (manager.stopping && !put("STOPPING=1"))
		return false;
	manager.stopping = false;
	return true;
}

static void send_all(void)
{
	const struct timeval wait = { .tv_sec = AGAIN_S };

	if (manager.fd < 0)
		return;
	if (!put_all()) {
		if (!manager.deaf)
			log_warning("the service manager does not read what it is told: what it "
				    "shows of us is old; all else goes on");
		manager.deaf = true;
		evtimer_add(manager.again, &wait);
	} else if (manager.deaf) {
		log_notice("the service manager reads again");
		manager.deaf = false;
	}
}

static void on_again(evutil_socket_t fd, short events, void *argument)
{
	(void)fd;
	(void)events;
	(void)argument;
	send_all();
}

/* One that does not come through is followed by the next. */
static void on_alive(evutil_socket_t fd, short events, void *argument)
{
	(void)fd;
	(void)events;
	(void)argument;
	(void)put("WATCHDOG=1");
}

static bool find_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= sizeof(manager.address.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return false;
	manager.address.sun_family = AF_UNIX;
	memcpy(manager.address.sun_path, path, length);
	if (path[0] == '@') /* its name begins with a NUL, and has none at its end */
		manager.address.sun_path[0] = '\0';
	manager.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return true;
}

/* Half the time that it would wait. */
static void feed_watchdog(void)
{
	const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long us = text ? atoll(text) / 2 : 0;
	struct timeval interval = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };

	if (us > 0 && (!pid || atoll(pid) == getpid()))
		event_add(manager.alive, &interval);
}

int notify_start(struct event_base *base)
{
	if (!find_manager())
		return 0;
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager.fd < 0)
		return -errno;
	manager.alive = event_new(base, -1, EV_PERSIST, on_alive, NULL);
	manager.again = evtimer_new(base, on_again, NULL);
	return manager.alive && manager.again ? 0 : -ENOMEM;
}

static void tell(const char *status, bool ready)
{
	snprintf(manager.status, sizeof(manager.status), "%s", status);
	manager.news = true;
	manager.ready |= ready;
	send_all();
}

void notify_ready(const char *status)
{
	if (manager.fd >= 0 && !event_pending(manager.alive, EV_TIMEOUT, NULL))
		feed_watchdog();
	tell(status, true);
}

void notify_status(const char *status)
{
	tell(status, false);
}

void notify_reloading(int64_t now)
{
	manager.reloading_us = now / 1000;
	send_all();
}

void notify_stopping(void)
{
	manager.stopping = true;
	send_all();
}

void notify_stop(void)
{
	if (manager.alive)
		event_free(manager.alive);
	if (manager.again)
		event_free(manager.again);
	manager.alive = manager.again = NULL;
	if (manager.fd >= 0)
		close(manager.fd);
	manager.fd = -1;
}
