/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes from smtpd: each request that is well-formed is answered once, with the numbers it
 * came with, and nothing is said that smtpd would end of.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mta/filter_core.h"
#include "mta/filter_delays.h"
#include "mta/filter_lines.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_number(const char *number)
{
	check(*number && strlen(number) < FILTER_ID &&
	      strspn(number, "0123456789abcdefABCDEF") == strlen(number));
}

/* As smtpd reads it: kind, two numbers, and proceed or a 4xx reply of five bytes and more. */
static void check_answer(const struct filter_request *request, unsigned int turn)
{
	static const char *const replies[] = {
		"452 4.3.1 Full", "250 no", "", "4", "450 a|b", "\n"
	};
	struct spoolgate_admission admission = { .verdict = turn % 3 };
	char line[FILTER_ANSWER], *end;
	size_t length;

	check_number(request->session);
	check_number(request->token);
	strcpy(admission.reply, replies[turn % 6]);
	length = filter_answer(line, request, &admission);
	check(length < sizeof(line) && strlen(line) == length);
	end = strchr(line, '\n');
	check(end && !end[1] && !strncmp(line, "filter-result|", 14));
	end = strchr(strchr(line + 14, '|') + 1, '|') + 1;
	if (admission.verdict != SPOOLGATE_DEFER)
		check(!strcmp(end, "proceed\n"));
	else
		check(!strncmp(end, "reject|4", 8) && strlen(end) > 12 && end[10] == ' ');
}

static void check_action(struct filter_delays *delays, const struct filter_action *action,
			 unsigned int turn)
{
	switch (action->act) {
	case FILTER_ASK:
		check(action->size >= -1 && strlen(action->address) < ADDRESS_TEXT);
		check_answer(&action->request, turn);
		filter_delays_add(delays, turn * 2654435761u, &action->request);
		break;
	case FILTER_PASS:
		check_answer(&action->request, turn);
		break;
	case FILTER_FORGET:
		check_number(action->request.session);
		filter_delays_forget(delays, action->request.session);
		break;
	case FILTER_REGISTER:
	case FILTER_NOTHING:
	case FILTER_STRANGE:
		break;
	default:
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter_core core;
	static struct filter_delays delays;
	static struct filter_lines lines;
	const char *at = (const char *)data, *line;
	unsigned int turn = 0, registered = 0;
	struct filter_action action;
	int64_t before = 0;

	memset(&core, 0, sizeof(core));
	delays.count = 0;
	lines.used = 0;
	while ((line = filter_lines_next(&lines, &at, &size))) {
		filter_line(&core, line, &action);
		registered += action.act == FILTER_REGISTER;
		check(action.act != FILTER_ASK || registered);
		check_action(&delays, &action, turn++);
	}
	check(registered <= 1);
	while (delays.count) {
		check(filter_delays_next(&delays) >= before);
		before = filter_delays_next(&delays);
		check(filter_delays_take(&delays, before, &action.request));
	}
	return 0;
}
