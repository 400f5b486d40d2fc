/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate-milter between mail servers and the daemon. */
#ifndef MTA_MILTER_H
#define MTA_MILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "mta/asker.h"
#include "mta/milter_packet.h"
#include "mta/milter_socket.h"

struct event;
struct event_base;

struct milter {
	struct asker asker;
	struct milter_socket socket;
	unsigned int longest_delay_s; /* below what the mail server waits for an answer */
	struct event_base *base;
	int end_fd; /* readable when it is time to end; -1: signals alone end it */
	struct event *accept, *resume; /* accepts again */
	int64_t complained_ns;	       /* the last line on what failed; 0: there was none */
	unsigned long failed;	       /* since then */
	char packet[MILTER_PACKET + 1];
};

/* Answer whoever connects to MILTER's socket until SIGTERM, SIGINT or SIGHUP, or `end_fd`.
 * Returns 0 or -errno.
 */
int milter_run(struct milter *milter);

#endif
