/* SPDX-License-Identifier: GPL-2.0-only */
/* Networks of clients: reading, writing, and who is in them. */
#include "common/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_PREFIX 96 /* bits of ::ffff:0:0/96, under which IPv4 networks are kept */

const struct config_network network_loopback[NETWORK_LOOPBACKS] = {
	{ .address = { { { [10] = 0xff, 0xff, 127, 0, 0, 0 } } }, .prefix = MAPPED_PREFIX + 8 },
	{ .address = IN6ADDR_LOOPBACK_INIT, .prefix = 128 },
};

static bool is_mapped(const struct config_network *network)
{
	return IN6_IS_ADDR_V4MAPPED(&network->address) && network->prefix >= MAPPED_PREFIX;
}

char *network_format(char *buf, size_t size, const struct config_network *network)
{
	bool mapped = is_mapped(network);
	char address[INET6_ADDRSTRLEN];

	if (mapped)
		inet_ntop(AF_INET, &network->address.s6_addr[12], address, sizeof(address));
	else
		inet_ntop(AF_INET6, &network->address, address, sizeof(address));
	snprintf(buf, size, "%s/%u", address, network->prefix - (mapped ? MAPPED_PREFIX : 0));
	return buf;
}

bool network_is_all(const struct config_network *network)
{
	return network->prefix == 0 || (is_mapped(network) && network->prefix == MAPPED_PREFIX);
}

static bool address_parse(const char *text, struct in6_addr *address, unsigned int *bits)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, text, address) == 1) {
		*bits = 128;
		return true;
	}
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	memset(address, 0, sizeof(*address));
	memset(&address->s6_addr[10], 0xff, 2);
	memcpy(&address->s6_addr[12], &v4, sizeof(v4));
	*bits = 32;
	return true;
}

static bool prefix_parse(const char *text, unsigned int bits, unsigned int *prefix)
{
	size_t length = strspn(text, "0123456789");

	if (!length || length > 3 || text[length])
		return false;
	*prefix = (unsigned int)atoi(text);
	return *prefix <= bits;
}

/* Clears the bits beyond the prefix. Returns whether any was set. */
static bool clear_host_bits(struct config_network *network)
{
	bool was_set = false;

	for (unsigned int bit = network->prefix; bit < 128; bit++) {
		unsigned char *byte = &network->address.s6_addr[bit / 8];
		unsigned char mask = (unsigned char)(0x80 >> bit % 8);

		was_set |= *byte & mask;
		*byte &= (unsigned char)~mask;
	}
	return was_set;
}

int network_parse(const char *text, struct config_network *network)
{
	char address[NETWORK_TEXT];
	const char *slash = strchrnul(text, '/');
	unsigned int bits, prefix;

	if ((size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!address_parse(address, &network->address, &bits))
		return -EINVAL;
	prefix = bits;
	if (*slash && !prefix_parse(slash + 1, bits, &prefix))
		return -EINVAL;
	network->prefix = prefix + (bits == 32 ? MAPPED_PREFIX : 0);
	return clear_host_bits(network) ? -EDOM : 0;
}

static bool contains(const struct config_network *network, const struct in6_addr *address)
{
	unsigned int bytes = network->prefix / 8, bits = network->prefix % 8;
	unsigned char mask = (unsigned char)(0xff00 >> bits);

	return !memcmp(&network->address, address, bytes) &&
	       (!bits || network->address.s6_addr[bytes] == (address->s6_addr[bytes] & mask));
}

bool network_has(const struct config_network *networks, unsigned int count, const char *address)
{
	char text[NETWORK_TEXT];
	struct in6_addr parsed;
	unsigned int bits;
	size_t length;

	if (!address)
		return false;
	length = strcspn(address, "%");
	if (length >= sizeof(text))
		return false;
	memcpy(text, address, length);
	text[length] = '\0';
	if (!address_parse(text, &parsed, &bits))
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (contains(&networks[i], &parsed))
			return true;
	return false;
}
