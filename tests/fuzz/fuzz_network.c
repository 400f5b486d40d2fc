/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any lines as networks, as addresses, and as a list of networks on a command line.
 *
 * Parses: user/common/network.c
 */
#include <arpa/inet.h>
#include <errno.h>

#include "common/network.h"
#include "common/text.h"
#include "fuzz.h"
#include "mta/asker.h"

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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	each_line(data, size, take_network);
	return 0;
}
