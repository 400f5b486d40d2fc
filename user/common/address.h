/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's address: as mail servers write it, and as one number. Pure. */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In place of an address: a program on this host that has none. */
#define ADDRESS_LOCAL "local"
#define ADDRESS_TEXT  INET6_ADDRSTRLEN

/*
 * Take what a mail server says for a client's address, the LENGTH bytes of TEXT, into ADDRESS:
 * an IPv4 or IPv6 address as inet_pton(3) has it, without the brackets, the "IPv6:" and the zone
 * that servers write with it; or ADDRESS_LOCAL. What is neither ("unknown", a name, nothing) is "",
 * a client that nobody knows, and false.
 */
bool address_take(char address[ADDRESS_TEXT], const char *text, size_t length);

/* Is TEXT what address_take() makes of a client that is known? */
bool address_is(const char *text);

/*
 * A hash of the client at ADDRESS, an IPv4 or IPv6 address in words: of all of an IPv4 address
 * (also as ::ffff:192.0.2.1), of the /64 of an IPv6 one, since who has one of its addresses has
 * all of them. Salted, so that nobody can choose addresses by their hash. Never 0; 0 when
 * ADDRESS is NULL or no address.
 */
uint64_t address_hash(const char *address, uint64_t salt);

#endif
