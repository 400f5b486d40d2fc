/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's address as one number. Pure. */
#ifndef POLICY_ADDRESS_H
#define POLICY_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Is TEXT an IPv4 or IPv6 address? Not a name, not "unknown". */
bool address_is(const char *text);

/*
 * A hash of the client at ADDRESS, an IPv4 or IPv6 address in words: of all of an IPv4 address
 * (also as ::ffff:192.0.2.1), of the /64 of an IPv6 one, since who has one of its addresses has
 * all of them. Salted, so that nobody can choose addresses by their hash. Never 0; 0 when
 * ADDRESS is NULL or no address.
 */
uint64_t address_hash(const char *address, uint64_t salt);

#endif
