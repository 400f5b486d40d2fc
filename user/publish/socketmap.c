/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sendmail's socket map: a netstring "NAME KEY" comes, a netstring goes: "NOTFOUND " when the mail
 * may pass, "OK 452 4.3.1 …" when it is to be refused with that. The name is the map's (K line); a
 * class's name says the class. The key is 2/ADDRESS/USER/SIZE, written from macros as
 * 2/$&{client_addr}/$&{auth_authen}/$&{msg_size}; any of them may be empty. '/' since Sendmail
 * drops blanks between the words of a key. SIZE is last: it is whatever the client wrote after
 * SIZE=, slashes and all.
 *
 * Older configurations have ADDRESS/SIZE/USER, where a stranger's SIZE=1000/x would make him a
 * user: one with more slashes than these two is judged by its address alone.
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
#define NEW_KEY	 "2/"	     /* which no address begins with */

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

/* What is before the next '/' of *KEY, which is cut in place; NULL when there is nothing more. */
static char *take_field(char **key)
{
	return *key ? strsep(key, "/") : NULL;
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
		take_new_key(request, key + strlen(NEW_KEY));
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
		snprintf(error, SOCKETMAP_ERROR, "allowed is: NAME 2/ADDRESS/USER/SIZE");
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
