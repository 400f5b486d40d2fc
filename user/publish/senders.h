/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom the gates divert, by network, for the log. */
#ifndef PUBLISH_SENDERS_H
#define PUBLISH_SENDERS_H

#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

#define SENDERS_TOP  3
#define SENDERS_TEXT 256

/*
 * The networks with the most connections since BEFORE was taken of one gate's table NOW, the most
 * first: "192.0.2.0/24 (812), 2001:db8:5::/48 (7)"; "" when there are none. Returns BUF.
 */
char *senders_format(char buf[SENDERS_TEXT], const struct ledger_sender now[LEDGER_SENDERS],
		     const struct ledger_sender before[LEDGER_SENDERS]);

#endif
