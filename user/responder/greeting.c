/* SPDX-License-Identifier: GPL-2.0-only */
/* What the responder says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "responder/greeting.h"

#define PLACE "HOST"

static int is_edge(char c)
{
	return !c || c == ' ';
}

/* The word, not a part of one. */
static const char *find_place(const char *reply)
{
	const char *place = reply;

	while ((place = strstr(place, PLACE))) {
		if (place > reply && is_edge(place[-1]) && is_edge(place[strlen(PLACE)]))
			return place;
		place++;
	}
	return NULL;
}

int greeting_make(char buf[GREETING_BYTES], const char *reply, const char *host)
{
	const char *place = find_place(reply);
	int length;

	if (place)
		length = snprintf(buf, GREETING_BYTES, "%.*s%s%s", (int)(place - reply), reply,
				  host, place + strlen(PLACE));
	else
		length = snprintf(buf, GREETING_BYTES, "%s", reply);
	return length < GREETING_BYTES ? length : -ENAMETOOLONG;
}
