/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings. Pure. */
#ifndef POLICY_CLASS_H
#define POLICY_CLASS_H

#include <stdbool.h>

#include "common/config.h"

/*
 * Is ADDRESS, an IPv4 or IPv6 address in words, in one of the internal networks? (::ffff:192.0.2.1
 * is 192.0.2.1.) NULL and what is no address are not.
 */
bool class_is_internal(const struct config *config, const char *address);

/*
 * The class of a client: who has logged in is a user, wherever from; who is in an internal
 * network is internal; everyone else, also who is not known, is a stranger.
 */
enum class class_of(const struct config *config, bool authenticated, const char *address);

#endif
