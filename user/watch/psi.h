/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pressure stall information: how much of the time work stood still for want of a thing, and
 * a trigger that rings when it does.
 */
#ifndef WATCH_PSI_H
#define WATCH_PSI_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/window.h"

struct event;
struct event_base;
struct proc_file;

struct psi {
	int fd;		/* -1: there is no PSI here, or it is off */
	int trigger_fd; /* -1: no trigger could be set */
	int epoll_fd;
	struct proc_file *file; /* when it is not the kernel's own: then there is no trigger */
	const char *line;	/* "full" or "some" */
	int64_t share;		/* as it was told last; -1: never */
	struct event *event;
	struct window window;
	void (*ring)(void *context);
	void *context;
};

/*
 * Open the pressure FILE ("/proc/pressure/memory", a cgroup's memory.pressure) for its LINE
 * ("full" or "some"); RING is called when the trigger fires, and may be NULL for none.
 * Never fails: without PSI, psi_share() says so. The host's may be a container's (see proc.h).
 */
void psi_open(struct psi *psi, struct event_base *base, const char *file, const char *line,
	      void (*ring)(void *context), void *context);
void psi_open_host(struct psi *psi, struct event_base *base, struct proc_file *file,
		   const char *line, void (*ring)(void *context), void *context);
void psi_close(struct psi *psi);

/* There is PSI here, if not at this moment. */
bool psi_is_there(const struct psi *psi);

/* The share of the last ten seconds in ppm; -1 when PSI cannot tell. */
int64_t psi_share(struct psi *psi, int64_t now_ns);

/*
 * How long LINE of the pressure file at FD has stalled altogether, in ns (psi_total.c); -1 when FD
 * is -1 or cannot be read (psi=0 leaves the file there, unreadable).
 */
int64_t psi_total_ns(int fd, const char *line);

/* The same, of what such a file said. */
int64_t psi_total_of(const char *text, const char *line);

/* "psi-trigger" or "poll". */
const char *psi_backend(const struct psi *psi);

#endif
