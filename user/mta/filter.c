/* SPDX-License-Identifier: GPL-2.0-only */
/* filter-spoolgate between smtpd and the daemon. */
#include "mta/filter.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "common/units.h"

/*
 * The shortest line that is answered, "filter|0.||||0|0" and its end, is 17 bytes. So many can
 * be in one read, with one more that has begun before, and each answer has up to FILTER_ANSWER.
 */
#define ANSWERS_AT_ONCE (FILTER_INPUT / 17 + 2)
#define OUTPUT_ROOM	(ANSWERS_AT_ONCE * FILTER_ANSWER)

#define FLUSH_MS 1000 /* at the end of input */

_Static_assert(OUTPUT_ROOM <= FILTER_OUTPUT / 2,
	       "the answers to one read must fit into the output");

static bool has_room(const struct filter *filter, size_t size)
{
	return sizeof(filter->output) - filter->output_used >= size;
}

static void put(struct filter *filter, const char *bytes, size_t length)
{
	memcpy(filter->output + filter->output_used, bytes, length);
	filter->output_used += length;
}

/* With nobody there to read (smtpd is gone, and the end of input is near) it is thrown away. */
static void flush(struct filter *filter)
{
	while (filter->output_used) {
		ssize_t written = write(filter->out, filter->output, filter->output_used);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return;
		if (written < 0)
			written = (ssize_t)filter->output_used;
		filter->output_used -= (size_t)written;
		memmove(filter->output, filter->output + written, filter->output_used);
	}
}

static void answer(struct filter *filter, const struct filter_request *request,
		   const struct spoolgate_admission *admission)
{
	char line[FILTER_ANSWER];

	put(filter, line, filter_answer(line, request, admission));
}

/* SIZE bytes of it are not needed any more. */
static void end_promise(struct filter *filter, const struct filter_action *action, int64_t size)
{
	if (size > 0)
		asker_ended(&filter->asker, action->authenticated, action->address, size);
}

/* A delay that there is no room for is an accept. */
static void ask(struct filter *filter, const struct filter_action *action)
{
	struct spoolgate_admission admission;
	int64_t due_ns;

	end_promise(filter, action, action->over);
	asker_ask(&filter->asker, action->authenticated, action->address, action->size, &admission);
	if (admission.promised)
		filter_promised(&filter->core, action);
	if (admission.verdict == SPOOLGATE_DELAY) {
		due_ns = monotonic_ns() + admission.delay_s * NS_PER_S;
		if (filter_delays_add(&filter->delays, due_ns, &action->request))
			return;
	}
	answer(filter, &action->request, &admission);
}

static void answer_delayed(struct filter *filter)
{
	const struct spoolgate_admission accept = { .verdict = SPOOLGATE_ACCEPT };
	int64_t now_ns = monotonic_ns();
	struct filter_request request;

	while (has_room(filter, FILTER_ANSWER) &&
	       filter_delays_take(&filter->delays, now_ns, &request))
		answer(filter, &request, &accept);
}

/* The first, the tenth, the hundredth …: each would fill smtpd's log. */
static void complain(struct filter *filter, const char *line)
{
	unsigned long count = ++filter->strange_lines;
	char shown[48];

	while (count % 10 == 0)
		count /= 10;
	if (count == 1)
		log_warning("ignored what is no line of smtpd's filter protocol (%lu so far): %s",
			    filter->strange_lines,
			    text_clean(shown, sizeof(shown), line, strlen(line)));
}

static void take_line(struct filter *filter, const char *line)
{
	const struct spoolgate_admission accept = { .verdict = SPOOLGATE_ACCEPT };
	struct filter_action action;

	filter_line(&filter->core, line, &action);
	switch (action.act) {
	case FILTER_NOTHING:
		break;
	case FILTER_REGISTER:
		put(filter, filter_registration, strlen(filter_registration));
		break;
	case FILTER_ASK:
		ask(filter, &action);
		break;
	case FILTER_ENDED:
		end_promise(filter, &action, action.size);
		break;
	case FILTER_PASS:
		answer(filter, &action.request, &accept);
		break;
	case FILTER_FORGET:
		filter_delays_forget(&filter->delays, action.request.session);
		end_promise(filter, &action, action.size);
		break;
	case FILTER_STRANGE:
		complain(filter, line);
		break;
	}
}

/* Returns false at the end of input. */
static bool take_input(struct filter *filter)
{
	ssize_t got = read(filter->in, filter->input, sizeof(filter->input));
	const char *at = filter->input, *line;
	size_t left;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	left = (size_t)got;
	while ((line = filter_lines_next(&filter->lines, &at, &left)))
		take_line(filter, line);
	return true;
}

/* For poll(2): until the next delayed answer is due, rounded up; -1 when there is none. */
static int wait_ms(const struct filter *filter)
{
	int64_t next_ns = filter_delays_next(&filter->delays), left_ns;

	if (next_ns == INT64_MAX)
		return -1;
	left_ns = next_ns - monotonic_ns();
	if (left_ns <= 0)
		return has_room(filter, FILTER_ANSWER) ? 0 : -1;
	left_ns = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
	return left_ns < INT_MAX ? (int)left_ns : INT_MAX;
}

void filter_run(struct filter *filter)
{
	bool reading = true;

	while (reading) {
		bool room = has_room(filter, OUTPUT_ROOM);
		struct pollfd fds[] = {
			{ .fd = room ? filter->in : -1, .events = POLLIN },
			{ .fd = filter->output_used ? filter->out : -1, .events = POLLOUT },
		};
		int ready = poll(fds, 2, wait_ms(filter));

		if (ready > 0 && fds[0].revents)
			reading = take_input(filter);
		answer_delayed(filter);
		flush(filter);
	}
	if (filter->output_used) {
		struct pollfd out = { .fd = filter->out, .events = POLLOUT };

		poll(&out, 1, FLUSH_MS);
		flush(filter);
	}
}
