/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's answers, on the socket and in the page: what is not exactly one is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

bool lib_delay_is_valid(unsigned long delay_s)
{
	return delay_s >= 1 && delay_s <= 86400;
}

static int parse_reply(const char *text, struct spoolgate_admission *admission)
{
	_Alignas(8) char padded[ADMISSION_PAGE_REPLY] = "";

	if (strlen(text) >= sizeof(padded))
		return -EPROTO;
	strcpy(padded, text);
	if (!lib_reply_take(admission->reply, padded))
		return -EPROTO;
	admission->verdict = SPOOLGATE_DEFER;
	return 0;
}

static int parse_delay(const char *text, struct spoolgate_admission *admission)
{
	unsigned long delay_s;
	char *end;

	if (*text < '1' || *text > '9')
		return -EPROTO;
	delay_s = strtoul(text, &end, 10);
	if (*end || !lib_delay_is_valid(delay_s))
		return -EPROTO;
	admission->verdict = SPOOLGATE_DELAY;
	admission->delay_s = (unsigned int)delay_s;
	return 0;
}

int lib_answer_parse(const char *line, struct spoolgate_admission *admission)
{
	lib_accept(admission, true);
	if (!strcmp(line, "accept"))
		return 0;
	if (!strncmp(line, "delay ", 6))
		return parse_delay(line + 6, admission);
	return strncmp(line, "defer ", 6) ? -EPROTO : parse_reply(line + 6, admission);
}
