/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the daemon knows, as JSON: the one-line status that the state socket,
 * `spoolgate status` and `spoolgate watch` share.
 */
#ifndef PUBLISH_REPORT_H
#define PUBLISH_REPORT_H

#include <stdint.h>

#include "common/child.h"
#include "policy/admission.h"
#include "policy/judge.h"
#include "ledger.h"
#include "publish/listener.h"

struct json_object;

/* A signal and where it comes from: {"writes", "tp_btf/writeback_dirty_folio"}. */
struct report_backend {
	const char *signal;
	const char *backend; /* a probe's name or "poll" */
};

struct report_counter {
	const char *name;
	uint64_t value;
};

/* Who writes to a watched filesystem; of each the most first. */
struct report_writer {
	const char *object; /* the filesystem's path, as a resource has it */
	const char *cgroup; /* its path; NULL: not known */
	const char *comm;
	int64_t bytes_per_s;
};

#define REPORT_WRITERS	(CONFIG_FILESYSTEMS * 5)
#define REPORT_REASON	768 /* bytes of report_reason(), its NUL included */
#define REPORT_BACKENDS 16
#define REPORT_COUNTERS 32

/* A gate, as it is now. */
struct report_gate {
	const struct config_gate *config;
	const char *state;		  /* open, closed, braked or off */
	char reason[REPORT_REASON];	  /* why; "" when there is nothing to say */
	int64_t lease_ns;		  /* what is left of it; 0: it is open without one */
	const struct orders_gate *orders; /* where its ports are */
	const struct ledger_gate *ledger;
	const struct pulse *pulse;
};

struct report_gates {
	unsigned int count;
	struct report_gate gates[CONFIG_GATES];
	uint64_t brakes; /* marks that braked, since the start */
	uint64_t responder_starts;
};

/* A view of the daemon's state for one report; nothing in it is owned. */
struct report {
	const struct config *config;
	const struct judge *judge;
	const struct admission *admission; /* NULL: nothing reopens */
	struct report_backend backends[REPORT_BACKENDS];
	unsigned int backend_count;
	struct report_counter counters[REPORT_COUNTERS];
	unsigned int counter_count;
	struct report_writer writers[REPORT_WRITERS];
	unsigned int writer_count;
	/* The path that the writers of each filesystem's are listed under; NULL: its own. */
	const char *primaries[CONFIG_FILESYSTEMS];
	const struct report_gates *gates; /* NULL: none is configured */
	const struct listener_status *listeners;
	unsigned int listener_count;
	const struct children *children; /* NULL: there are none */
};

/*
 * judge_reason() of RESOURCE, and who writes most where that is what fills it. Of REPORT only
 * the writers are read. Returns BUF.
 */
char *report_reason(char *buf, size_t size, const struct report *report,
		    const struct resource *resource, int64_t now);

/*
 * One line of JSON (DESIGN's status object) with its newline, malloc'ed; NULL without
 * memory. NOW is the monotonic time.
 */
char *report_json(const struct report *report, int64_t now);

/* TEXT as JSON, with U+FFFD for what is not UTF-8; NULL without memory. */
struct json_object *report_string(const char *text);

/* The status' member `gate` (report_gate.c); NULL without memory. */
struct json_object *report_gate(const struct report_gates *gates);

#endif
