/* SPDX-License-Identifier: GPL-2.0-only */
/* The milter protocol, as far as we have a part in it. */
#include "mta/milter_packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "mta/asker.h"
#include "mta/mail.h"

/* What a mail server says, and what it is told. */
enum {
	SAYS_ABORT = 'A',
	SAYS_BODY = 'B',
	SAYS_CONNECT = 'C',
	SAYS_MACROS = 'D',
	SAYS_END_OF_BODY = 'E',
	SAYS_HELO = 'H',
	SAYS_NEXT_CLIENT = 'K',
	SAYS_HEADER = 'L',
	SAYS_MAIL = 'M',
	SAYS_END_OF_HEADERS = 'N',
	SAYS_OPTIONS = 'O',
	SAYS_QUIT = 'Q',
	SAYS_RCPT = 'R',
	SAYS_DATA = 'T',
	SAYS_UNKNOWN = 'U',
	TELL_ACCEPT = 'a',
	TELL_CONTINUE = 'c',
	TELL_TEMPFAIL = 't',
	TELL_REPLY = 'y',
};

/* What tells that a message is over, or that there is another one. */
static const char ends[] = {
	SAYS_ABORT, SAYS_CONNECT, SAYS_END_OF_BODY, SAYS_NEXT_CLIENT, SAYS_MAIL, SAYS_QUIT,
};

#define VERSION_OLDEST 2
#define VERSION	       6

/* Actions that a server offers: to be told which macros are wanted. */
#define ACTION_MACROS 0x100
#define STAGE_MAIL    2 /* of those macros */

/*
 * Steps that a server is asked to leave out, where it can: HELO, RCPT, body, header, end of
 * headers, unknown commands, DATA. Nobody sends us a message to look at.
 */
#define UNUSED_STEPS 0x37a

#define LOGIN	  "{auth_authen}"
#define LOGIN_WAY "{auth_type}" /* is there also where a login has no name */
#define MACROS	  LOGIN " " LOGIN_WAY

/* A client's family: with an address, or without. */
#define FAMILY_INET  '4'
#define FAMILY_INET6 '6'
#define FAMILY_UNIX  'L'

/* What Sendmail calls the client of `sendmail -bs`, and Postfix no client that it does not know. */
#define PIPE_NAME "localhost"

/* Bytes that are left of a packet. */
struct rest {
	char *at;
	size_t length;
};

uint32_t milter_length(const unsigned char head[MILTER_HEAD])
{
	uint32_t length;

	memcpy(&length, head, sizeof(length));
	return ntohl(length);
}

/* The next string, or NULL at the end. The last one may lack its own: there is a NUL behind all. */
static const char *take_string(struct rest *rest)
{
	char *string = rest->at;
	size_t taken;

	if (!rest->length)
		return NULL;
	taken = strlen(string) + 1;
	if (taken > rest->length)
		taken = rest->length;
	rest->at += taken;
	rest->length -= taken;
	return string;
}

static bool take_number(struct rest *rest, uint32_t *number)
{
	if (rest->length < sizeof(*number))
		return false;
	memcpy(number, rest->at, sizeof(*number));
	*number = ntohl(*number);
	rest->at += sizeof(*number);
	rest->length -= sizeof(*number);
	return true;
}

static void put(struct milter_action *action, const void *bytes, size_t length)
{
	memcpy(action->answer + action->length, bytes, length);
	action->length += length;
}

static void put_number(struct milter_action *action, uint32_t number)
{
	number = htonl(number);
	put(action, &number, sizeof(number));
}

/* The head comes last, when the length is known. */
static void begin(struct milter_action *action, char command)
{
	action->act = MILTER_ANSWERED;
	action->length = MILTER_HEAD;
	put(action, &command, 1);
}

static void end(struct milter_action *action)
{
	uint32_t length = htonl((uint32_t)(action->length - MILTER_HEAD));

	memcpy(action->answer, &length, sizeof(length));
}

static void answer(struct milter_action *action, char command)
{
	begin(action, command);
	end(action);
}

/* Of the macros at MAIL we read two. A server that cannot be told sends what it always does. */
static void negotiate(struct rest *rest, struct milter_action *action)
{
	uint32_t version, actions, steps;

	if (!take_number(rest, &version) || !take_number(rest, &actions) ||
	    !take_number(rest, &steps) || version < VERSION_OLDEST)
		return;
	begin(action, SAYS_OPTIONS);
	put_number(action, version < VERSION ? version : VERSION);
	put_number(action, actions & ACTION_MACROS);
	put_number(action, steps & UNUSED_STEPS);
	if (actions & ACTION_MACROS) {
		put_number(action, STAGE_MAIL);
		put(action, MACROS, sizeof(MACROS));
	}
	end(action);
}

/* NAME FAMILY [PORT ADDRESS]. A connection can be used for one client after the other. */
static void take_client(struct milter_client *client, struct rest *rest)
{
	const char *name = take_string(rest), *address = "";
	char family = rest->length ? *rest->at : 0;

	memset(client, 0, sizeof(*client));
	if ((family == FAMILY_INET || family == FAMILY_INET6) && rest->length > 3)
		address = rest->at + 3;
	else if (family == FAMILY_UNIX || (name && !strcmp(name, PIPE_NAME)))
		address = ADDRESS_LOCAL;
	address_take(client->address, address, strlen(address));
}

/* COMMAND NAME VALUE NAME VALUE …, of which the last may be missing. */
static void take_macros(struct milter_client *client, struct rest *rest)
{
	char command = rest->length ? *rest->at++ : 0;
	const char *name, *value;

	rest->length -= rest->length > 0;
	while (command == SAYS_MAIL && (name = take_string(rest))) {
		value = take_string(rest);
		if (value && *value && (!strcmp(name, LOGIN) || !strcmp(name, LOGIN_WAY)))
			client->authenticated = true;
	}
}

/* The sender, and then parameters. The macros before it were this one's. */
static void take_mail(struct milter_client *client, struct rest *rest, struct milter_action *action)
{
	const char *parameter = take_string(rest);

	action->act = MILTER_ASK;
	while (parameter && (parameter = take_string(rest)))
		action->size = mail_larger_size(action->size, mail_parameter_size(parameter));
	action->authenticated = client->authenticated;
	client->authenticated = false;
}

void milter_packet(struct milter_client *client, char *packet, size_t length,
		   struct milter_action *action)
{
	struct rest rest = { packet + 1, length - 1 };

	*action = (struct milter_action){ .act = MILTER_STRANGE, .size = SIZE_UNKNOWN };
	if (!length)
		return;
	packet[length] = '\0';
	action->over = memchr(ends, *packet, sizeof(ends));
	switch (*packet) {
	case SAYS_OPTIONS:
		negotiate(&rest, action);
		break;
	case SAYS_CONNECT:
		take_client(client, &rest);
		answer(action, TELL_CONTINUE);
		break;
	case SAYS_MACROS:
		take_macros(client, &rest);
		action->act = MILTER_NOTHING;
		break;
	case SAYS_MAIL:
		take_mail(client, &rest, action);
		break;
	/* What servers send who cannot leave it out. */
	case SAYS_HELO:
	case SAYS_RCPT:
	case SAYS_DATA:
	case SAYS_HEADER:
	case SAYS_END_OF_HEADERS:
	case SAYS_BODY:
	case SAYS_UNKNOWN:
		answer(action, TELL_CONTINUE);
		break;
	case SAYS_END_OF_BODY:
		answer(action, TELL_ACCEPT);
		break;
	case SAYS_ABORT:
		client->authenticated = false;
		action->act = MILTER_NOTHING;
		break;
	case SAYS_NEXT_CLIENT:
		memset(client, 0, sizeof(*client));
		action->act = MILTER_NOTHING;
		break;
	case SAYS_QUIT:
		action->act = MILTER_END;
		break;
	}
}

/* Without a reply that defers, the server says "451 4.7.1" by itself. */
void milter_answer(struct milter_action *action, const struct spoolgate_admission *admission,
		   bool to_hear)
{
	struct mail_reply reply;
	char escaped[2 * sizeof(reply.text)], line[sizeof(escaped) + 32];
	int length;

	if (admission->verdict != SPOOLGATE_DEFER) {
		answer(action, to_hear ? TELL_CONTINUE : TELL_ACCEPT);
	} else if (mail_reply_parse(admission->reply, &reply)) {
		answer(action, TELL_TEMPFAIL);
	} else {
		length = snprintf(line, sizeof(line), "%s %s%s%s", reply.code, reply.enhanced,
				  *reply.enhanced ? " " : "",
				  mail_text_escape(escaped, sizeof(escaped), reply.text));
		begin(action, TELL_REPLY);
		put(action, line, (size_t)length + 1);
		end(action);
	}
}
