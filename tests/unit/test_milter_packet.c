/* SPDX-License-Identifier: GPL-2.0-only */
/* The milter protocol: packets of real servers, and such as none sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mta/asker.h"
#include "mta/milter_packet.h"

static struct milter_client client;
static struct milter_action action;

/* In memory that ends where the packet's does. */
static enum milter_act take(const char *bytes, size_t length)
{
	char *packet = malloc(length + 1);

	memcpy(packet, bytes, length);
	milter_packet(&client, packet, length, &action);
	free(packet);
	return action.act;
}

/* A string's own NUL is the last of the packet's, as in most there are. */
#define TAKE(text)	take(text, sizeof(text))
#define TAKE_BARE(text) take(text, sizeof(text) - 1)

#define assert_answer(text)                                                               \
	do {                                                                              \
		assert_int_equal(action.length, MILTER_HEAD + sizeof(text) - 1);          \
		assert_int_equal(milter_length((const unsigned char *)action.answer),     \
				 sizeof(text) - 1);                                       \
		assert_memory_equal(action.answer + MILTER_HEAD, text, sizeof(text) - 1); \
	} while (0)

static void test_negotiation(void **state)
{
	(void)state;
	/* Postfix 3.7, Sendmail 8.17. */
	assert_int_equal(TAKE_BARE("O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), MILTER_ANSWERED);
	assert_answer("O\0\0\0\6\0\0\1\0\0\0\3\x7a\0\0\0\2{auth_authen} {auth_type}\0");
	/* Without a list of macros, and with fewer steps. */
	assert_int_equal(TAKE_BARE("O\0\0\0\2\0\0\0\x3f\0\0\0\x7f"), MILTER_ANSWERED);
	assert_answer("O\0\0\0\2\0\0\0\0\0\0\0\x7a");
	assert_int_equal(TAKE_BARE("O\0\0\0\x9\0\0\0\0\0\0\0\0"), MILTER_ANSWERED);
	assert_answer("O\0\0\0\6\0\0\0\0\0\0\0\0");
	assert_int_equal(TAKE_BARE("O\0\0\0\1\0\0\0\0\0\0\0\0"), MILTER_STRANGE);
	assert_int_equal(TAKE_BARE("O\0\0\0\6\0\0\0\0\0\0\0"), MILTER_STRANGE);
}

static void test_clients(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *address;
	} cases[] = {
#define CLIENT(bytes, address) { bytes, sizeof(bytes), address }
		CLIENT("Cclient.test\0004\x12\x34"
		       "192.0.2.1",
		       "192.0.2.1"),
		CLIENT("Cclient.test\0006\0\0"
		       "2001:db8::1",
		       "2001:db8::1"),
		CLIENT("Cclient.test\0006\0\0"
		       "IPv6:2001:db8::1",
		       "2001:db8::1"),
		CLIENT("Cclient.test\0006\0\0"
		       "fe80::1%eth0",
		       "fe80::1"),
		CLIENT("Cclient.test\0004\0\0"
		       "[192.0.2.1]",
		       "192.0.2.1"),
		/* A proxy's client, of Postfix; `sendmail -bs`; a unix socket. */
		CLIENT("Cunknown\0U", ""),
		CLIENT("Clocalhost\0U", "local"),
		CLIENT("Cclient.test\0L\0\0/run/socket", "local"),
		/* What there is not. */
		CLIENT("Clocalhost\0004\0\0x", ""),
		CLIENT("Clocalhost\0004\0\0", ""),
		CLIENT("Cclient.test\0X", ""),
		CLIENT("Cclient.test", ""),
		CLIENT("C", ""),
		{ "C", 1, "" },
		{ "Cx\0004\0\0"
		  "192.0.2.1",
		  15, "192.0.2.1" },
		{ "Cx\0004\0\0"
		  "192.0.2.1",
		  6, "" },
		{ "Cx\0004\0\0"
		  "192.0.2.1",
		  5, "" },
		{ "Cx\0004\0\0"
		  "192.0.2.1",
		  4, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(take(cases[i].bytes, cases[i].length), MILTER_ANSWERED);
		assert_answer("c");
		assert_string_equal(client.address, cases[i].address);
	}
	TAKE("Cclient.test\0004\0\0"
	     "192.0.2.1");
	assert_int_equal(TAKE_BARE("K"), MILTER_NOTHING);
	assert_string_equal(client.address, "");
}

static void test_mail(void **state)
{
	(void)state;
	assert_int_equal(TAKE("M<a@client.test>"), MILTER_ASK);
	assert_int_equal(action.size, SIZE_UNKNOWN);
	assert_false(action.authenticated);
	TAKE("M<a@client.test>\0BODY=8BITMIME\0SIZE=5");
	assert_int_equal(action.size, 5);
	TAKE("M<>\0SIZE=7\0SIZE=x\0SIZE=6");
	assert_int_equal(action.size, 7);
	TAKE("MSIZE=5");
	assert_int_equal(action.size, SIZE_UNKNOWN);
	/* Without its end, and without anything. */
	TAKE_BARE("M<>\0SIZE=77");
	assert_int_equal(action.size, 77);
	assert_int_equal(TAKE_BARE("M"), MILTER_ASK);
	assert_int_equal(action.size, SIZE_UNKNOWN);
}

static bool logged_in(const char *macros, size_t length)
{
	assert_int_equal(take(macros, length), MILTER_NOTHING);
	assert_int_equal(TAKE("M<a@client.test>"), MILTER_ASK);
	return action.authenticated;
}

#define LOGGED_IN(macros) logged_in(macros, sizeof(macros))

/* What libmilter believes to come in pairs. */
static void test_macros(void **state)
{
	char many[4096];

	(void)state;
	assert_true(LOGGED_IN("DMi\0004711\0{auth_authen}\0alice"));
	assert_true(LOGGED_IN("DM{auth_authen}\0alice\0{x}"));
	assert_true(LOGGED_IN("DM{auth_type}\0EXTERNAL"));
	assert_true(logged_in("DM{auth_authen}\0alice", 20));
	assert_false(LOGGED_IN("DM{auth_authen}\0"));
	assert_false(LOGGED_IN("DM{auth_authen}"));
	assert_false(logged_in("DM{auth_authen}", 15));
	assert_false(LOGGED_IN("DM{x}\0{auth_authen}\0alice"));
	assert_false(LOGGED_IN("DR{auth_authen}\0alice"));
	assert_false(LOGGED_IN("DM"));
	assert_false(logged_in("DM", 2));
	assert_false(logged_in("D", 1));
	for (size_t odd = 1; odd < 800; odd += 2) {
		many[0] = 'D';
		many[1] = 'M';
		for (size_t i = 0; i < odd; i++)
			memcpy(&many[2 + 4 * i], "{x}", 4);
		assert_false(logged_in(many, 2 + 4 * odd));
	}
	/* They are of one message, and of one client. */
	TAKE("DM{auth_authen}\0alice");
	assert_int_equal(TAKE_BARE("A"), MILTER_NOTHING);
	TAKE("M<>");
	assert_false(action.authenticated);
	TAKE("DM{auth_authen}\0alice");
	TAKE("Cunknown\0U");
	TAKE("M<>");
	assert_false(action.authenticated);
	TAKE("DM{auth_authen}\0alice");
	TAKE("M<>");
	assert_true(action.authenticated);
	TAKE("M<>");
	assert_false(action.authenticated);
}

/* Servers that cannot leave a step out wait for its answer. */
static void test_other_steps(void **state)
{
	(void)state;
	for (const char *step = "HRTLNBU"; *step; step++) {
		assert_int_equal(take(step, 1), MILTER_ANSWERED);
		assert_answer("c");
		assert_false(action.over);
	}
	TAKE_BARE("E");
	assert_answer("a");
	for (const char *end = "EAKMQC"; *end; end++) {
		take(end, 1);
		assert_true(action.over);
	}
	assert_int_equal(TAKE_BARE("Q"), MILTER_END);
	assert_int_equal(TAKE_BARE("x"), MILTER_STRANGE);
	assert_int_equal(take("", 0), MILTER_STRANGE);
	assert_int_equal(take("\0", 1), MILTER_STRANGE);
}

static void test_answers(void **state)
{
	struct spoolgate_admission admission = { .verdict = SPOOLGATE_ACCEPT };

	(void)state;
	milter_answer(&action, &admission, false);
	assert_answer("a");
	milter_answer(&action, &admission, true);
	assert_answer("c");
	admission.verdict = SPOOLGATE_DELAY;
	milter_answer(&action, &admission, false);
	assert_answer("a");
	admission.verdict = SPOOLGATE_DEFER;
	strcpy(admission.reply, "452 4.3.1 Insufficient system resources");
	milter_answer(&action, &admission, false);
	assert_answer("y452 4.3.1 Insufficient system resources\0");
	strcpy(admission.reply, "451 100% full");
	milter_answer(&action, &admission, false);
	assert_answer("y451 100%% full\0");
	strcpy(admission.reply, "550 no");
	milter_answer(&action, &admission, false);
	assert_answer("t");
	memset(admission.reply, '%', sizeof(admission.reply) - 1);
	memcpy(admission.reply, "452 4.3.1 ", 10);
	admission.reply[sizeof(admission.reply) - 1] = '\0';
	milter_answer(&action, &admission, false);
	assert_true(action.length <= sizeof(action.answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiation), cmocka_unit_test(test_clients),
		cmocka_unit_test(test_mail),	    cmocka_unit_test(test_macros),
		cmocka_unit_test(test_other_steps), cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests_name("milter_packet", tests, NULL, NULL);
}
