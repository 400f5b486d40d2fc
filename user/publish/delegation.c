/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Postfix's policy delegation: lines of name=value and an empty one come, a line action=… and
 * an empty one go. What we do not understand gets no reply: Postfix then does what its
 * default_action says, and logs it.
 *
 * All requests of a transaction carry its `instance`, and get the first one's verdict: senders
 * take a 452 after an accepted recipient for "too many recipients". It is held (`delay`) once and
 * promised its size once. A connection is one smtpd's, which has one transaction at a time: so
 * only the last instance is remembered, and with the next one, or END-OF-MESSAGE, the promise
 * ends. At MAIL there is no instance yet: the next one is that message's.
 *
 * To Postfix each recipient that we refuse is an error of the client's, and so is the DATA that
 * was pipelined after them. At smtpd_hard_error_limit (20) it hangs up with a line "too many errors
 * after RCPT", and fail2ban bans for those: a list's host, for a message to 25 of our users. The
 * tenth in a session therefore hears 421, at which Postfix hangs up by itself and says no such
 * thing. Under stress, where that limit is 1, the first one does.
 */
#include "publish/delegation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "common/address.h"
#include "publish/listener_internal.h"

#define REFUSED_MOST 10
#define HANG_UP	     "421"

/* What is remembered of a connection. */
struct transaction {
	char instance[DELEGATION_INSTANCE]; /* "": none */
	bool at_mail;			    /* asked at MAIL, and its instance not known yet */
	int64_t size;			    /* as it was said there */
	enum verdict_kind verdict;
	char session[DELEGATION_SESSION]; /* of whom `refused` recipients were */
	unsigned int refused;
};

/* A piece of what the client sent. */
struct piece {
	const char *text;
	size_t length;
};

static ssize_t wrong(char error[DELEGATION_ERROR], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static ssize_t wrong(char error[DELEGATION_ERROR], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(error, DELEGATION_ERROR, format, list);
	va_end(list);
	return -EBADMSG;
}

static ssize_t wrong_value(char error[DELEGATION_ERROR], const char *name, struct piece value)
{
	char shown[48];

	return wrong(error, "%s=%s", name,
		     text_clean(shown, sizeof(shown), value.text, value.length));
}

static bool piece_is(struct piece piece, const char *text)
{
	return piece.length == strlen(text) && !memcmp(piece.text, text, piece.length);
}

/* As a string, where it has the room; else "". */
static void piece_copy(char *buf, size_t size, struct piece piece)
{
	size_t length = piece.length < size ? piece.length : 0;

	memcpy(buf, piece.text, length);
	buf[length] = '\0';
}

/*
 * One that has more digits than fit is larger than any room there is; of what is no number none
 * is known. (Postfix says 0 when there was no SIZE=.)
 */
static int64_t parse_size(struct piece piece)
{
	int64_t sum = 0;

	for (size_t i = 0; i < piece.length; i++) {
		int digit = piece.text[i] - '0';

		if (digit < 0 || digit > 9)
			return -1;
		sum = sum > (INT64_MAX - digit) / 10 ? INT64_MAX : sum * 10 + digit;
	}
	return sum ? sum : -1;
}

static void take_state(struct delegation_request *request, struct piece value)
{
	request->at_mail = piece_is(value, "MAIL");
	request->received = piece_is(value, "END-OF-MESSAGE");
}

/* A value that we cannot use is as good as none: without an answer the mail would be taken. */
static ssize_t take_attribute(struct delegation_request *request, struct piece name,
			      struct piece value, bool *asked, char error[DELEGATION_ERROR])
{
	if (piece_is(name, "request")) {
		*asked = piece_is(value, "smtpd_access_policy");
		return *asked ? 0 : wrong_value(error, "request", value);
	}
	if (piece_is(name, "instance"))
		piece_copy(request->instance, sizeof(request->instance), value);
	else if (piece_is(name, "size"))
		request->size = parse_size(value);
	else if (piece_is(name, "client_address"))
		address_take(request->address, value.text, value.length);
	else if (piece_is(name, "client_port"))
		piece_copy(request->port, sizeof(request->port), value);
	else if (piece_is(name, "stress"))
		request->stressed = value.length > 0;
	else if (piece_is(name, "sasl_username"))
		request->authenticated = value.length > 0;
	else if (piece_is(name, "protocol_state"))
		take_state(request, value);
	return 0;
}

static ssize_t take_line(struct delegation_request *request, struct piece line, bool *asked,
			 char error[DELEGATION_ERROR])
{
	const char *equal = memchr(line.text, '=', line.length);
	struct piece name = { .text = line.text }, value;
	char shown[48];

	if (!equal || equal == line.text)
		return wrong(error, "a line that is not name=value: %s",
			     text_clean(shown, sizeof(shown), line.text, line.length));
	name.length = (size_t)(equal - line.text);
	value.text = equal + 1;
	value.length = line.length - name.length - 1;
	return take_attribute(request, name, value, asked, error);
}

ssize_t delegation_parse(struct delegation_request *request, const char *bytes, size_t length,
			 char error[DELEGATION_ERROR])
{
	const char *at = bytes, *end = memmem(bytes, length, "\n\n", 2);
	unsigned int count = 0;
	bool asked = false;

	*request = (struct delegation_request){ .size = -1 };
	if (length && bytes[0] == '\n')
		return wrong(error, "an empty request");
	if (memchr(bytes, '\0', end ? (size_t)(end - bytes) : length))
		return wrong(error, "a NUL byte");
	if (!end)
		return 0;
	while (at <= end) {
		const char *line_end = memchr(at, '\n', (size_t)(end + 1 - at));
		struct piece line = { at, (size_t)(line_end - at) };
		ssize_t ret = take_line(request, line, &asked, error);

		if (ret)
			return ret;
		if (++count > DELEGATION_ATTRIBUTES)
			return wrong(error, "more than %d attributes", DELEGATION_ATTRIBUTES);
		at = line_end + 1;
	}
	if (!asked)
		return wrong(error, "no request=smtpd_access_policy");
	return end + 2 - bytes;
}

/* REQUEST is about the message that was asked about last. */
static bool is_same(const struct transaction *last, const struct delegation_request *request)
{
	if (!request->instance[0])
		return false;
	if (last->at_mail)
		return request->size == last->size;
	return !strcmp(request->instance, last->instance);
}

/* The first of a transaction is judged, the others are told the same, and not held again. */
static struct config_verdict find_verdict(struct connection *connection,
					  const struct delegation_request *request)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	struct transaction *last = (struct transaction *)connection->memory;
	const char *address = request->address[0] ? request->address : NULL;
	struct config_verdict verdict = { .kind = last->verdict };
	bool same = is_same(last, request);

	strcpy(last->instance, request->instance);
	last->at_mail = request->at_mail && !request->instance[0];
	last->size = request->size;
	if (same && request->received)
		connection_ended(connection);
	if (same) {
		if (verdict.kind == VERDICT_DELAY)
			verdict.kind = VERDICT_ACCEPT;
		return verdict;
	}
	/* What has been received needs no room any more. */
	verdict = connection_ask(connection,
				 source->class(source->context, request->authenticated, address),
				 request->received ? -1 : request->size, address);
	last->verdict = verdict.kind;
	return verdict;
}

/* Is this recipient, which is refused, the one at which Postfix had better hang up? */
static bool is_one_too_many(struct transaction *last, const struct delegation_request *request)
{
	char session[DELEGATION_SESSION];

	snprintf(session, sizeof(session), "%s %s", request->address, request->port);
	if (strcmp(session, last->session) != 0)
		last->refused = 0;
	strcpy(last->session, session);
	return request->stressed || (request->port[0] && ++last->refused >= REFUSED_MOST);
}

static void say(struct connection *connection, const struct delegation_request *request,
		struct config_verdict verdict)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	struct transaction *last = (struct transaction *)connection->memory;
	char action[CONFIG_REPLY + 16];
	const char *reply = "DUNNO", *code = "";
	int length;

	if (verdict.kind == VERDICT_DEFER)
		reply = source->reply(source->context);
	if (verdict.kind == VERDICT_DEFER && is_one_too_many(last, request)) {
		code = HANG_UP;
		reply += strlen(code); /* in place of its own */
	}
	length = snprintf(action, sizeof(action), "action=%s%s\n\n", code, reply);
	connection_say(connection, action, (size_t)length,
		       verdict.kind == VERDICT_DELAY ? verdict.delay_s : 0);
}

static ssize_t answer(struct connection *connection, const char *bytes, size_t length)
{
	struct delegation_request request;
	char error[DELEGATION_ERROR];
	ssize_t taken = delegation_parse(&request, bytes, length, error);

	if (taken < 0)
		listener_complain(connection->listener, "not a policy request: %s", error);
	else if (taken)
		say(connection, &request, find_verdict(connection, &request));
	return taken;
}

const struct listener_protocol delegation_protocol = {
	.request_max = DELEGATION_REQUEST,
	.connection_size = sizeof(struct transaction),
	.answer = answer,
};
