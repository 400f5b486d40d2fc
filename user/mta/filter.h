/* SPDX-License-Identifier: GPL-2.0-only */
/* filter-spoolgate between smtpd and the daemon: poll, read, ask, write. */
#ifndef MTA_FILTER_H
#define MTA_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "mta/asker.h"
#include "mta/filter_core.h"
#include "mta/filter_delays.h"
#include "mta/filter_lines.h"

#define FILTER_INPUT  4096
#define FILTER_OUTPUT (256 * 1024)

struct filter {
	int in, out; /* not blocking */
	struct asker asker;
	struct filter_core core;
	struct filter_delays delays;
	struct filter_lines lines;
	unsigned long strange_lines;
	char input[FILTER_INPUT];
	size_t output_used;
	char output[FILTER_OUTPUT];
};

/* Serve until the end of input. What smtpd does not read is kept, and then no more is read. */
void filter_run(struct filter *filter);

#endif
