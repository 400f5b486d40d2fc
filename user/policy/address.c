/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's address as one number. */
#include "policy/address.h"

#include <arpa/inet.h>
#include <string.h>

bool address_is(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* The finalizer of MurmurHash3: each bit of the result depends on every bit of X. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* No /64 of IPv6 begins like this: IPv4 in it would be in ::/64, which nobody has. */
#define IPV4_MARK UINT64_C(0x0000ffff00000000)

uint64_t address_hash(const char *address, uint64_t salt)
{
	struct in6_addr six;
	struct in_addr four;
	uint64_t network, hash;

	if (!address)
		return 0;
	if (inet_pton(AF_INET, address, &four) == 1) {
		network = IPV4_MARK | ntohl(four.s_addr);
	} else if (inet_pton(AF_INET6, address, &six) != 1) {
		return 0;
	} else if (IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(&four, &six.s6_addr[12], sizeof(four));
		network = IPV4_MARK | ntohl(four.s_addr);
	} else {
		memcpy(&network, &six, sizeof(network));
	}
	hash = mix(mix(network ^ salt) + salt);
	return hash ? hash : 1;
}
