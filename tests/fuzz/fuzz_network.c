/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any lines as networks, as addresses as servers write them, and as a list of networks.
 *
 * Parses: user/common/network.c user/common/address.c
 */
#include <arpa/inet.h>
#include <errno.h>

#include "common/network.h"
#include "common/text.h"
#include "fuzz.h"
#include "mta/asker.h"
#include "common/address.h"

static void check_network(const struct config_network *network)
{
	struct config_network again;
	char text[NETWORK_TEXT], address[INET6_ADDRSTRLEN];

	check(network->prefix <= 128);
	network_format(text, sizeof(text), network);
	check(!network_parse(text, &again));
	check(!memcmp(&again, network, sizeof(again)));
	/* Its first address is in it, and everybody where it has no prefix. */
	check(inet_ntop(AF_INET6, &network->address, address, sizeof(address)));
	check(network_has(network, 1, address));
	check(!network_has(network, 1, NULL) && !network_has(network, 0, address));
	if (network_is_all(network))
		check(network_has(network, 1, network->prefix ? "192.0.2.1" : "2001:db8::1"));
}

/* The address and the prefix are what others read there, and nothing else is a network. */
static void check_as_others(const char *text, const struct config_network *network)
{
	size_t length = strcspn(text, "/");
	char *address = text_of(text, length);
	struct in6_addr six;
	struct in_addr four;
	int prefix = -1;

	if (text[length])
		check(sscanf(text + length, "/%d", &prefix) == 1);
	if (inet_pton(AF_INET, address, &four) == 1) {
		check(network->prefix == 96u + (prefix < 0 ? 32 : prefix) && prefix <= 32);
		check(!memcmp(&network->address.s6_addr[12], &four, sizeof(four)));
	} else {
		check(inet_pton(AF_INET6, address, &six) == 1);
		check(network->prefix == (prefix < 0 ? 128u : (unsigned int)prefix));
		check(!memcmp(&network->address, &six, sizeof(six)));
	}
	free(address);
}

static void check_list(const char *text)
{
	static struct asker asker;
	char problem[256] = "";
	int ret = asker_networks(&asker, text, problem, sizeof(problem));

	check(asker.internal_count <= ASKER_NETWORKS);
	check(!ret || (*problem && text_is_clean(problem, strlen(problem))));
	for (unsigned int i = 0; i < asker.internal_count; i++)
		check_network(&asker.internal[i]);
}

/* What is taken is an address, is taken again as it is, and has a hash wherever it is one. */
static void check_address(const char *text)
{
	char address[ADDRESS_TEXT], again[ADDRESS_TEXT];
	bool taken = address_take(address, text, strlen(text));

	check(memchr(address, '\0', sizeof(address)) && taken == (*address != '\0'));
	check(!taken || address_is(address));
	check(!taken || (address_take(again, address, strlen(address)) && !strcmp(again, address)));
	check(!taken || !strcmp(address, ADDRESS_LOCAL) || address_hash(address, 1));
	check(taken || !address_is(text));
}

static void take_network(char *text)
{
	struct config_network network;
	int ret = network_parse(text, &network);

	check(!ret || ret == -EINVAL || ret == -EDOM);
	if (ret != -EINVAL)
		check_network(&network);
	if (!ret)
		check_as_others(text, &network);
	(void)network_has(network_loopback, NETWORK_LOOPBACKS, text);
	check_list(text);
	check_address(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	each_line(data, size, take_network);
	return 0;
}
