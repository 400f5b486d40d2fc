/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sendmail's socket map: a netstring "NAME KEY" comes, a netstring goes: "NOTFOUND " when the mail
 * may pass, "OK 452 4.3.1 …" when it is to be refused with that. The name is the map's (K line); a
 * class's name says the class. The key is ADDRESS[/SIZE[/USER]], written from macros as
 * $&{client_addr}/$&{msg_size}/$&{auth_authen}; any of them may be empty. '/' since Sendmail
 * drops blanks between the words of a key.
 *
 * Nothing is held here: `delay` passes at once. Requests that are wrong get TEMP, which a map
 * declared with -T<TMPF> turns into a word that passes; PERM could lose mail for a typing error.
 */
#include "publish/socketmap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/address.h"
#include "publish/listener_internal.h"

#define NOTFOUND "NOTFOUND " /* the blank is part of it */

/* How Sendmail tags an IPv6 address in client_addr; its maps fold keys to lower case. */
#define IPV6_TAG "IPv6:"

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
	if (!strncasecmp(text, IPV6_TAG, strlen(IPV6_TAG)))
		text += strlen(IPV6_TAG);
	if (strlen(text) < sizeof(request->address) && address_is(text))
		strcpy(request->address, text);
}

/* KEY is cut in place. */
static void take_key(struct socketmap_request *request, char *key)
{
	char *size = strchr(key, '/'), *user;

	if (size) {
		*size++ = '\0';
		user = strchr(size, '/');
		if (user)
			*user++ = '\0';
		request->size = parse_size(size);
		request->authenticated = user && *user;
	}
	take_address(request, key);
}

int socketmap_parse(struct socketmap_request *request, const char *text, size_t length,
		    char error[SOCKETMAP_ERROR])
{
	char line[SOCKETMAP_REQUEST + 1], *key;

	*request = (struct socketmap_request){ .size = -1 };
	if (length >= sizeof(line) || memchr(text, '\0', length)) {
		snprintf(error, SOCKETMAP_ERROR, "NUL byte, or more than %d bytes",
			 SOCKETMAP_REQUEST);
		return -EBADMSG;
	}
	memcpy(line, text, length);
	line[length] = '\0';
	key = strchr(line, ' ');
	if (!key || key == line) {
		snprintf(error, SOCKETMAP_ERROR, "allowed is: NAME ADDRESS[/SIZE[/USER]]");
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

static void judge(struct connection *connection, const struct socketmap_request *request)
{
	const struct listener_source *source = &connection->listener->listeners->source;
	const char *address = request->address[0] ? request->address : NULL;
	enum class class = request->class;
	struct config_verdict verdict;

	if (!request->named)
		class = source->class(source->context, request->authenticated, address);
	verdict = source->admission(source->context, class, request->size, address);
	if (verdict.kind == VERDICT_DEFER)
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
	.answer = answer,
};
