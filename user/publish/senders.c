/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom the gates divert. */
#include <arpa/inet.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "publish/senders.h"

static char *network_format(char *buf, size_t size, uint64_t network)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr six = { 0 };
	struct in_addr four;

	if (network >> 32 == LEDGER_IPV4 >> 32) {
		four.s_addr = htonl((uint32_t)network);
		inet_ntop(AF_INET, &four, address, sizeof(address));
		snprintf(buf, size, "%s/24", address);
		return buf;
	}
	network = htobe64(network);
	memcpy(&six, &network, sizeof(network));
	inet_ntop(AF_INET6, &six, address, sizeof(address));
	snprintf(buf, size, "%s/48", address);
	return buf;
}

/* An entry that changed hands counts from its beginning. */
static uint64_t since(const struct ledger_sender *now, const struct ledger_sender *before)
{
	if (!now->network)
		return 0;
	if (now->network != before->network || now->connections < before->connections)
		return now->connections;
	return now->connections - before->connections;
}

char *senders_format(char buf[SENDERS_TEXT], const struct ledger_sender now[LEDGER_SENDERS],
		     const struct ledger_sender before[LEDGER_SENDERS])
{
	uint64_t counts[LEDGER_SENDERS];
	char network[64];
	size_t length = 0;

	for (unsigned int i = 0; i < LEDGER_SENDERS; i++)
		counts[i] = since(&now[i], &before[i]);
	buf[0] = '\0';
	for (unsigned int shown = 0; shown < SENDERS_TOP; shown++) {
		unsigned int most = 0;

		for (unsigned int i = 1; i < LEDGER_SENDERS; i++)
			if (counts[i] > counts[most])
				most = i;
		if (!counts[most])
			break;
		length += (size_t)snprintf(
			buf + length, SENDERS_TEXT - length, "%s%s (%" PRIu64 ")",
			shown ? ", " : "",
			network_format(network, sizeof(network), now[most].network), counts[most]);
		counts[most] = 0;
	}
	return buf;
}
