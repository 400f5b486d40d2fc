/* SPDX-License-Identifier: GPL-2.0-only */
/* OpenSMTPD's filter protocol: lines as smtpd 6.8.0p2 and 7.x write them, and worse ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mta/asker.h"
#include "mta/filter_core.h"
#include "mta/filter_delays.h"
#include "mta/filter_lines.h"

#define SESSION "f151f77b707048e1"
#define TOKEN	"ffa3a687617f8ca6"
#define R6	"report|0.6|1795455491.133657|smtp-in|"
#define R7	"report|0.7|1795455491.133657|smtp-in|"
#define MAIL6	"filter|0.6|1795455491.291609|smtp-in|mail-from|" SESSION "|" TOKEN "|a@client.test"
#define MAIL7	"filter|0.7|1795455491.291609|smtp-in|mail-from|" SESSION "|" TOKEN "|a@client.test"

static int set_up(void **state)
{
	struct filter_core *core = calloc(1, sizeof(*core));

	*state = core;
	return core ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct filter_action take(void **state, const char *line)
{
	struct filter_action action;

	filter_line(*state, line, &action);
	return action;
}

static void begin(void **state)
{
	assert_int_equal(take(state, "config|smtpd-version|6.8.0p2").act, FILTER_NOTHING);
	assert_int_equal(take(state, "config|smtp-session-timeout|300").act, FILTER_NOTHING);
	assert_int_equal(take(state, "config|subsystem|smtp-in").act, FILTER_NOTHING);
	assert_int_equal(take(state, "config|admd|opensmtpd.test").act, FILTER_NOTHING);
	assert_int_equal(take(state, "config|ready").act, FILTER_REGISTER);
}

static void test_begin(void **state)
{
	assert_int_equal(take(state, MAIL6).act, FILTER_STRANGE);
	begin(state);
	assert_int_equal(take(state, "config|ready").act, FILTER_NOTHING);
	assert_int_equal(take(state, MAIL6).act, FILTER_ASK);
}

static void test_stranger(void **state)
{
	struct filter_action action;

	begin(state);
	take(state, R6 "link-connect|" SESSION "|localhost|pass|192.0.2.1:35664|127.0.0.1:2562");
	assert_int_equal(
		take(state, R6 "protocol-client|" SESSION "|MAIL FROM:<a@client.test> SIZE=20000")
			.act,
		FILTER_NOTHING);
	action = take(state, MAIL6);
	assert_int_equal(action.act, FILTER_ASK);
	assert_string_equal(action.request.session, SESSION);
	assert_string_equal(action.request.token, TOKEN);
	assert_string_equal(action.address, "192.0.2.1");
	assert_false(action.authenticated);
	assert_int_equal(action.size, 20000);
	/* The next message has not said its size. */
	assert_int_equal(take(state, MAIL6).size, SIZE_UNKNOWN);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *rest, *address;
	} cases[] = {
		{ "mail.example.org|pass|192.0.2.1:35664|127.0.0.1:25", "192.0.2.1" },
		{ "|fail|[2001:db8::1]:35664|[::1]:25", "2001:db8::1" },
		{ "x|fail|[IPv6:2001:db8::1]:35664|[::1]:25", "2001:db8::1" },
		{ "x|fail|[2001:db8::1]|[::1]:25", "2001:db8::1" },
		{ "localhost|pass|unix:/var/run/smtpd.sock|unix:/var/run/smtpd.sock", "local" },
		{ "x|error|[fe80::1%eth0]:1|[::1]:25", "fe80::1" },
		{ "x|fail|[fe80:0:0:0:1234:5678:9abc:def0%enx001122334455]:1|[::1]:25",
		  "fe80:0:0:0:1234:5678:9abc:def0" },
		/* A name server of the client's own has no say in where it comes from. */
		{ "x|pass|127.0.0.1:1|127.0.0.1:25|fail|192.0.2.1:1|127.0.0.1:25", "192.0.2.1" },
		{ "x", "" },
		{ "", "" },
		{ "x|fail|<unknown>|127.0.0.1:25", "" },
		{ "x|fail|[::1|127.0.0.1:25", "" },
		{ "x|fail|12345678901234567890123456789012345678901234567890:1|127.0.0.1:25", "" },
	};
	char line[256];

	begin(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_action action;

		snprintf(line, sizeof(line), R7 "link-connect|" SESSION "|%s", cases[i].rest);
		assert_int_equal(take(state, line).act, FILTER_NOTHING);
		action = take(state, MAIL7);
		assert_string_equal(action.address, cases[i].address);
	}
}

static void test_login(void **state)
{
	static const struct {
		const char *line;
		bool authenticated;
	} cases[] = {
		{ R6 "link-auth|" SESSION "|alice|pass", true },
		{ R6 "link-auth|" SESSION "|alice|fail", false },
		{ R6 "link-auth|" SESSION "|pass|fail", false },
		{ R6 "link-auth|" SESSION "|pass|x|fail", false },
		{ R6 "link-auth|" SESSION "|x|y|pass", true },
		{ R6 "link-auth|" SESSION "|pass", false },
		{ R7 "link-auth|" SESSION "|pass|alice", true },
		{ R7 "link-auth|" SESSION "|fail|pass", false },
		{ R7 "link-auth|" SESSION "|fail|x|pass", false },
		{ R7 "link-auth|" SESSION "|error|alice", false },
		{ "report|0.10|1|smtp-in|link-auth|" SESSION "|pass|alice", true },
		{ "report|0.6|1|smtp-out|link-auth|" SESSION "|alice|pass", false },
	};

	begin(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		take(state, R6 "link-connect|" SESSION "|x|pass|192.0.2.1:1|127.0.0.1:25");
		assert_int_equal(take(state, cases[i].line).act, FILTER_NOTHING);
		assert_int_equal(take(state, MAIL6).authenticated, cases[i].authenticated);
	}
}

/* One message, one promise, one end; of one whose end nobody told, the next one tells. */
static void test_promises(void **state)
{
	static const char *const ends[] = { R6 "tx-commit|" SESSION "|1a2b3c4d|20000",
					    R6 "tx-rollback|" SESSION "|1a2b3c4d" };
	const char *mail = R6 "protocol-client|" SESSION "|MAIL FROM:<a@client.test> SIZE=20000";
	struct filter_action action;

	begin(state);
	take(state, R6 "link-connect|" SESSION "|x|pass|192.0.2.1:1|127.0.0.1:25");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(take(state, ends[i]).act, FILTER_NOTHING);
		take(state, mail);
		action = take(state, MAIL6);
		filter_promised(*state, &action);
		action = take(state, ends[i]);
		assert_int_equal(action.act, FILTER_ENDED);
		assert_int_equal(action.size, 20000);
		assert_string_equal(action.address, "192.0.2.1");
		assert_int_equal(take(state, ends[i]).act, FILTER_NOTHING);
	}
	take(state, mail);
	action = take(state, MAIL6);
	assert_int_equal(action.over, 0);
	filter_promised(*state, &action);
	action = take(state, MAIL6);
	assert_int_equal(action.over, 20000);
	assert_int_equal(take(state, R6 "link-disconnect|" SESSION).size, SIZE_UNKNOWN);
	take(state, R6 "link-connect|" SESSION "|x|pass|192.0.2.1:1|127.0.0.1:25");
	take(state, mail);
	action = take(state, MAIL6);
	filter_promised(*state, &action);
	action = take(state, R6 "link-disconnect|" SESSION);
	assert_int_equal(action.act, FILTER_FORGET);
	assert_int_equal(action.size, 20000);
	assert_string_equal(action.address, "192.0.2.1");
}

static void test_disconnect(void **state)
{
	struct filter_action action;

	begin(state);
	take(state, R6 "link-connect|" SESSION "|x|pass|192.0.2.1:1|127.0.0.1:25");
	take(state, R6 "link-auth|" SESSION "|alice|pass");
	action = take(state, R6 "link-disconnect|" SESSION);
	assert_int_equal(action.act, FILTER_FORGET);
	assert_string_equal(action.request.session, SESSION);
	action = take(state, MAIL6);
	assert_int_equal(action.act, FILTER_ASK);
	assert_false(action.authenticated);
	assert_string_equal(action.address, "");
}

static void test_strange(void **state)
{
	static const char *const lines[] = {
		"",
		"|",
		"hello",
		"filter",
		"filter|",
		"filter|0.6|1|smtp-in|mail-from",
		"filter|0.6|1|smtp-in|mail-from|" SESSION,
		"filter|0.6|1|smtp-in|mail-from|" SESSION "|",
		"filter|0.6|1|smtp-in|mail-from||" TOKEN "|a",
		"filter|0.6|1|smtp-in|mail-from|xyz|" TOKEN "|a",
		"filter|0.6|1|smtp-in|mail-from|" SESSION "0|" TOKEN "|a",
		"filter|0.6|1|smtp-in|mail-from|-1|" TOKEN "|a",
		"filter|1.0|1|smtp-in|mail-from|" SESSION "|" TOKEN "|a",
		"filter|0.6|1|smtp-in|data-line|" SESSION "|" TOKEN "|Subject: t",
		"report|0.6|1|smtp-in|link-connect",
		"report|0.6|1|smtp-in|link-connect|zz|x",
		"filter|0.6|1111111111222222222233333333334444444444555555555566666666667777|"
		"smtp-in|mail-from|" SESSION "|" TOKEN "|a",
	};

	begin(state);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(take(state, lines[i]).act, FILTER_STRANGE);
	/* Not registered for, but somebody waits. */
	assert_int_equal(take(state, "filter|0.6|1|smtp-in|commit|" SESSION "|" TOKEN "|").act,
			 FILTER_PASS);
	assert_int_equal(take(state, "filter|0.6|1|smtp-in|mail-from|" SESSION "|" TOKEN).act,
			 FILTER_ASK);
}

/* More sessions than the table has: the last ones are known, and nothing else happens. */
static void test_many(void **state)
{
	char line[256];
	unsigned int last = 100000, known = 0;

	begin(state);
	for (unsigned int i = 1; i <= last; i++) {
		snprintf(line, sizeof(line), R6 "link-connect|%016x|x|pass|192.0.2.1:1|[::1]:25",
			 i);
		take(state, line);
	}
	for (unsigned int i = last - 1000; i <= last; i++) {
		snprintf(line, sizeof(line), "filter|0.6|1|smtp-in|mail-from|%016x|1|a", i);
		known += !strcmp(take(state, line).address, "192.0.2.1");
	}
	assert_int_equal(known, 1001);
	assert_string_equal(take(state, "filter|0.6|1|smtp-in|mail-from|1|1|a").address, "");
}

static void answer_is(const struct spoolgate_admission *admission, const char *want)
{
	const struct filter_request request = { .session = SESSION, .token = TOKEN };
	char line[FILTER_ANSWER];

	assert_int_equal(filter_answer(line, &request, admission), strlen(want));
	assert_string_equal(line, want);
}

static void test_answers(void **state)
{
	struct spoolgate_admission admission = { .verdict = SPOOLGATE_ACCEPT };

	(void)state;
	answer_is(&admission, "filter-result|" SESSION "|" TOKEN "|proceed\n");
	admission.verdict = SPOOLGATE_DELAY;
	answer_is(&admission, "filter-result|" SESSION "|" TOKEN "|proceed\n");
	admission.verdict = SPOOLGATE_DEFER;
	strcpy(admission.reply, "421 4.3.2 Back at 10:00");
	answer_is(&admission,
		  "filter-result|" SESSION "|" TOKEN "|reject|421 4.3.2 Back at 10:00\n");
	/* smtpd would have its own idea of these. */
	strcpy(admission.reply, "250 2.0.0 Ok");
	answer_is(&admission, "filter-result|" SESSION "|" TOKEN
			      "|reject|452 4.3.1 Insufficient system resources\n");
	strcpy(admission.reply, "452");
	answer_is(&admission, "filter-result|" SESSION "|" TOKEN
			      "|reject|452 4.3.1 Insufficient system resources\n");
	memset(admission.reply, 'x', sizeof(admission.reply) - 1);
	memcpy(admission.reply, "452 ", 4);
	char line[FILTER_ANSWER];
	const struct filter_request request = { .session = SESSION, .token = TOKEN };

	assert_int_equal(filter_answer(line, &request, &admission),
			 strlen("filter-result|||reject|\n") + 32 + 255);
}

/*
 * OpenSMTPD 6.6 asks in the order of all later ones and wants the answer in the other: it looks
 * for a session of what comes second, and where there is none it waits on.
 */
static void test_answers_old(void **state)
{
	static const struct {
		const char *version, *numbers;
	} cases[] = {
		{ "0.4", TOKEN "|" SESSION }, { "0.3", TOKEN "|" SESSION },
		{ "0.5", SESSION "|" TOKEN }, { "0.6", SESSION "|" TOKEN },
		{ "0.7", SESSION "|" TOKEN }, { "0.10", SESSION "|" TOKEN },
	};
	struct spoolgate_admission admission = { .reply = "452 4.3.1 Full" };
	char line[256], want[256], got[FILTER_ANSWER];

	begin(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_action action;

		snprintf(line, sizeof(line), "filter|%s|1|smtp-in|mail-from|%s|%s|a@client.test",
			 cases[i].version, SESSION, TOKEN);
		action = take(state, line);
		assert_int_equal(action.act, FILTER_ASK);
		admission.verdict = SPOOLGATE_ACCEPT;
		filter_answer(got, &action.request, &admission);
		snprintf(want, sizeof(want), "filter-result|%s|proceed\n", cases[i].numbers);
		assert_string_equal(got, want);
		admission.verdict = SPOOLGATE_DEFER;
		filter_answer(got, &action.request, &admission);
		snprintf(want, sizeof(want), "filter-result|%s|reject|452 4.3.1 Full\n",
			 cases[i].numbers);
		assert_string_equal(got, want);
	}
	assert_int_equal(take(state, "filter|0.4|1|smtp-in|commit|" SESSION "|" TOKEN "|").act,
			 FILTER_PASS);
}

static void test_lines(void **state)
{
	struct filter_lines *lines = calloc(1, sizeof(*lines));
	static char input[3 * FILTER_LINE];
	const char *bytes, *line;
	size_t size;

	(void)state;
	bytes = "one\n\ntw";
	size = strlen(bytes);
	assert_string_equal(filter_lines_next(lines, &bytes, &size), "one");
	assert_string_equal(filter_lines_next(lines, &bytes, &size), "");
	assert_null(filter_lines_next(lines, &bytes, &size));
	assert_int_equal(size, 0);
	bytes = "o\n";
	size = strlen(bytes);
	assert_string_equal(filter_lines_next(lines, &bytes, &size), "two");
	memset(input, 'x', sizeof(input));
	bytes = input;
	size = sizeof(input);
	assert_null(filter_lines_next(lines, &bytes, &size));
	bytes = "y\nnext\n";
	size = strlen(bytes);
	line = filter_lines_next(lines, &bytes, &size);
	assert_int_equal(strlen(line), FILTER_LINE - 1);
	assert_null(strchr(line, 'y'));
	assert_string_equal(filter_lines_next(lines, &bytes, &size), "next");
	free(lines);
}

static void add(struct filter_delays *delays, int64_t due_ns, const char *session)
{
	struct filter_request request = { .token = "1" };

	strcpy(request.session, session);
	assert_true(filter_delays_add(delays, due_ns, &request));
}

static void test_delays(void **state)
{
	struct filter_delays *delays = calloc(1, sizeof(*delays));
	struct filter_request request;

	(void)state;
	assert_true(filter_delays_next(delays) == INT64_MAX);
	assert_false(filter_delays_take(delays, INT64_MAX, &request));
	add(delays, 30, "c");
	add(delays, 10, "a");
	add(delays, 20, "b");
	add(delays, 15, "c");
	assert_int_equal(filter_delays_next(delays), 10);
	assert_false(filter_delays_take(delays, 9, &request));
	assert_true(filter_delays_take(delays, 10, &request));
	assert_string_equal(request.session, "a");
	filter_delays_forget(delays, "c");
	assert_int_equal(delays->count, 1);
	assert_int_equal(filter_delays_next(delays), 20);
	filter_delays_forget(delays, "b");
	assert_int_equal(delays->count, 0);
	free(delays);
}

/* In any order in, in order out; and the bound. */
static void test_delays_order(void **state)
{
	struct filter_delays *delays = calloc(1, sizeof(*delays));
	struct filter_request request = { .session = "1", .token = "1" };
	int64_t before = -1;

	(void)state;
	for (int64_t i = 0; i < FILTER_DELAYS; i++)
		assert_true(filter_delays_add(delays, i * 7919 % 4099, &request));
	assert_false(filter_delays_add(delays, 1, &request));
	while (delays->count) {
		assert_true(filter_delays_next(delays) >= before);
		before = filter_delays_next(delays);
		assert_true(filter_delays_take(delays, INT64_MAX - 1, &request));
	}
	free(delays);
}

#define with_core(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_core(test_begin),	       with_core(test_stranger),
		with_core(test_addresses),     with_core(test_login),
		with_core(test_promises),      with_core(test_strange),
		with_core(test_disconnect),    with_core(test_strange),
		with_core(test_many),	       cmocka_unit_test(test_answers),
		with_core(test_answers_old),   cmocka_unit_test(test_lines),
		cmocka_unit_test(test_delays), cmocka_unit_test(test_delays_order),
	};

	return cmocka_run_group_tests_name("filter_core", tests, NULL, NULL);
}
