/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a request line: taken apart or refused, and what comes out keeps its promises. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "publish/request.h"
#include "publish/state.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static int inside(const char *text, const char *line, size_t length)
{
	return text >= line && text + strlen(text) <= line + length;
}

static void check_request(const struct request *request, const char *line, size_t length)
{
	switch (request->kind) {
	case REQUEST_ADMISSION:
	case REQUEST_ENDED:
		check((unsigned int)request->class < CLASSES && request->size >= -1);
		check(!request->address[0] || address_is(request->address));
		break;
	case REQUEST_OVERRIDE:
		check((unsigned int)request->level < LEVELS);
		check(request->seconds >= 0 && request->seconds <= REQUEST_OVERRIDE_S);
		check(!*request->reason || inside(request->reason, line, length));
		check(strlen(request->reason) <= REQUEST_REASON &&
		      text_is_clean(request->reason, strlen(request->reason)));
		break;
	case REQUEST_OVERRIDE_OFF:
	case REQUEST_STATUS:
	case REQUEST_WATCH:
	case REQUEST_PAGE:
	case REQUEST_PING:
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[REQUEST_ERROR] = "", *line;
	struct request request;

	if (size > STATE_LINE)
		return 0;
	line = malloc(size + 1); /* exactly, so that a byte more is seen */
	if (!line)
		return 0;
	memcpy(line, data, size);
	if (!request_parse(&request, line, size, error))
		check_request(&request, line, size);
	else
		check(*error && strlen(error) < REQUEST_ERROR &&
		      text_is_clean(error, strlen(error)));
	free(line);
	return 0;
}
