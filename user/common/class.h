/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings: the one rule that all protocols go by. Pure. */
#ifndef COMMON_CLASS_H
#define COMMON_CLASS_H

#include <stdbool.h>

#include "common/network.h"
#include "common/words.h"

/*
 * The class of a client, with COUNT networks that are INTERNAL and ADDRESS as address_take() makes
 * it:
 *
 * - who has logged in is a user, wherever from: submission;
 * - who is in an internal network is internal;
 * - a program on this host that speaks by a pipe or a unix socket (ADDRESS_LOCAL) has no address:
 *   as internal as the loopback networks, by which it could come as well, and with neither of them
 *   internal it is a local user's: submission. What comes by 127.0.0.1 may be a proxy's, a pipe
 *   never is;
 * - everyone else is a stranger, and so is a client of which the mail server knows no address (NULL,
 *   ""): a proxy hands on such ones.
 */
enum class class_of(const struct config_network *internal, unsigned int count, bool authenticated,
		    const char *address);

#endif
