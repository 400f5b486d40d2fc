/* SPDX-License-Identifier: GPL-2.0-only */
/* What mail servers' helpers read of SMTP: SIZE, replies, and the class of a client. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mta/asker.h"
#include "mta/mail.h"

static void test_parameter_size(void **state)
{
	static const struct {
		const char *text;
		int64_t size;
	} cases[] = {
		{ "SIZE=20000", 20000 },
		{ "size=0", 0 },
		{ "Size=00000000000000000000000007", 7 },
		{ "SIZE=9223372036854775807", INT64_MAX },
		{ "SIZE=9223372036854775808", INT64_MAX },
		{ "SIZE=99999999999999999999999999", INT64_MAX },
		{ "SIZE=", SIZE_UNKNOWN },
		{ "SIZE", SIZE_UNKNOWN },
		{ "SIZE=-1", SIZE_UNKNOWN },
		{ "SIZE=+1", SIZE_UNKNOWN },
		{ "SIZE=1k", SIZE_UNKNOWN },
		{ "SIZE= 1", SIZE_UNKNOWN },
		{ "BODY=8BITMIME", SIZE_UNKNOWN },
		{ "XSIZE=5", SIZE_UNKNOWN },
		{ "", SIZE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(mail_parameter_size(cases[i].text) == cases[i].size);
}

static void test_command_size(void **state)
{
	static const struct {
		const char *text;
		int64_t size;
	} cases[] = {
		{ "MAIL FROM:<a@client.test>", SIZE_UNKNOWN },
		{ "MAIL FROM:<a@client.test> SIZE=5", 5 },
		{ "mail from: <a@client.test>  body=7bit\tsize=6 ", 6 },
		{ "MAIL FROM:<\"a> SIZE=1 <\"@client.test> SIZE=7", 7 },
		{ "MAIL FROM:<\"a SIZE=1\"@client.test>", SIZE_UNKNOWN },
		{ "MAIL FROM:a@client.test SIZE=8", 8 },
		{ "MAIL FROM:<> SIZE=9 SIZE=10", 10 },
		{ "MAIL FROM:<> SIZE=10 SIZE=9", 10 },
		{ "MAIL FROM:<> SIZE=10 SIZE=x", 10 },
		{ "MAIL FROM:<>SIZE=11", 11 },
		{ "MAIL FROM:<a@client.test> SIZE=13 AUTH=<>", 13 },
		{ "MAIL FROM:<a@client.test> AUTH=<> SIZE=14", 14 },
		{ "MAIL FROM:<a@client.test> AUTH=<SIZE=1> X=<", SIZE_UNKNOWN },
		{ "MAIL FROM:<\"a\\\"> SIZE=1 <\"@client.test> SIZE=15 AUTH=<>", 15 },
		{ "MAIL FROM:<a\\> SIZE=1\\ @client.test> SIZE=16", 16 },
		{ "MAIL FROM:a@client.test SIZE=17 AUTH=<>", 17 },
		{ "MAIL FROM:<a@client.test SIZE=18", SIZE_UNKNOWN },
		{ "MAIL FROM:<\"a> SIZE=19", SIZE_UNKNOWN },
		{ "MAIL FROM:<a\\", SIZE_UNKNOWN },
		{ "MAIL FROM:", SIZE_UNKNOWN },
		{ "MAIL FROM:  ", SIZE_UNKNOWN },
		{ "MAIL FROM:<> "
		  "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX=1 "
		  "SIZE=12",
		  12 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(mail_is_command(cases[i].text));
		assert_true(mail_command_size(cases[i].text) == cases[i].size);
	}
	assert_false(mail_is_command("RCPT TO:<a@client.test>"));
	assert_false(mail_is_command("MAIL"));
	assert_false(mail_is_command(""));
}

static void test_reply(void **state)
{
	static const struct {
		const char *line, *code, *enhanced, *text;
	} cases[] = {
		{ "452 4.3.1 Insufficient system resources", "452", "4.3.1",
		  "Insufficient system resources" },
		{ "421 4.3.2 Back at 10:00, 100% sure", "421", "4.3.2",
		  "Back at 10:00, 100% sure" },
		{ "451 Try again", "451", "", "Try again" },
		{ "450", "450", "", "" },
		{ "450 4.2.0", "450", "4.2.0", "" },
		{ "450 4.200.999 x", "450", "4.200.999", "x" },
		{ "450 4.2000.0 x", "450", "", "4.2000.0 x" },
		{ "450 5.1.1 x", "450", "", "5.1.1 x" },
		{ "450 4.1 x", "450", "", "4.1 x" },
		{ "450 4.1.1x", "450", "", "4.1.1x" },
	};
	static const char *const refused[] = {
		"",	"250 2.0.0 Ok",	  "550 5.7.1 No",	"45 x",	    "4520 x",
		"452x", "452 a\r\n250 b", "452 M\xc3\xbcnchen", "452 a\tb",
	};
	struct mail_reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(mail_reply_parse(cases[i].line, &reply), 0);
		assert_string_equal(reply.code, cases[i].code);
		assert_string_equal(reply.enhanced, cases[i].enhanced);
		assert_string_equal(reply.text, cases[i].text);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(mail_reply_parse(refused[i], &reply), -EINVAL);
}

static void test_reply_long(void **state)
{
	struct mail_reply reply;
	char line[600];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "452 ", 4);
	line[599] = '\0';
	assert_int_equal(mail_reply_parse(line, &reply), -EINVAL);
	line[500] = '\0';
	assert_int_equal(mail_reply_parse(line, &reply), 0);
	assert_int_equal(strlen(reply.text), 496);
}

static void test_escape(void **state)
{
	char text[8];

	(void)state;
	assert_string_equal(mail_text_escape(text, sizeof(text), "100% s"), "100%% s");
	assert_string_equal(mail_text_escape(text, sizeof(text), "a%%%%"), "a%%%%%%");
	assert_string_equal(mail_text_escape(text, sizeof(text), ""), "");
}

static void test_class(void **state)
{
	struct asker asker;
	char problem[256];

	(void)state;
	assert_int_equal(asker_open(&asker, "/nowhere/state.sock"), 0);
	assert_int_equal(asker_class(&asker, false, "192.0.2.1"), SPOOLGATE_INBOUND);
	assert_int_equal(asker_class(&asker, false, "127.0.0.1"), SPOOLGATE_INTERNAL);
	assert_int_equal(asker_class(&asker, false, "::1"), SPOOLGATE_INTERNAL);
	assert_int_equal(asker_class(&asker, false, "local"), SPOOLGATE_INTERNAL);
	assert_int_equal(asker_class(&asker, false, NULL), SPOOLGATE_INBOUND);
	assert_int_equal(asker_class(&asker, false, ""), SPOOLGATE_INBOUND);
	assert_int_equal(asker_class(&asker, true, "192.0.2.1"), SPOOLGATE_SUBMISSION);
	assert_int_equal(asker_class(&asker, true, "127.0.0.1"), SPOOLGATE_SUBMISSION);
	assert_int_equal(
		asker_networks(&asker, " 192.0.2.0/24, 2001:db8::/32", problem, sizeof(problem)),
		0);
	assert_int_equal(asker_class(&asker, false, "192.0.2.1"), SPOOLGATE_INTERNAL);
	assert_int_equal(asker_class(&asker, false, "127.0.0.1"), SPOOLGATE_INBOUND);
	assert_int_equal(asker_class(&asker, false, NULL), SPOOLGATE_INBOUND);
	assert_int_equal(asker_networks(&asker, "", problem, sizeof(problem)), 0);
	assert_int_equal(asker_class(&asker, false, "127.0.0.1"), SPOOLGATE_INBOUND);
	asker_close(&asker);
}

static void test_networks_refused(void **state)
{
	struct asker asker;
	char problem[256], many[ASKER_NETWORKS * 8 + 16] = "";

	(void)state;
	assert_int_equal(asker_open(&asker, "/nowhere/state.sock"), 0);
	assert_int_equal(asker_networks(&asker, "10.0.0.0/8,mail\x1b", problem, sizeof(problem)),
			 -EINVAL);
	assert_string_equal(problem, "\"mail?\" is no network; allowed: ADDRESS/PREFIX as in "
				     "192.0.2.0/24 and 2001:db8::/32");
	assert_int_equal(asker_networks(&asker, "10.1.0.0/8", problem, sizeof(problem)), -EINVAL);
	assert_string_equal(
		problem, "\"10.1.0.0/8\" has bits set beyond its prefix; allowed: \"10.0.0.0/8\"");
	for (int i = 0; i <= ASKER_NETWORKS; i++)
		strcat(many, "::1,");
	assert_int_equal(asker_networks(&asker, many, problem, sizeof(problem)), -E2BIG);
	asker_close(&asker);
}

/* Nobody there: an accept that says so, and again at once. */
static void test_gone(void **state)
{
	struct spoolgate_admission admission;
	struct asker asker;

	(void)state;
	assert_int_equal(asker_open(&asker, "/nowhere/state.sock"), 0);
	for (int i = 0; i < 1000; i++) {
		asker_ask(&asker, false, "192.0.2.1", 20000, &admission);
		assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
		assert_false(admission.known);
	}
	assert_int_equal(asker.state, ASKER_GONE);
	asker_close(&asker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameter_size),
		cmocka_unit_test(test_command_size),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_long),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_networks_refused),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
