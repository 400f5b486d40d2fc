/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates in the daemon: made at start, told at every judgement, shown in status and log. */
#ifndef DAEMON_GATES_H
#define DAEMON_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "policy/admission.h"
#include "policy/judge.h"
#include "publish/attacher.h"
#include "publish/gate.h"
#include "publish/report.h"
#include "responder/starter.h"
#include "watch/watch.h"

struct event;
struct event_base;

struct gates_gate {
	struct gate gate;
	bool prepared; /* it has its place */
	bool attached;
	bool comes;		/* its namespace may come, or be another one: the attacher sees */
	bool asked;		/* the attacher, who has not answered */
	bool lost;		/* its namespace is not at the path any more */
	int error;		/* why it is not attached */
	const char *said_state; /* that the log has */
	uint64_t said_diverted; /* the counters that the log has */
	uint64_t said_dropped;
	int64_t unsaid_since_ns; /* since when there are some that it has not; 0: none */
	struct ledger_sender said_senders[LEDGER_SENDERS];
};

struct gates {
	unsigned int count; /* configured at start; others want a restart */
	struct gates_gate gates[CONFIG_GATES];
	struct kernel *kernel;	     /* NULL: all is off */
	const struct config *config; /* in force; the daemon's */
	int program_fd;		     /* the responder's */
	struct starter starters[CONFIG_GATES];
	struct child responders[CONFIG_GATES], attacher_child, prober;
	struct attacher attacher;
	struct event *attacher_event;
	struct event_base *base;
	uint64_t said_brakes[LEDGER_PLACES];
	int64_t looked_ns; /* at the places */
	int64_t warn_ns;   /* when to warn of what start is too early for; 0: done */
	bool attached;	   /* one at least */
};

/* What each of its processes gives up. */
struct gates_sheds {
	int (*responder)(const char *user);
	int (*attacher)(const char *user);
	int (*prober)(const char *user);
};

/* Tell CHILDREN of all that it may want, before the keeper is started. */
void gates_children(struct gates *gates, struct children *children, const struct config *config,
		    const struct gates_sheds *sheds);

/*
 * Make places and pulses, and start responders. What cannot be had is a warning; that gate is off.
 */
void gates_prepare(struct gates *gates, const struct config *config);

/* Attach the programs to WATCH's memory, while there are privileges. */
void gates_attach(struct gates *gates, struct event_base *base, struct watch *watch,
		  const struct config *config);

/* CONFIG is another one: take its ports, leases and networks, and put back in it what stays. */
void gates_reload(struct gates *gates, const struct config *before, struct config *config);

/* Publish what was judged, renew the lease, and log what is to be. At every judgement, at the
 * latest with each safety look. */
void gates_publish(struct gates *gates, const struct config *config, const struct judge *judge,
		   const struct admission *admission, int64_t now);

/* REPORT borrows from GATES and CONFIG. */
void gates_report(const struct gates *gates, const struct config *config, const struct judge *judge,
		  int64_t now, struct report_gates *report);

void gates_close(struct gates *gates);

#endif
