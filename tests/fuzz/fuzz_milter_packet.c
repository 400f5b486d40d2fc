/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as what a mail server says to a milter, packets with their heads, one after the other:
 * each command is answered as the protocol has it, and a reply is one line.
 *
 * Parses: user/mta/milter_packet.c
 */
#include "fuzz.h"
#include "mta/asker.h"
#include "mta/milter_packet.h"

/* A packet of its own: its head, and one of the answers a mail server knows. */
static void check_packet(const struct milter_action *action)
{
	check(action->length > MILTER_HEAD && action->length <= sizeof(action->answer));
	check(milter_length((const unsigned char *)action->answer) == action->length - MILTER_HEAD);
	check(strchr("Oacty", action->answer[MILTER_HEAD]));
}

/* "452 4.3.1 TEXT" and a NUL; servers take a '%' for the beginning of something. */
static void check_reply(const struct milter_action *action)
{
	const char *line = action->answer + MILTER_HEAD + 1;
	size_t length = action->length - MILTER_HEAD - 1;

	check(length > 4 && line[0] == '4' && line[3] == ' ' && !line[length - 1]);
	for (size_t i = 0; i + 1 < length; i++) {
		check(line[i] >= ' ' && line[i] <= '~');
		if (line[i] == '%')
			check(line[++i] == '%');
	}
}

/* The sender's words as the daemon's reply: whatever it is, it is passed on whole or not at all. */
static void check_mail(struct milter_action *action, const char *words)
{
	struct spoolgate_admission admission = { .known = true };

	for (int verdict = SPOOLGATE_ACCEPT; verdict <= SPOOLGATE_DEFER; verdict++) {
		admission.verdict = verdict;
		snprintf(admission.reply, sizeof(admission.reply), "%s%s",
			 strlen(words) % 2 ? "452 4.3.1 " : "", words);
		milter_answer(action, &admission, strlen(words) % 3);
		check_packet(action);
		if (action->answer[MILTER_HEAD] == 'y')
			check_reply(action);
		else
			check(action->length == MILTER_HEAD + 1);
		check((verdict == SPOOLGATE_DEFER) == !!strchr("ty", action->answer[MILTER_HEAD]));
	}
}

static void check_action(const struct milter_client *client, struct milter_action *action,
			 const char *packet, size_t length)
{
	char command = length ? *packet : '\0';

	check(memchr(client->address, '\0', sizeof(client->address)));
	check(!client->address[0] || address_is(client->address));
	check(action->size >= SIZE_UNKNOWN);
	switch (action->act) {
	case MILTER_ANSWERED:
		check_packet(action);
		check(strchr("OCHRTLNBUE", command));
		break;
	case MILTER_ASK:
		check(command == 'M' && action->over);
		check_mail(action, length > 1 ? packet + 1 : "");
		break;
	case MILTER_NOTHING:
		check(strchr("DAK", command));
		break;
	case MILTER_END:
		check(command == 'Q' && action->over);
		break;
	default: /* of options some may be missing */
		check(action->act == MILTER_STRANGE &&
		      (command == 'O' || !command || !strchr("CHRTLNBUEMDAKQ", command)));
	}
}

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
		packet = text_of(data, length);
		milter_packet(&client, packet, length, &action);
		check_action(&client, &action, packet, length);
		free(packet);
		data += length;
		size -= length;
	}
	return 0;
}
