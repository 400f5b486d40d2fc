/* SPDX-License-Identifier: GPL-2.0-only */
/* Networks of clients, as the configuration and the command lines name them. Pure functions. */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* An IPv4 network is kept as ::ffff:0:0/96 plus its prefix. */
struct config_network {
	struct in6_addr address;
	unsigned int prefix; /* 0 … 128 */
};

/* Room for the longest, "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128". */
#define NETWORK_TEXT (INET6_ADDRSTRLEN + 4)

/* What is internal unless one says: everyone on this machine, 127.0.0.0/8 and ::1/128. */
#define NETWORK_LOOPBACKS 2
extern const struct config_network network_loopback[NETWORK_LOOPBACKS];

/*
 * Read "192.0.2.0/24", "2001:db8::/32", or an address, which is one host. Returns 0, -EINVAL when
 * it is no network, -EDOM when it has bits set beyond its prefix: NETWORK then is what was meant.
 */
int network_parse(const char *text, struct config_network *network);

/* Write it as "10.0.0.0/8", "2001:db8::/32". Returns BUF. */
char *network_format(char *buf, size_t size, const struct config_network *network);

/* Is every IPv4 or every IPv6 address in it? */
bool network_is_all(const struct config_network *network);

/*
 * Is ADDRESS, IPv4 or IPv6 as text, in one of COUNT networks? An IPv6 address may carry its zone
 * ("fe80::1%eth0"). NULL and what is no address are in none.
 */
bool network_has(const struct config_network *networks, unsigned int count, const char *address);

#endif
