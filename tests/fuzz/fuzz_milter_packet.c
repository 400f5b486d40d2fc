/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes from a mail server to its milter, packets with their heads: whatever is in them, there is
 * one answer or none, and it is a packet.
 *
 * Parses: user/mta/milter_packet.c
 */
#include "fuzz.h"
#include "mta/asker.h"
#include "mta/milter_packet.h"

static void check_answer(const struct milter_action *action)
{
	check(action->length > MILTER_HEAD && action->length <= sizeof(action->answer));
	check(milter_length((const unsigned char *)action->answer) ==
	      action->length - MILTER_HEAD);
}

/* As the server hears it: accepted, or refused by a reply that is a string. */
static void answer_mail(struct milter_action *action)
{
	static const char *const replies[] = { "452 4.3.1 Full", "250 no", "", "450 100% full" };
	struct spoolgate_admission admission = { .verdict = (unsigned int)action->size % 3 };

	strcpy(admission.reply, replies[(unsigned int)action->size % 4]);
	milter_answer(action, &admission, action->authenticated);
	check_answer(action);
	if (admission.verdict != SPOOLGATE_DEFER)
		check(action->answer[MILTER_HEAD] == (action->authenticated ? 'c' : 'a'));
	else if (action->answer[MILTER_HEAD] == 'y')
		check(!action->answer[action->length - 1]);
	else
		check(action->answer[MILTER_HEAD] == 't');
}

static void take_packet(struct milter_client *client, const uint8_t *data, size_t length)
{
	char *packet = text_of(data, length);
	struct milter_action action;

	milter_packet(client, packet, length, &action);
	check(memchr(client->address, '\0', sizeof(client->address)));
	check(!client->address[0] || address_is(client->address));
	check(action.size >= SIZE_UNKNOWN);
	check(action.act == MILTER_ASK || action.size == SIZE_UNKNOWN);
	if (action.act == MILTER_ANSWERED)
		check_answer(&action);
	else if (action.act == MILTER_ASK)
		answer_mail(&action);
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct milter_client client = { .authenticated = false };

	while (size >= MILTER_HEAD) {
		size_t length = milter_length(data);

		data += MILTER_HEAD;
		size -= MILTER_HEAD;
		if (length > size)
			break;
		take_packet(&client, data, length);
		data += length;
		size -= length;
	}
	return 0;
}
