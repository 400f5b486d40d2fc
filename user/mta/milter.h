/* SPDX-License-Identifier: GPL-2.0-only */
/* The milter's part in a session: connect, and the answer at MAIL. */
#ifndef MTA_MILTER_H
#define MTA_MILTER_H

#include "mta/asker.h"
#include "mta/milter_socket.h"

struct milter {
	struct asker asker;
	struct milter_socket socket;
	unsigned int longest_delay_s; /* below what the mail server waits for an answer */
};

/*
 * Make ourselves known to libmilter, to answer as MILTER says, which has to stay. Returns 0, or
 * -EINVAL when libmilter does not like us.
 */
int milter_register(struct milter *milter);

#endif
