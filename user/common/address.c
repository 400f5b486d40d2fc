/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's address: as mail servers write it, and as one number. */
#include "common/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static const char ipv6_tag[] = "IPv6:"; /* in any case: Sendmail's maps fold keys */

bool address_is(const char *text)
{
	struct in6_addr address;

	return !strcmp(text, ADDRESS_LOCAL) || inet_pton(AF_INET, text, &address) == 1 ||
	       inet_pton(AF_INET6, text, &address) == 1;
}

/* What is within the brackets, behind the tag and before the zone. */
static const char *strip(const char *text, size_t *length)
{
	const char *zone;

	if (*length >= 2 && text[0] == '[' && text[*length - 1] == ']') {
		text++;
		*length -= 2;
	}
	if (*length >= strlen(ipv6_tag) && !strncasecmp(text, ipv6_tag, strlen(ipv6_tag))) {
		text += strlen(ipv6_tag);
		*length -= strlen(ipv6_tag);
	}
	zone = memchr(text, '%', *length);
	if (zone)
		*length = (size_t)(zone - text);
	return text;
}

bool address_take(char address[ADDRESS_TEXT], const char *text, size_t length)
{
	bool whole = !memchr(text, '\0', length); /* a NUL of the client's ends nothing */

	address[0] = '\0';
	text = strip(text, &length);
	if (!whole || length >= ADDRESS_TEXT)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!address_is(address))
		address[0] = '\0';
	return address[0];
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
