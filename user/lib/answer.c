/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon's line, taken apart: what is not exactly one of its answers is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

/* "452 4.3.1 …": to be sent to strangers, so nothing but printable text, and not too much. */
static bool is_reply(const char *text)
{
	size_t length = strlen(text);

	if (length < 4 || length >= ADMISSION_PAGE_REPLY || text[0] != '4')
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int parse_delay(const char *text, struct spoolgate_admission *admission)
{
	unsigned long delay_s;
	char *end;

	if (*text < '1' || *text > '9')
		return -EPROTO;
	delay_s = strtoul(text, &end, 10);
	if (*end || delay_s > 86400)
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
	if (strncmp(line, "defer ", 6) || !is_reply(line + 6))
		return -EPROTO;
	admission->verdict = SPOOLGATE_DEFER;
	strcpy(admission->reply, line + 6);
	return 0;
}
