/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes from smtpd: each request that is well-formed is answered once, with the numbers it
 * came with, and nothing is said that smtpd would end of.
 *
 * Parses: user/mta/filter_core.c user/mta/filter_lines.c user/mta/filter_sessions.c
 * Parses: user/mta/filter_delays.c
 */
#include "fuzz.h"
#include "mta/filter_core.h"
#include "mta/filter_delays.h"
#include "mta/filter_lines.h"

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
	case FILTER_ENDED:
		check(action->size > 0);
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
		check(!"an act");
	}
}

/* Every other message is promised its size; what is told to be over was promised once. */
static void check_promise(struct filter_core *core, const struct filter_action *action,
			  unsigned int turn)
{
	static uint64_t promised; /* modulo 2^64: sizes may be any number */
	static unsigned int count;

	if (!turn)
		promised = count = 0;
	if (action->act == FILTER_ASK && action->over) {
		promised -= (uint64_t)action->over;
		check(count--);
	}
	if ((action->act == FILTER_ENDED || action->act == FILTER_FORGET) && action->size > 0) {
		promised -= (uint64_t)action->size;
		check(count--);
	}
	check(count || !promised);
	if (action->act == FILTER_ASK && action->size > 0 && turn % 2 &&
	    session_find(&core->sessions, strtoull(action->request.session, NULL, 16))) {
		filter_promised(core, action);
		promised += (uint64_t)action->size;
		count++;
	}
}

/* As smtpd writes it: whoever waits for an answer must get one. */
static bool is_request(const char *line)
{
	char event[64], numbers[2][18], end = '|';
	int fields = sscanf(line, "filter|0.%*63[^|]|%*63[^|]|smtp-in|%63[^|]|%17[^|]|%17[^|]%c",
			    event, numbers[0], numbers[1], &end);

	if (fields < 3 || end != '|' || !strcmp(event, "data-line"))
		return false;
	for (int i = 0; i < 2; i++)
		if (strspn(numbers[i], "0123456789abcdefABCDEF") != strlen(numbers[i]) ||
		    strlen(numbers[i]) > 16)
			return false;
	return strlen(line) < 200 && strlen(event) < 60;
}

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
		check(!registered || !is_request(line) || action.act == FILTER_ASK ||
		      action.act == FILTER_PASS);
		check_promise(&core, &action, turn);
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
