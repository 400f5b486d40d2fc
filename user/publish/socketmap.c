/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sendmail's socket map: a netstring "NAME KEY" comes, a netstring goes: "NOTFOUND " when the mail
 * may pass, "OK 452 4.3.1 …" when it is to be refused with that. The name is the map's (K line); a
 * class's name says the class. The key is 3/ID/ADDRESS/USER/SIZE, written from the macros i,
 * client_addr, auth_type and auth_authen, msg_size; any of them may be empty. '/' since Sendmail
 * drops blanks between the words of a key. SIZE is last: it is whatever the client wrote after
 * SIZE=, slashes and all.
 *
 * With FEATURE(delay_checks) the rules for MAIL are run for each recipient: all that is asked with
 * one ID is one message, gets one verdict and is promised its size once. A connection is that of
 * one SMTP session, which has one message at a time: the promise ends with the next ID, or with the
 * connection.
 *
 * Older configurations have 2/ADDRESS/USER/SIZE: who asks the same again is taken for a recipient
 * more of the same message, for as long as a promise lasts. Or ADDRESS/SIZE/USER, where a
 * stranger's SIZE=1000/x would make him a user: one with more slashes than these two is judged by
 * its address alone.
 *
 * Nothing is held here: `delay` passes at once. Requests that are wrong get TEMP, which a map
 * declared with -T<TMPF> turns into a word that passes; PERM could lose mail for a typing error.
 */
#include "publish/socketmap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/address.h"
#include "policy/reservation.h"
#include "publish/listener_internal.h"

#define NOTFOUND  "NOTFOUND " /* the blank is part of it */
#define NEW_KEY	  "3/"	      /* which no address begins with */
#define PLAIN_KEY "2/"	      /* the same without the ID */

#define PIPE "0" /* client_addr of `sendmail -bs`, whose client is a program here */

ssize_t socketmap_frame(const char *bytes, size_t length, const char **text, size_t *text_length)
{
	size_t digits = 0, size = 0;

	while (digits < length && bytes[digits] >= '0' && bytes[digits] <= '9') {
		size = size * 10 + (size_t)(bytes[digits++] - '0');
		if (size > SOCKETMAP_REQUEST || digits > 4)
			return -EBADMSG;
	}
	if (digits == length)
		return 0;
	if (!digits || bytes[digits] != ':')
		return -EBADMSG;
	if (length < digits + 1 + size + 1)
		return 0;
	if (bytes[digits + 1 + size] != ',')
		return -EBADMSG;
	*text = bytes + digits + 1;
	*text_length = size;
	return (ssize_t)(digits + 1 + size + 1);
}

/* Of what is no number no size is known. */
static int64_t parse_size(const char *text)
{
	int64_t size = 0;

	if (!*text || text[strspn(text, "0123456789")])
		return -1;
	for (; *text; text++)
		if (__builtin_mul_overflow(size, 10, &size) ||
		    __builtin_add_overflow(size, *text - '0', &size))
			return INT64_MAX;
	return size ? size : -1;
}

static void take_address(struct socketmap_request *request, const char *text)
{
	if (!strcmp(text, PIPE))
		text = ADDRESS_LOCAL;
	address_take(request->address, text, strlen(text));
}

/* What is before the next '/' of *KEY, which is cut in place; NULL when there is nothing more. */
static char *take_field(char **key)
{
	return *key ? strsep(key, "/") : NULL;
}

/* One that is too long is not known. */
static char *take_id(struct socketmap_request *request, char *key)
{
	const char *id = take_field(&key);

	if (strlen(id) < sizeof(request->id))
		strcpy(request->id, id);
	return key ? key : "";
}

static void take_new_key(struct socketmap_request *request, char *key)
{
	const char *address = take_field(&key), *user = take_field(&key);

	take_address(request, address);
	request->authenticated = user && *user;
	request->size = key ? parse_size(key) : -1;
}

static void take_old_key(struct socketmap_request *request, char *key)
{
	const char *address = take_field(&key), *size = take_field(&key);

	take_address(request, address);
	if (key && strchr(key, '/'))
		return; /* nobody can tell whose words are whose */
	request->authenticated = key && *key;
	request->size = size ? parse_size(size) : -1;
}

static void take_key(struct socketmap_request *request, char *key)
{
	if (!strncmp(key, NEW_KEY, strlen(NEW_KEY)))
		take_new_key(request, take_id(request, key + strlen(NEW_KEY)));
	else if (!strncmp(key, PLAIN_KEY, strlen(PLAIN_KEY)))
		take_new_key(request, key + strlen(PLAIN_KEY));
	else
		take_old_key(request, key);
}

/* A NUL of the client's is no end: it would be that of what comes after it as well. */
static void copy_line(char *line, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		line[i] = text[i] ? text[i] : '?';
	line[length] = '\0';
}

int socketmap_parse(struct socketmap_request *request, const char *text, size_t length,
		    char error[SOCKETMAP_ERROR])
{
	char line[SOCKETMAP_REQUEST + 1], *key;

	*request = (struct socketmap_request){ .size = -1 };
	if (length >= sizeof(line)) {
		snprintf(error, SOCKETMAP_ERROR, "more than %d bytes", SOCKETMAP_REQUEST);
		return -EBADMSG;
	}
	copy_line(line, text, length);
	key = strchr(line, ' ');
	if (!key || key == line) {
		snprintf(error, SOCKETMAP_ERROR, "allowed is: NAME 3/ID/ADDRESS/USER/SIZE");
		return -EBADMSG;
	}
	*key++ = '\0';
	request->named = !class_parse(line, &request->class);
	take_key(request, key);
	return 0;
}

static void say(struct connection *connection, const char *status, const char *text)
{
	char reply[CONFIG_REPLY + 32];
	int length;

	length = snprintf(reply, sizeof(reply), "%zu:%s%s,", strlen(status) + strlen(text), status,
			  text);
	connection_say(connection, reply, (size_t)length, 0);
}

/* What is remembered of a connection: the message it asked about last. */
struct transaction {
	struct socketmap_request request;
	enum class class;
	enum verdict_kind verdict;
	int64_t asked_ns;
};

/*
 * REQUEST is about the same message as the last one. Without an ID it may be about the next one of
 * the same size: so it is judged again, but for its size.
 */
static bool is_same(const struct transaction *last, const struct socketmap_request *request,
		    enum class class, int64_t now)
{
	if (request->id[0])
		return !strcmp(request->id, last->request.id);
	return request->size > 0 && !last->request.id[0] && class == last->class &&
	       request->size == last->request.size &&
	       !strcmp(request->address, last->request.address) && last->verdict != VERDICT_DEFER &&
	       now - last->asked_ns < RESERVATION_S * NS_PER_S;
}

static enum verdict_kind find_verdict(struct connection *connection,
				      const struct socketmap_request *request, enum class class)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	struct transaction *last = (struct transaction *)connection->memory;
	const char *address = request->address[0] ? request->address : NULL;
	int64_t now = monotonic_ns();

	if (is_same(last, request, class, now))
		return request->id[0] ? last->verdict
				      : source->admission(source->context, class, -1, address).kind;
	last->request = *request;
	last->class = class;
	last->asked_ns = now;
	last->verdict = connection_ask(connection, class, request->size, address).kind;
	return last->verdict;
}

static void judge(struct connection *connection, const struct socketmap_request *request)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	enum class class = request->class;

	if (!request->named)
		class = source->class(source->context, request->authenticated,
				      request->address[0] ? request->address : NULL);
	if (find_verdict(connection, request, class) == VERDICT_DEFER)
		say(connection, "OK ", source->reply(source->context));
	else
		say(connection, NOTFOUND, "");
}

static ssize_t answer(struct connection *connection, const char *bytes, size_t length)
{
	struct socketmap_request request;
	char error[SOCKETMAP_ERROR];
	const char *text;
	size_t text_length;
	ssize_t taken = socketmap_frame(bytes, length, &text, &text_length);

	if (taken < 0) {
		listener_complain(connection->listener, "not a netstring of up to %d bytes",
				  SOCKETMAP_REQUEST);
		say(connection, "TEMP ", "not a netstring");
	} else if (taken && socketmap_parse(&request, text, text_length, error)) {
		say(connection, "TEMP ", error);
	} else if (taken) {
		judge(connection, &request);
	}
	return taken;
}

const struct listener_protocol socketmap_protocol = {
	.request_max = SOCKETMAP_REQUEST + SOCKETMAP_FRAME,
	.connection_size = sizeof(struct transaction),
	.is_session = true,
	.answer = answer,
};
