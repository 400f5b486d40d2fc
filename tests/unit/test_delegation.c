/* SPDX-License-Identifier: GPL-2.0-only */
/* Postfix's policy delegation: what is understood, what is answered, and how often it is asked. */
#include <dirent.h>

#include "listener_server.h"
#include "publish/delegation.h"

#define SAMPLES "tests/fuzz/seeds/delegation" /* what a real Postfix sent; run from the root */

static char sample[DELEGATION_REQUEST];

static size_t read_sample(const char *name)
{
	char path[300];
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), SAMPLES "/%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(sample, 1, sizeof(sample), file);
	fclose(file);
	return length;
}

static struct delegation_request parse_sample(const char *name)
{
	struct delegation_request request;
	char error[DELEGATION_ERROR] = "";
	size_t length = read_sample(name);

	assert_int_equal(delegation_parse(&request, sample, length, error), length);
	return request;
}

static void test_samples_are_understood(void **state)
{
	struct delegation_request request = parse_sample("05-rcpt");

	(void)state;
	assert_string_equal(request.instance, "35c.6b0481f6.ce4f0.0");
	assert_string_equal(request.address, "127.0.0.1");
	assert_int_equal(request.size, 12345);
	assert_false(request.authenticated);
	assert_false(request.received);
	request = parse_sample("00-connect");
	assert_string_equal(request.instance, "");
	assert_int_equal(request.size, -1);
	request = parse_sample("08-end-of-message");
	assert_true(request.received);
	assert_string_equal(request.instance, "35c.6b0481f6.ce4f0.0");
	request = parse_sample("12-rcpt");
	assert_string_equal(request.instance, "35c.6b0481f6.d5d8d.2");
}

/* No prefix of a request is one, and what follows is another's. */
static void test_pieces(void **state)
{
	struct delegation_request request;
	char error[DELEGATION_ERROR];
	size_t length = read_sample("05-rcpt");

	(void)state;
	for (size_t i = 0; i < length; i++)
		assert_int_equal(delegation_parse(&request, sample, i, error), 0);
	memcpy(sample + length, "request=", 8);
	assert_int_equal(delegation_parse(&request, sample, length + 8, error), length);
}

static const char *parse_error(const char *text, size_t length)
{
	static char error[DELEGATION_ERROR];
	struct delegation_request request;

	assert_int_equal(delegation_parse(&request, text, length, error), -EBADMSG);
	return error;
}

#define REQUEST "request=smtpd_access_policy\n"

static void test_what_is_wrong(void **state)
{
	char many[2048];

	(void)state;
	assert_string_equal(parse_error("\n", 1), "an empty request");
	assert_string_equal(parse_error("a\0b", 3), "a NUL byte");
	assert_string_equal(parse_error("client_address=::1\n\n", 20),
			    "no request=smtpd_access_policy");
	assert_string_equal(parse_error("request=junk\n\n", 14), "request=junk");
	assert_string_equal(parse_error(REQUEST "hello\x1b\n\n", strlen(REQUEST) + 8),
			    "a line that is not name=value: hello?");
	assert_string_equal(parse_error("=x\n\n", 4), "a line that is not name=value: =x");
	strcpy(many, REQUEST);
	for (int i = 0; i < DELEGATION_ATTRIBUTES; i++)
		strcat(many, "a=b\n");
	strcat(many, "\n");
	assert_string_equal(parse_error(many, strlen(many)), "more than 128 attributes");
}

#define LONG "0123456789abcdef"

static void test_values(void **state)
{
	static const struct {
		const char *text, *address;
		int64_t size;
		bool authenticated;
	} cases[] = {
		{ "client_address=unknown\nsize=0\n", "", -1, false },
		{ "client_address=2001:db8::1\nsize=1\n", "2001:db8::1", 1, false },
		{ "client_address=::ffff:192.0.2.7\n", "::ffff:192.0.2.7", -1, false },
		{ "client_address=\nsize=99999999999999999999\n", "", INT64_MAX, false },
		{ "client_address=fe80::1%eth0\nsize=-1\n", "fe80::1", -1, false },
		{ "client_address=[IPv6:2001:db8::1]\nsize=\n", "2001:db8::1", -1, false },
		{ "client_address=[127.0.0.1]\nsize=1000/x\n", "127.0.0.1", -1, false },
		{ "client_address=localhost\nsize= 1\n", "", -1, false },
		{ "size=9223372036854775807\n", "", INT64_MAX, false },
		{ "size=9223372036854775808\n", "", INT64_MAX, false },
		{ "size=5\nsize=x\n", "", -1, false },
		/* One that nobody remembers is better than one that is not answered. */
		{ "instance=" LONG LONG LONG LONG "\n", "", -1, false },
		{ "sasl_username=u\n", "", -1, true },
		{ "sasl_username=\n", "", -1, false },
		{ "x-later=1\n=", "", 0, false }, /* not all there */
		{ "x-later=1\nsender=a=b\nrecipient=\n", "", -1, false },
	};
	struct delegation_request request;
	char text[512], error[DELEGATION_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), REQUEST "%s\n", cases[i].text);
		if (!cases[i].size) {
			assert_int_equal(delegation_parse(&request, text, strlen(text), error), 0);
			continue;
		}
		assert_int_equal(delegation_parse(&request, text, strlen(text), error),
				 strlen(text));
		assert_string_equal(request.address, cases[i].address);
		assert_int_equal(request.size, cases[i].size);
		assert_int_equal(request.authenticated, cases[i].authenticated);
		assert_string_equal(request.instance, "");
	}
}

#define HANG_UP "action=421 4.3.1 Insufficient system resources\n\n"

static int start(struct house *house)
{
	house_listener(house, PROTOCOL_POSTFIX_POLICY, "policy");
	house_start(house);
	return house_dial(house, 0);
}

/* One session of a real smtpd, on one connection and in one write. */
static void test_session(void **state)
{
	struct house *house = *state;
	struct dirent **names;
	int count = scandir(SAMPLES, &names, NULL, alphasort), fd = start(house), requests = 0;

	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.') {
			say_bytes(fd, sample, read_sample(names[i]->d_name));
			requests++;
		}
		free(names[i]);
	}
	free(names);
	assert_int_equal(requests, 13);
	for (int i = 0; i < requests; i++)
		assert_heard(fd, DUNNO);
	/* Recipients, DATA and END-OF-MESSAGE are of the transaction that began at MAIL. */
	assert_int_equal(house_counters(house).asked, requests - 5);
	assert_int_equal(house_counters(house).class, CLASS_INTERNAL);
	close(fd);
	house_stop(house);
}

static void test_deferred(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "RCPT", CLOSED_ADDRESS, "1.2", 100, "");
	assert_heard(fd, DEFER);
	say_policy(fd, "RCPT", "192.0.2.2", "1.3", 100, "");
	assert_heard(fd, DUNNO);
	say_policy(fd, "RCPT", "192.0.2.2", "1.4", LARGE, "");
	assert_heard(fd, DEFER);
	close(fd);
	house_stop(house);
}

static void say_refused(int fd, const char *port, const char *stress)
{
	char text[512];

	snprintf(text, sizeof(text),
		 REQUEST "protocol_state=RCPT\nclient_address=" CLOSED_ADDRESS
			 "\nclient_port=%s\nstress=%s\ninstance=%s.1\n\n",
		 port, stress, port);
	say(fd, text);
}

/* Before Postfix has counted 20 errors, of which a DATA behind each recipient is one, too. */
static void test_hangs_up(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	for (int session = 0; session < 3; session++) {
		for (int i = 0; i < 9; i++) {
			say_refused(fd, session % 2 ? "4711" : "4712", "");
			assert_heard(fd, DEFER);
		}
	}
	say_refused(fd, "4712", "");
	assert_heard(fd, HANG_UP);
	say_refused(fd, "4713", "");
	assert_heard(fd, DEFER);
	say_refused(fd, "4714", "yes");
	assert_heard(fd, HANG_UP);
	/* Who does not say whose session it is cannot be counted. */
	for (int i = 0; i < 30; i++) {
		say_refused(fd, "", "");
		assert_heard(fd, DEFER);
	}
	close(fd);
	house_stop(house);
}

/* All of a transaction hear the same, and its size is promised once. */
static void test_one_verdict_an_instance(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "RCPT", "192.0.2.2", "a.1", 100, "");
	assert_heard(fd, DUNNO);
	for (int i = 0; i < 5; i++) {
		say_policy(fd, i < 3 ? "RCPT" : "DATA", "192.0.2.2", "a.1", LARGE, "");
		assert_heard(fd, DUNNO);
	}
	assert_int_equal(house_counters(house).asked, 1);
	say_policy(fd, "RCPT", "192.0.2.2", "a.2", LARGE, "");
	assert_heard(fd, DEFER);
	say_policy(fd, "RCPT", "192.0.2.2", "a.2", 1, "");
	assert_heard(fd, DEFER);
	assert_int_equal(house_counters(house).asked, 2);
	close(fd);
	house_stop(house);
}

/* Once: with the message's end where Postfix asks then, or else with the next one. */
static void test_promises_end(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "RCPT", "192.0.2.2", "a.1", 100, "");
	say_policy(fd, "RCPT", "192.0.2.2", "a.1", 100, "");
	for (int i = 0; i < 2; i++)
		assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).ended, 0);
	say_policy(fd, "END-OF-MESSAGE", "192.0.2.2", "a.1", 100, "");
	assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).ended, 100);
	say_policy(fd, "RCPT", "192.0.2.2", "a.2", 200, "");
	assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).ended, 100);
	say_policy(fd, "RCPT", "192.0.2.2", "a.3", LARGE, "");
	assert_heard(fd, DEFER);
	assert_int_equal(house_counters(house).ended, 300);
	/* Refused, it was promised nothing; and an smtpd that ends tells nothing of the message. */
	say_policy(fd, "RCPT", "192.0.2.2", "a.4", 400, "");
	assert_heard(fd, DUNNO);
	close(fd);
	wait_connections(house, 0);
	assert_int_equal(house_counters(house).ended, 300);
	house_stop(house);
}

/* With smtpd_delay_reject=no Postfix asks at MAIL, too, where a message has no instance yet. */
static void test_mail_and_its_recipients_are_one(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "MAIL", "192.0.2.2", "", 100, "");
	say_policy(fd, "RCPT", "192.0.2.2", "e.1", 100, "");
	say_policy(fd, "RCPT", "192.0.2.2", "e.1", 100, "");
	for (int i = 0; i < 3; i++)
		assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).asked, 1);
	/* Not so what was asked before, when no size was known. */
	say_policy(fd, "CONNECT", "192.0.2.2", "", 0, "");
	say_policy(fd, "RCPT", "192.0.2.2", "e.2", 100, "");
	for (int i = 0; i < 2; i++)
		assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).asked, 3);
	close(fd);
	house_stop(house);
}

/* Before the first recipient there is no instance, and every request is for itself. */
static void test_no_instance_no_memory(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "MAIL", "192.0.2.2", "", LARGE, "");
	assert_heard(fd, DEFER);
	say_policy(fd, "MAIL", "192.0.2.2", "", 1, "");
	assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).asked, 2);
	close(fd);
	house_stop(house);
}

/* What has been received needs no room any more. */
static void test_received_has_no_size(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "END-OF-MESSAGE", "192.0.2.2", "b.1", LARGE, "");
	assert_heard(fd, DUNNO);
	assert_int_equal(house_counters(house).size, -1);
	close(fd);
	house_stop(house);
}

static void test_classes(void **state)
{
	static const struct {
		const char *address, *user;
		enum class class;
	} cases[] = {
		{ "127.0.0.1", "", CLASS_INTERNAL },
		{ "127.0.0.1", "u", CLASS_SUBMISSION },
		{ "::ffff:127.0.0.1", "", CLASS_INTERNAL },
		{ "::1", "", CLASS_INTERNAL },
		{ "203.0.113.1", "", CLASS_INBOUND },
		{ "203.0.113.1", "u", CLASS_SUBMISSION },
		{ "unknown", "", CLASS_INBOUND },
		{ "", "", CLASS_INBOUND },
		{ "unknown", "u", CLASS_SUBMISSION },
		{ "[127.0.0.1]", "", CLASS_INTERNAL },
		{ "IPv6:::1", "", CLASS_INTERNAL },
		{ "fe80::1%eth0", "", CLASS_INTERNAL },
		{ "2001:db8::1", "", CLASS_INBOUND },
	};
	struct house *house = *state;
	int fd;

	network_parse("fe80::/10", &house->config->internal[house->config->internal_count++]);
	fd = start(house);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_policy(fd, "RCPT", cases[i].address, "", 1, cases[i].user);
		assert_heard(fd, DUNNO);
		assert_int_equal(house_counters(house).class, cases[i].class);
	}
	assert_string_equal(house_counters(house).address, "2001:db8::1");
	close(fd);
	house_stop(house);
}

/* A delay holds all of its own connection, and no other. */
static void test_delay_holds_one(void **state)
{
	struct house *house = *state;
	int held = start(house), other = house_dial(house, 0);
	char none;

	say_policy(held, "RCPT", HELD_ADDRESS, "c.1", 1, "");
	say_policy(held, "RCPT", "192.0.2.2", "c.2", 1, "");
	while (!house_counters(house).asked)
		sleep_ms(5);
	for (int i = 0; i < 20; i++) {
		say_policy(other, "RCPT", "192.0.2.2", "d", 1, "");
		assert_heard(other, DUNNO);
	}
	assert_int_equal(house_counters(house).requests, 21);
	assert_int_equal(recv(held, &none, 1, MSG_DONTWAIT), -1);
	close(held);
	wait_connections(house, 1);
	close(other);
	house_stop(house);
}

/* Once for each transaction; and what was asked meanwhile is answered after it. */
static void test_delay_ends(void **state)
{
	struct house *house = *state;
	int64_t begin = monotonic_ns();
	int fd = start(house);

	for (int i = 0; i < 10; i++)
		say_policy(fd, "RCPT", SLOW_ADDRESS, "c.1", 1, "");
	assert_heard(fd, DUNNO);
	assert_true(monotonic_ns() - begin >= SLOW_S * NS_PER_S - NS_PER_MS);
	for (int i = 1; i < 10; i++)
		assert_heard(fd, DUNNO);
	assert_true(monotonic_ns() - begin < 8 * SLOW_S * NS_PER_S);
	assert_int_equal(house_counters(house).asked, 1);
	close(fd);
	house_stop(house);
}

static void test_who_leaves_is_not_held(void **state)
{
	struct house *house = *state;
	int fd = start(house), left;

	for (int i = 0; i < 50; i++) {
		left = house_dial(house, 0);
		say_policy(left, "RCPT", HELD_ADDRESS, "c.1", 1, "");
		close(left);
	}
	wait_connections(house, 1);
	close(fd);
	house_stop(house);
}

/* Stopped with answers held: nothing of them is left behind. */
static void test_stop_while_held(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say_policy(fd, "RCPT", HELD_ADDRESS, "c.1", 1, "");
	while (!house_counters(house).asked)
		sleep_ms(5);
	house_stop(house);
	assert_ended(fd);
	close(fd);
}

/* What is not understood gets no reply: Postfix does what its default_action says. */
static void test_wrong_requests_get_no_reply(void **state)
{
	static const char *const wrong[] = { "\n", "hello\n\n", "a=b\n\n", "request=junk\n\n",
					     REQUEST "x\n\n" };
	struct house *house = *state;
	int good = start(house), fd;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fd = house_dial(house, 0);
		say(fd, wrong[i]);
		assert_ended(fd);
		close(fd);
	}
	assert_int_equal(house_counters(house).dropped, sizeof(wrong) / sizeof(wrong[0]));
	say_policy(good, "RCPT", "192.0.2.2", "d", 1, "");
	assert_heard(good, DUNNO);
	close(good);
	house_stop(house);
}

/* Endless ones are read no further than the bound. */
static void test_bounds(void **state)
{
	static char endless[4 * DELEGATION_REQUEST];
	struct house *house = *state;
	int fd = start(house);

	memset(endless, 'x', sizeof(endless));
	try_say(fd, endless, sizeof(endless));
	assert_ended(fd);
	close(fd);
	fd = house_dial(house, 0);
	memset(endless, 0, sizeof(endless));
	try_say(fd, endless, sizeof(endless));
	assert_ended(fd);
	close(fd);
	wait_connections(house, 0);
	house_stop(house);
}

/* Byte by byte, and across the requests' borders. */
static void test_trickle(void **state)
{
	struct house *house = *state;
	int fd = start(house);
	size_t length = read_sample("05-rcpt");

	for (size_t i = 0; i < length; i++)
		say_bytes(fd, sample + i, 1);
	assert_heard(fd, DUNNO);
	close(fd);
	house_stop(house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_are_understood),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test(test_values),
		house_test(test_session),
		house_test(test_deferred),
		house_test(test_hangs_up),
		house_test(test_one_verdict_an_instance),
		house_test(test_promises_end),
		house_test(test_mail_and_its_recipients_are_one),
		house_test(test_no_instance_no_memory),
		house_test(test_received_has_no_size),
		house_test(test_classes),
		house_test(test_delay_holds_one),
		house_test(test_delay_ends),
		house_test(test_who_leaves_is_not_held),
		house_test(test_stop_while_held),
		house_test(test_wrong_requests_get_no_reply),
		house_test(test_bounds),
		house_test(test_trickle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
