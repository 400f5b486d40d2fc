/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgated: what watch, policy and publish are wired into. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "daemon/gates.h"
#include "daemon/reader.h"
#include "policy/admission.h"
#include "policy/flaw.h"
#include "policy/judge.h"
#include "policy/stuck.h"
#include "publish/filer.h"
#include "publish/listener.h"
#include "publish/page.h"
#include "publish/report.h"
#include "publish/state.h"
#include "watch/scout.h"
#include "watch/watch.h"

struct event;
struct event_base;

#define DAEMON_SIGNALS 3
#define ADMISSION_LINE (CONFIG_REPLY + 16)

struct daemon {
	struct config *config; /* replaced whole at a reload */
	const char *file;      /* to read it from; NULL for the embedded default */
	const char *socket;    /* from the command line, in place of the configured one; or NULL */
	struct event_base *base;
	struct children children;
	struct child logger, scouts, filers, placers;
	struct reader reader;
	struct scout scout;
	struct watch *watch;
	struct gates gates;
	struct report_gates gates_shown; /* of the last report */
	struct judge judge;
	struct admission asked; /* what the policy remembers of requests and closures */
	struct stuck stuck;
	uint64_t salt; /* secret; another for each closure */
	struct state *state;
	struct filer *filer; /* touches files for us, who hold BPF links */
	struct listeners *listeners;
	struct page *page;	      /* NULL: there is none here */
	struct event *deadline_event; /* when the policy may change by itself */
	struct event *signals[DAEMON_SIGNALS];
	char admission[CLASSES][ADMISSION_LINE]; /* made when something changes, not when asked */
	char defer[ADMISSION_LINE];		 /* for a client or a size that is refused */
	enum level said[JUDGE_RESOURCES];	 /* the level of each resource that the log has */
	enum flaw said_flaw[JUDGE_RESOURCES][LEVELS];
	enum level said_level; /* the host's */
	bool said_override;
	bool tending; /* all is open that is to be, and is looked after */
	bool stopping;
	bool reload_wanted; /* asked for while starting */
	uid_t admin;	    /* who may override beside root; 0 when nobody is named */
	struct listener_status listened[CONFIG_LISTENERS]; /* of the last report */
	struct watch_writer writers[REPORT_WRITERS];	   /* of the last report */
	uint64_t wakeups;
	uint64_t transitions;
	uint64_t refused_by_ramp;
	uint64_t refused_by_size;
	uint64_t said_by_size; /* of those, the ones the log has */
	int64_t said_size_ns;
};

/*
 * Run until a signal ends it. CONFIG is taken over (malloc'ed); FILE is NULL for the
 * embedded default, SOCKET NULL for the configured one. Returns an exit status.
 */
int daemon_run(struct config *config, const char *file, const char *socket);

/* Judge what has been observed, and tell everyone if anything changed. */
void daemon_judge(struct daemon *daemon);

/* The admission lines anew, for the level and configuration there are now. */
void daemon_admit(struct daemon *daemon);

/* What was written since this was asked last, taken off what is promised. */
void daemon_written(struct daemon *daemon, int64_t now);

/* The shared page anew, for what is judged and promised now (offer.c). */
void daemon_offer(struct daemon *daemon, int64_t now);

/* Are our sockets where they belong? Have that mended where they are not. */
void daemon_tend(struct daemon *daemon, enum tended_why why, int64_t now);

/* The writers of REPORT. Safe to call before anything is watched. */
void daemon_writers(struct daemon *daemon, struct report *report);

/* Fill REPORT with the daemon's state (report.c); it points into DAEMON. */
void daemon_report(struct daemon *daemon, struct report *report);

#endif
