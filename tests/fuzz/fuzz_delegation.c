/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes from Postfix: each request is answered once, a part of one is waited for, and after
 * what is no request nothing is said any more.
 *
 * Parses: user/publish/delegation.c
 */
#include "common/text.h"
#include "listener_talk.h"
#include "common/address.h"
#include "publish/delegation.h"

#define DUNNO "action=DUNNO\n\n"
#define DEFER "action=" REPLY "\n\n"
#define HANG_UP "action=421 4.3.1 Insufficient system resources\n\n"

static void check_request(const struct delegation_request *request)
{
	check(memchr(request->instance, '\0', sizeof(request->instance)));
	check(memchr(request->address, '\0', sizeof(request->address)));
	check(memchr(request->port, '\0', sizeof(request->port)));
	check(!request->address[0] || address_is(request->address));
	check(request->size == -1 || request->size > 0);
}

/* BYTES in memory that ends where they do. */
static ssize_t parse(struct delegation_request *request, const uint8_t *data, size_t size)
{
	char error[DELEGATION_ERROR] = "", *bytes = malloc(size ? size : 1);
	ssize_t taken;

	check(bytes);
	memcpy(bytes, data, size);
	taken = delegation_parse(request, bytes, size, error);
	check(taken <= (ssize_t)size);
	if (taken < 0)
		check(*error && text_is_clean(error, strlen(error)));
	if (taken > 0)
		check(bytes[taken - 1] == '\n' && bytes[taken - 2] == '\n');
	free(bytes);
	return taken;
}

/* The first request; what follows it is another's, and less is not one. */
static ssize_t take_request(struct delegation_request *request, const uint8_t *data, size_t size)
{
	struct delegation_request again;
	ssize_t taken = parse(request, data, size);

	if (taken <= 0)
		return taken;
	check_request(request);
	check(parse(&again, data, (size_t)taken) == taken);
	check(!memcmp(request, &again, sizeof(again)));
	check(parse(&again, data, (size_t)taken - 1) <= 0);
	return taken;
}

/* Of the message that LAST asked about; at MAIL it has no instance yet. */
static bool is_same(const struct delegation_request *last, const struct delegation_request *request)
{
	if (!request->instance[0])
		return false;
	if (last->at_mail && !last->instance[0])
		return request->size == last->size;
	return !strcmp(request->instance, last->instance);
}

/* The tenth one in a row of a client, or any one under stress; a REQUEST of NULL begins anew. */
static const char *refusal(const struct delegation_request *request)
{
	static struct delegation_request last;
	static unsigned int count;

	if (!request) {
		memset(&last, 0, sizeof(last));
		count = 0;
		return NULL;
	}
	if (strcmp(request->address, last.address) || strcmp(request->port, last.port))
		count = 0;
	last = *request;
	if (request->stressed)
		return HANG_UP;
	return request->port[0] && ++count >= 10 ? HANG_UP : DEFER;
}

/* What has to be said to all of it: nobody's mind is changed within a message. */
static const char *expect(const uint8_t *data, size_t size)
{
	static char expected[TALK_HEARD];
	struct delegation_request request, last = { 0 };
	enum verdict_kind verdict = VERDICT_ACCEPT;
	ssize_t taken;

	expected[0] = '\0';
	refusal(NULL);
	while (size && (taken = take_request(&request, data, size)) > 0) {
		if (!is_same(&last, &request))
			verdict = verdict_of(request.received ? -1 : request.size, request.address);
		last = request;
		if (verdict == VERDICT_DELAY)
			break; /* it is held, and so is what comes after it */
		strcat(expected, verdict == VERDICT_DEFER ? refusal(&request) : DUNNO);
		data += taken;
		size -= (size_t)taken;
	}
	return expected;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	listen_to(PROTOCOL_POSTFIX_POLICY);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *expected;

	if (size > DELEGATION_REQUEST)
		return 0;
	expected = expect(data, size);
	promised = 0;
	talk_over(data, size, 0);
	check(!strcmp(talk.heard, expected));
	promised = 0;
	talk_over(data, size, talk_cut(data, size));
	check(!strcmp(talk.heard, expected));
	return 0;
}
