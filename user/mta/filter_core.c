/* SPDX-License-Identifier: GPL-2.0-only */
/* OpenSMTPD's filter protocol. */
#include "mta/filter_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mta/asker.h"
#include "mta/mail.h"

#define FIELD_LONGEST 64 /* no field but the last is longer */
#define DEFAULT_REPLY "452 4.3.1 Insufficient system resources"

/*
 * link-connect has the address, link-auth who has logged in. The request at MAIL has the sender
 * alone; its SIZE is in the command as the client gave it, which smtpd reports just before. How a
 * message ends is told by tx-commit, tx-rollback and link-disconnect.
 */
const char filter_registration[] = "register|report|smtp-in|link-connect\n"
				   "register|report|smtp-in|link-disconnect\n"
				   "register|report|smtp-in|link-auth\n"
				   "register|report|smtp-in|tx-commit\n"
				   "register|report|smtp-in|tx-rollback\n"
				   "register|report|smtp-in|protocol-client\n"
				   "register|filter|smtp-in|mail-from\n"
				   "register|ready\n";

/* What a report and a request begin with: KIND|VERSION|TIME|SUBSYSTEM|EVENT|SESSION. */
struct head {
	unsigned int minor; /* of the version 0.MINOR */
	char subsystem[FIELD_LONGEST];
	char event[FIELD_LONGEST];
	char session[FILTER_ID];
	uint64_t id;
};

/* Copy what is before the next '|' and step over that. False when it does not fit. */
static bool take(const char **at, char *field, size_t size)
{
	size_t length = strcspn(*at, "|");

	if (length >= size)
		return false;
	memcpy(field, *at, length);
	field[length] = '\0';
	*at += length;
	if (**at == '|')
		(*at)++;
	return true;
}

/* smtpd reads it back with strtoull(3), and ends when that does not take all of it. */
static bool take_number(const char **at, char number[FILTER_ID])
{
	return take(at, number, FILTER_ID) && *number &&
	       !number[strspn(number, "0123456789abcdefABCDEF")];
}

static bool take_head(const char **at, struct head *head)
{
	char version[FIELD_LONGEST], time[FIELD_LONGEST];

	if (!take(at, version, sizeof(version)) || !take(at, time, sizeof(time)) ||
	    !take(at, head->subsystem, sizeof(head->subsystem)) ||
	    !take(at, head->event, sizeof(head->event)) || !take_number(at, head->session))
		return false;
	if (strncmp(version, "0.", 2) != 0)
		return false;
	head->minor = (unsigned int)strtoul(version + 2, NULL, 10);
	head->id = strtoull(head->session, NULL, 16);
	return true;
}

/* "192.0.2.1:35664", "[2001:db8::1]:35664", "[IPv6:…]", "unix:/path". */
static void set_address(struct filter_session *session, const char *source)
{
	const char *colon = strrchr(source, ':');
	size_t length = colon ? (size_t)(colon - source) : strlen(source);

	if (*source == '[')
		length = strcspn(source, "]") + 1;
	if (!strncmp(source, "unix:", 5)) {
		source = ADDRESS_LOCAL;
		length = strlen(ADDRESS_LOCAL);
	}
	address_take(session->address, source, length);
}

/*
 * REST is RDNS|FCRDNS|SOURCE|DESTINATION. The name is what the client's own name server says:
 * a '|' in it must not move the address, so it is looked for from the end.
 */
static void link_connect(struct filter_sessions *sessions, uint64_t id, const char *rest)
{
	struct filter_session *session;
	const char *source = rest, *destination = rest, *next;
	char text[FIELD_LONGEST + ADDRESS_TEXT];

	session_end(sessions, id);
	session = session_get(sessions, id);
	while ((next = strchr(destination, '|'))) {
		source = destination;
		destination = next + 1;
	}
	if (take(&source, text, sizeof(text)))
		set_address(session, text);
}

/* USER|RESULT up to 0.6, RESULT|USER from 0.7 on. A name is what the client says it is. */
static void link_auth(struct filter_sessions *sessions, const struct head *head, const char *rest)
{
	const char *result = rest;
	char text[FIELD_LONGEST];

	if (head->minor < 7) {
		result = strrchr(rest, '|');
		result = result ? result + 1 : "";
	}
	if (take(&result, text, sizeof(text)) && !strcmp(text, "pass"))
		session_get(sessions, head->id)->authenticated = true;
}

/* Of the message under way in the session ID, what was promised, once. */
static void end_message(struct filter_sessions *sessions, uint64_t id, struct filter_action *action)
{
	struct filter_session *session = session_find(sessions, id);

	if (!session || !session->promised)
		return;
	action->act = FILTER_ENDED;
	action->authenticated = session->authenticated;
	strcpy(action->address, session->address);
	action->size = session->promised;
	session->promised = 0;
}

static void take_report(struct filter_core *core, const char *rest, struct filter_action *action)
{
	struct filter_sessions *sessions = &core->sessions;
	struct head head;

	if (!take_head(&rest, &head)) {
		action->act = FILTER_STRANGE;
		return;
	}
	action->act = FILTER_NOTHING;
	if (strcmp(head.subsystem, "smtp-in") != 0)
		return;
	if (!strcmp(head.event, "link-connect")) {
		link_connect(sessions, head.id, rest);
	} else if (!strcmp(head.event, "link-auth")) {
		link_auth(sessions, &head, rest);
	} else if (!strcmp(head.event, "protocol-client")) {
		if (mail_is_command(rest))
			session_get(sessions, head.id)->size = mail_command_size(rest);
	} else if (!strcmp(head.event, "tx-commit") || !strcmp(head.event, "tx-rollback")) {
		end_message(sessions, head.id, action);
	} else if (!strcmp(head.event, "link-disconnect")) {
		end_message(sessions, head.id, action);
		session_end(sessions, head.id);
		action->act = FILTER_FORGET;
		strcpy(action->request.session, head.session);
	}
}

static void describe(struct filter_core *core, uint64_t id, struct filter_action *action)
{
	struct filter_session *session = session_find(&core->sessions, id);

	if (!session)
		return;
	action->authenticated = session->authenticated;
	strcpy(action->address, session->address);
	action->size = session->size;
	action->over = session->promised;
	session->size = SIZE_UNKNOWN;
	session->promised = 0;
}

/*
 * A request of another phase was not registered for, but whoever asks waits. Not so lines of
 * data, to which the answer would be the line itself, of which we may not have all.
 */
static void take_request(struct filter_core *core, const char *rest, struct filter_action *action)
{
	struct head head;

	if (!take_head(&rest, &head) || !take_number(&rest, action->request.token) ||
	    !core->registered || !strcmp(head.event, "data-line")) {
		action->act = FILTER_STRANGE;
		return;
	}
	action->request.token_first = head.minor < 5;
	strcpy(action->request.session, head.session);
	if (strcmp(head.subsystem, "smtp-in") != 0 || strcmp(head.event, "mail-from") != 0) {
		action->act = FILTER_PASS;
		return;
	}
	action->act = FILTER_ASK;
	describe(core, head.id, action);
}

static void take_config(struct filter_core *core, const char *rest, struct filter_action *action)
{
	action->act = FILTER_NOTHING;
	if (strcmp(rest, "ready") != 0 || core->registered)
		return;
	core->registered = true;
	action->act = FILTER_REGISTER;
}

void filter_line(struct filter_core *core, const char *line, struct filter_action *action)
{
	char kind[FIELD_LONGEST];

	memset(action, 0, sizeof(*action));
	action->size = SIZE_UNKNOWN;
	action->act = FILTER_STRANGE;
	if (!take(&line, kind, sizeof(kind)))
		return;
	if (!strcmp(kind, "config"))
		take_config(core, line, action);
	else if (!strcmp(kind, "report"))
		take_report(core, line, action);
	else if (!strcmp(kind, "filter"))
		take_request(core, line, action);
}

void filter_promised(struct filter_core *core, const struct filter_action *action)
{
	struct filter_session *session =
		session_find(&core->sessions, strtoull(action->request.session, NULL, 16));

	if (session)
		session->promised = action->size;
}

size_t filter_answer(char buf[FILTER_ANSWER], const struct filter_request *request,
		     const struct spoolgate_admission *admission)
{
	const char *first = request->token_first ? request->token : request->session;
	const char *second = request->token_first ? request->session : request->token;
	const char *reply = admission->reply;
	struct mail_reply parts;
	int length;

	if (admission->verdict != SPOOLGATE_DEFER) {
		length = snprintf(buf, FILTER_ANSWER, "filter-result|%s|%s|proceed\n", first,
				  second);
		return (size_t)length;
	}
	/* smtpd would say "421 Internal server error" instead. */
	if (mail_reply_parse(reply, &parts) || !*parts.text)
		reply = DEFAULT_REPLY;
	length = snprintf(buf, FILTER_ANSWER, "filter-result|%s|%s|reject|%s\n", first, second,
			  reply);
	return (size_t)length;
}
