/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as what a mail server says to a milter: packets with their heads, one after the other. */
#include <stdlib.h>
#include <string.h>

#include "mta/asker.h"
#include "mta/milter_packet.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_action(const struct milter_client *client, const struct milter_action *action)
{
	check(memchr(client->address, '\0', sizeof(client->address)) != NULL);
	check(!client->address[0] || address_is(client->address));
	check(action->size >= SIZE_UNKNOWN);
	if (action->act == MILTER_ANSWERED)
		check(action->length > MILTER_HEAD && action->length <= sizeof(action->answer) &&
		      milter_length((const unsigned char *)action->answer) ==
			      action->length - MILTER_HEAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct milter_client client = { .authenticated = false };
	struct milter_action action;

	while (size >= MILTER_HEAD) {
		size_t length = milter_length(data);
		char *packet;

		data += MILTER_HEAD;
		size -= MILTER_HEAD;
		if (length > size)
			break;
		packet = malloc(length + 1); /* exactly, so that a byte more is seen */
		check(packet != NULL);
		memcpy(packet, data, length);
		milter_packet(&client, packet, length, &action);
		check_action(&client, &action);
		free(packet);
		data += length;
		size -= length;
	}
	return 0;
}
