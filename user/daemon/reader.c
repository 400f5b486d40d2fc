/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the configuration again, in a process of its own. */
#include "daemon/reader.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/answers.h"

#define LATE_S 5

/* In memory that is handed over: a configuration is larger than a message may be. */
static int put(const struct reading *reading)
{
	int fd = memfd_create("configuration", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, reading, sizeof(*reading)) == sizeof(*reading))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void run(const struct child *child)
{
	const struct reader *reader = child->data;
	struct reading *reading = calloc(1, sizeof(*reading));
	int fd;

	if (!reading)
		return;
	reading->error =
		config_read(&reading->config, reader->file, reading->text, sizeof(reading->text));
	if (!reading->error)
		reading->admin = answers_admin(&reading->config);
	fd = put(reading);
	if (fd >= 0)
		(void)!send_with(child->fd, "", 1, 0, &fd, 1);
}

static void tell(struct reader *reader, const struct reading *reading)
{
	event_del(reader->deadline);
	reader->child.late = false;
	reader->told(reader->context, reading);
}

/* False when nothing has come. */
static bool take(struct reader *reader)
{
	int fds[CHILD_FDS];
	unsigned int count;
	struct reading *reading;
	char byte;

	if (receive_with(reader->child.fd, &byte, 1, MSG_DONTWAIT, fds, &count) <= 0 || count != 1)
		return false;
	reading = malloc(sizeof(*reading));
	if (reading && pread(fds[0], reading, sizeof(*reading), 0) != sizeof(*reading)) {
		free(reading);
		reading = NULL;
	}
	close(fds[0]);
	tell(reader, reading);
	free(reading);
	return true;
}

static void on_answer(evutil_socket_t fd, short events, void *argument)
{
	struct reader *reader = argument;

	(void)fd;
	(void)events;
	if (!take(reader) && reader->child.all->failed)
		event_del(reader->event);
}

static void on_late(evutil_socket_t fd, short events, void *argument)
{
	struct reader *reader = argument;

	(void)fd;
	(void)events;
	reader->child.late = true;
	reader->late(reader->context);
}

/* What it has said before its end may not have been heard yet. */
static void on_end(void *context)
{
	struct reader *reader = context;

	if (!take(reader) &&
	    (reader->child.late || event_pending(reader->deadline, EV_TIMEOUT, NULL)))
		tell(reader, NULL);
}

void reader_child(struct reader *reader, int (*shed)(const char *user), const char *user)
{
	reader->child = (struct child){
		.name = "reader",
		.process = "spoolgate-read",
		.loss = "the configuration that is in force stays",
		.shed = shed,
		.user = user,
		.run = run,
		.data = reader,
		.once = true,
		.changed = on_end,
		.context = reader,
	};
}

int reader_attach(struct reader *reader, struct event_base *base)
{
	reader->event = event_new(base, reader->child.fd, EV_READ | EV_PERSIST, on_answer, reader);
	reader->deadline = evtimer_new(base, on_late, reader);
	return reader->event && reader->deadline && !event_add(reader->event, NULL) ? 0 : -ENOMEM;
}

int reader_ask(struct reader *reader)
{
	const struct timeval late = { .tv_sec = LATE_S };
	int error;

	if (reader->child.wanted)
		return -EBUSY;
	error = child_start(&reader->child, NULL, 0);
	if (!error)
		evtimer_add(reader->deadline, &late);
	else
		reader->child.wanted = false;
	return error;
}

void reader_stop(struct reader *reader)
{
	if (reader->event)
		event_free(reader->event);
	if (reader->deadline)
		event_free(reader->deadline);
}
