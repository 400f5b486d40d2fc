/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends a milter whose socket nobody finds any more, so that it is started again. */
#ifndef MTA_MILTER_TEND_H
#define MTA_MILTER_TEND_H

#include <stdbool.h>

#include "mta/milter_socket.h"

/*
 * Look from time to time, in a thread of its own. SOCKET is there for good. Returns a descriptor
 * that is readable once it is time to end, or -1: there is nothing to look after.
 */
int milter_tend_start(const struct milter_socket *socket);

/* The socket is the reason for the end. */
bool milter_tend_ended(void);

#endif
