/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes from Sendmail: a netstring for each netstring, and TEMP for what is none, or no
 * question.
 *
 * Parses: user/publish/socketmap.c
 */
#include "common/text.h"
#include "listener_talk.h"
#include "common/address.h"
#include "publish/socketmap.h"

static void check_request(const struct socketmap_request *request)
{
	check(memchr(request->id, '\0', sizeof(request->id)));
	check(memchr(request->address, '\0', sizeof(request->address)));
	check(!request->address[0] || address_is(request->address));
	check(request->size == -1 || request->size > 0);
	check((unsigned int)request->class < CLASSES);
}

/* A message is known by its ID, and hears the same as before. */
static enum verdict_kind judge(const struct socketmap_request *request)
{
	static char id[SOCKETMAP_ID];
	static enum verdict_kind verdict;

	if (!request) {
		id[0] = '\0';
		return VERDICT_ACCEPT;
	}
	if (!request->id[0] || strcmp(request->id, id))
		verdict = verdict_of(request->size, request->address);
	strcpy(id, request->id);
	return verdict;
}

/* Adds what is to be said to the netstring TEXT. */
static void expect_one(char *expected, const char *text, size_t length)
{
	char error[SOCKETMAP_ERROR] = "";
	struct socketmap_request request;

	if (socketmap_parse(&request, text, length, error)) {
		check(*error && text_is_clean(error, strlen(error)));
		sprintf(expected, "%zu:TEMP %s,", strlen("TEMP ") + strlen(error), error);
		return;
	}
	check_request(&request);
	if (judge(&request) == VERDICT_DEFER)
		sprintf(expected, "%zu:OK %s,", strlen("OK " REPLY), REPLY);
	else
		strcpy(expected, "9:NOTFOUND ,");
}

static const char *expect(const char *bytes, size_t size)
{
	static char expected[TALK_HEARD];
	ssize_t taken = 1;

	expected[0] = '\0';
	judge(NULL);
	while (size && taken > 0) {
		const char *text = NULL;
		size_t length = 0;

		taken = socketmap_frame(bytes, size, &text, &length);
		check(taken <= (ssize_t)size && taken <= SOCKETMAP_REQUEST + SOCKETMAP_FRAME);
		/* What is not all there never is longer than what is read of it. */
		check(taken || size < SOCKETMAP_REQUEST + SOCKETMAP_FRAME);
		if (taken < 0)
			strcat(expected, "20:TEMP not a netstring,");
		if (taken <= 0)
			break;
		check(text > bytes && text + length < bytes + taken && length <= SOCKETMAP_REQUEST);
		expect_one(expected + strlen(expected), text, length);
		bytes += taken;
		size -= (size_t)taken;
	}
	return expected;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	listen_to(PROTOCOL_SOCKETMAP);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size ? size : 1); /* which ends where they do */
	const char *expected;

	check(bytes);
	memcpy(bytes, data, size);
	expected = expect(bytes, size);
	free(bytes);
	talk_over(data, size, 0);
	check(!strcmp(talk.heard, expected) && !promised); /* the session is over */
	talk_over(data, size, talk_cut(data, size));
	check(!strcmp(talk.heard, expected) && !promised);
	return 0;
}
