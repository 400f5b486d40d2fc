/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any lines as MAIL commands, their parameters, and replies: what the milter and the filter for
 * OpenSMTPD read of SMTP.
 *
 * Parses: user/mta/mail.c
 */
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "fuzz.h"
#include "mta/asker.h"
#include "mta/mail.h"

static void check_parameter(const char *text)
{
	int64_t size = mail_parameter_size(text);
	char again[64];

	check(size >= SIZE_UNKNOWN);
	if (size == SIZE_UNKNOWN)
		return;
	check(!strncasecmp(text, "SIZE=", 5) && strspn(text + 5, "0123456789") == strlen(text + 5));
	snprintf(again, sizeof(again), "size=%lld", (long long)size);
	check(mail_parameter_size(again) == size);
}

/* A parameter more makes it no smaller, and its own size is found. */
static void check_command(const char *text)
{
	int64_t size = mail_command_size(text);
	char *longer = malloc(strlen(text) + 32);

	check(size >= SIZE_UNKNOWN && longer);
	sprintf(longer, "MAIL FROM:<a@b> %s", "SIZE=20000");
	check(mail_command_size(longer) == 20000);
	sprintf(longer, "%s SIZE=20000", text);
	check(mail_command_size(longer) == size || mail_command_size(longer) == 20000);
	check(mail_command_size(longer) >= size);
	free(longer);
}

static void check_reply(const char *text)
{
	struct mail_reply reply, again;
	char line[sizeof(reply.text) + 32];

	if (mail_reply_parse(text, &reply))
		return;
	check(reply.code[0] == '4' && isdigit(reply.code[1]) && isdigit(reply.code[2]) &&
	      !reply.code[3]);
	check(!*reply.enhanced ||
	      (!strncmp(reply.enhanced, "4.", 2) && strlen(reply.enhanced) <= 9));
	for (const char *at = reply.text; *at; at++)
		check(*at >= ' ' && *at <= '~');
	snprintf(line, sizeof(line), "%s%s%s %s", reply.code, *reply.enhanced ? " " : "",
		 reply.enhanced, reply.text);
	check(strlen(line) >= sizeof(again.text) || !mail_reply_parse(line, &again));
	check(strlen(line) >= sizeof(again.text) || !strcmp(again.text, reply.text));
}

/* Each '%' is one of two, whatever had to be cut. */
static void check_escape(const char *text)
{
	char escaped[48], bare[sizeof(escaped)];
	size_t length = 0;

	check(mail_text_escape(escaped, sizeof(escaped), text) == escaped);
	check(strlen(escaped) < sizeof(escaped));
	for (const char *at = escaped; *at; at++) {
		if (*at == '%')
			check(*++at == '%');
		bare[length++] = *at;
	}
	check(!strncmp(bare, text, length));
	check(text[length] == '\0' || strlen(escaped) >= sizeof(escaped) - 2);
}

static void take_line(char *text)
{
	check_parameter(text);
	if (mail_is_command(text))
		check_command(text);
	check_reply(text);
	check_escape(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	each_line(data, size, take_line);
	return 0;
}
