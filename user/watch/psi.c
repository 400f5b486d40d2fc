/* SPDX-License-Identifier: GPL-2.0-only */
/* Pressure stall information. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch/kernel.h"
#include "watch/priority.h"
#include "watch/proc.h"
#include "watch/psi.h"

/*
 * 150 ms of standing still in 2 s. Without CAP_SYS_RESOURCE the kernel takes windows of
 * multiples of 2 s only, so that is what everyone gets.
 */
#define TRIGGER "150000 2000000"

static void on_trigger(evutil_socket_t fd, short events, void *argument)
{
	struct psi *psi = argument;

	(void)events;
	priority_take((int)fd);
	psi->ring(psi->context);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void set_trigger(struct psi *psi, struct event_base *base, const char *file)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%s %s", psi->line, TRIGGER) + 1;

	psi->trigger_fd = open(file, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (psi->trigger_fd >= 0 && write(psi->trigger_fd, text, (size_t)length) == length)
		psi->epoll_fd = priority_open(psi->trigger_fd);
	if (psi->epoll_fd >= 0)
		psi->event = event_new(base, psi->epoll_fd, EV_READ | EV_PERSIST, on_trigger, psi);
	if (psi->event && !event_add(psi->event, NULL))
		return;
	if (psi->event)
		event_free(psi->event);
	psi->event = NULL;
	close_fd(&psi->epoll_fd);
	close_fd(&psi->trigger_fd);
}

void psi_open(struct psi *psi, struct event_base *base, const char *file, const char *line,
	      void (*ring)(void *context), void *context)
{
	memset(psi, 0, sizeof(*psi));
	psi->trigger_fd = psi->epoll_fd = -1;
	psi->share = -1;
	psi->line = line;
	psi->ring = ring;
	psi->context = context;
	psi->fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (psi_total_ns(psi->fd, psi->line) < 0)
		close_fd(&psi->fd);
	if (psi->fd >= 0 && ring)
		set_trigger(psi, base, file);
}

void psi_open_host(struct psi *psi, struct event_base *base, struct proc_file *file,
		   const char *line, void (*ring)(void *context), void *context)
{
	psi_open(psi, base, file->foreign ? "" : file->path, line, ring, context);
	psi->file = file->foreign ? file : NULL;
}

void psi_close(struct psi *psi)
{
	if (psi->event)
		event_free(psi->event);
	psi->event = NULL;
	close_fd(&psi->epoll_fd);
	close_fd(&psi->trigger_fd);
	close_fd(&psi->fd);
}

bool psi_is_there(const struct psi *psi)
{
	return psi->fd >= 0 || psi->file;
}

/* -EAGAIN: what it was last counts. */
static int64_t read_total_ns(const struct psi *psi, int64_t now_ns)
{
	char text[KEYED_BYTES];
	int error;

	if (!psi->file)
		return psi_total_ns(psi->fd, psi->line);
	error = proc_read(psi->file, now_ns, text);
	return error ? error : psi_total_of(text, psi->line);
}

int64_t psi_share(struct psi *psi, int64_t now_ns)
{
	int64_t total_ns = read_total_ns(psi, now_ns);

	if (total_ns >= 0)
		psi->share = window_add(&psi->window, total_ns, now_ns);
	else if (total_ns != -EAGAIN)
		psi->share = -1;
	return psi->share;
}

const char *psi_backend(const struct psi *psi)
{
	return psi->trigger_fd >= 0 ? "psi-trigger" : KERNEL_POLL;
}
