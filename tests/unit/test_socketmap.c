/* SPDX-License-Identifier: GPL-2.0-only */
/* Sendmail's socket map: frames, keys and answers. */
#include "listener_server.h"
#include "publish/socketmap.h"

#define PASS   "9:NOTFOUND ,"
#define REFUSE "42:OK 452 4.3.1 Insufficient system resources,"
#define WRONG  "44:TEMP allowed is: NAME 3/ID/ADDRESS/USER/SIZE,"
#define BROKEN "20:TEMP not a netstring,"

static ssize_t frame(const char *bytes, size_t length)
{
	const char *text = NULL;
	size_t text_length;
	ssize_t taken = socketmap_frame(bytes, length, &text, &text_length);

	if (taken > 0)
		assert_memory_equal(text + text_length, ",", 1);
	return taken;
}

static void test_frames(void **state)
{
	char large[SOCKETMAP_REQUEST + SOCKETMAP_FRAME + 1];

	(void)state;
	assert_int_equal(frame("5:admit,", 8), 8);
	assert_int_equal(frame("5:admit,6:", 10), 8);
	assert_int_equal(frame("0:,", 3), 3);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(frame("5:admit,", i), 0);
	assert_int_equal(frame(":admit,", 7), -EBADMSG);
	assert_int_equal(frame("5admit,", 7), -EBADMSG);
	assert_int_equal(frame("-1:", 3), -EBADMSG);
	assert_int_equal(frame("5:admit;", 8), -EBADMSG);
	assert_int_equal(frame("4097:", 5), -EBADMSG);
	assert_int_equal(frame("00001:", 6), -EBADMSG);
	assert_int_equal(frame("99999999999999999999999:", 24), -EBADMSG);
	assert_int_equal(frame("\0", 1), -EBADMSG);
	memset(large, 'x', sizeof(large));
	memcpy(large, "4096:", 5);
	large[5 + 4096] = ',';
	assert_int_equal(frame(large, sizeof(large)), 5 + 4096 + 1);
}

static struct socketmap_request parse(const char *text)
{
	struct socketmap_request request;
	char error[SOCKETMAP_ERROR] = "";

	assert_int_equal(socketmap_parse(&request, text, strlen(text), error), 0);
	return request;
}

static void test_keys(void **state)
{
	static const struct {
		const char *text, *address;
		int64_t size;
		bool authenticated;
	} cases[] = {
		{ "admit a@client.test", "", -1, false },
		{ "admit unknown", "", -1, false },
		{ "admit 127.0.0.1", "127.0.0.1", -1, false },
		{ "admit ", "", -1, false },
		{ "admit //", "", -1, false },
		{ "admit 2/192.0.2.1//20000", "192.0.2.1", 20000, false },
		{ "admit 2/192.0.2.1/user/20000", "192.0.2.1", 20000, true },
		{ "admit 2/192.0.2.1/user/", "192.0.2.1", -1, true },
		{ "admit 2/IPv6:2001:db8::1//5", "2001:db8::1", 5, false },
		{ "admit 2/ipv6:fe80:0:0:0:0:0:0:1%eth0//5", "fe80:0:0:0:0:0:0:1", 5, false },
		{ "admit 2/[192.0.2.1]//5", "192.0.2.1", 5, false },
		{ "admit 2/0//5", "local", 5, false }, /* sendmail -bs */
		{ "admit 0/5/", "local", 5, false },
		{ "admit 2/0.0.0.0//5", "0.0.0.0", 5, false },
		{ "admit 2///", "", -1, false },
		{ "admit 2//user/7", "", 7, true },
		{ "admit 2/192.0.2.1", "192.0.2.1", -1, false },
		{ "admit 2/", "", -1, false },
		{ "admit 3/0asdk2u0012345/192.0.2.1//20000", "192.0.2.1", 20000, false },
		{ "admit 3/id/192.0.2.1/user/20000", "192.0.2.1", 20000, true },
		{ "admit 3//192.0.2.1//1000/x", "192.0.2.1", -1, false },
		{ "admit 3/id", "", -1, false },
		{ "admit 3/", "", -1, false },
		/* What a stranger writes stays his own, slashes and all. */
		{ "admit 2/192.0.2.1//1000/x", "192.0.2.1", -1, false },
		{ "admit 2/192.0.2.1//1000//x", "192.0.2.1", -1, false },
		{ "admit 2/192.0.2.1///x", "192.0.2.1", -1, false },
		{ "admit 2/192.0.2.1//abc", "192.0.2.1", -1, false },
		{ "admit 2/192.0.2.1//2/127.0.0.1/x/1", "192.0.2.1", -1, false },
		{ "admit 2/192.0.2.1/a/b/1000", "192.0.2.1", -1, true }, /* user a/b */
		/* As older configurations have it: ADDRESS/SIZE/USER. */
		{ "admit 192.0.2.1/20000/", "192.0.2.1", 20000, false },
		{ "admit 192.0.2.1/1000/x/", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/1000/x@y/", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/1000//x/", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1//x/", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/abc/", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/1000/x/user", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1//user", "192.0.2.1", -1, true },
		{ "admit /1/a", "", 1, true },
		{ "admit /1/a/b", "", -1, false },
		{ "admit IPv6:2001:db8::1/5", "2001:db8::1", 5, false },
		{ "spoolgate ipv6:0:0:0:0:0:0:0:1/1000/", "0:0:0:0:0:0:0:1", 1000, false },
		{ "admit 192.0.2.1/-1", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/0", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/many", "192.0.2.1", -1, false },
		{ "admit 192.0.2.1/99999999999999999999", "192.0.2.1", INT64_MAX, false },
	};
	struct socketmap_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request = parse(cases[i].text);
		assert_false(request.named);
		assert_string_equal(request.address, cases[i].address);
		assert_int_equal(request.size, cases[i].size);
		assert_int_equal(request.authenticated, cases[i].authenticated);
	}
	request = parse("submission 192.0.2.1/7");
	assert_true(request.named);
	assert_int_equal(request.class, CLASS_SUBMISSION);
}

static void test_what_is_wrong(void **state)
{
	static const char *const wrong[] = { "", " ", "admit", " 127.0.0.1" };
	struct socketmap_request request;
	char error[SOCKETMAP_ERROR];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(socketmap_parse(&request, wrong[i], strlen(wrong[i]), error),
				 -EBADMSG);
}

/* TEMP would let pass whoever writes much, or what ends a string. */
static void test_what_a_client_writes_is_judged(void **state)
{
	static const char key[] = "admit 2/192.0.2.1//1000\0/x";
	struct socketmap_request request;
	char error[SOCKETMAP_ERROR], text[SOCKETMAP_REQUEST + 1];

	(void)state;
	assert_int_equal(socketmap_parse(&request, key, sizeof(key) - 1, error), 0);
	assert_string_equal(request.address, "192.0.2.1");
	assert_int_equal(request.size, -1);
	assert_false(request.authenticated);
	memset(text, '9', sizeof(text));
	memcpy(text, "admit 2/192.0.2.1//", 19);
	assert_int_equal(socketmap_parse(&request, text, SOCKETMAP_REQUEST, error), 0);
	assert_int_equal(request.size, INT64_MAX);
	assert_int_equal(socketmap_parse(&request, text, sizeof(text), error), -EBADMSG);
}

static int start(struct house *house)
{
	house_listener(house, PROTOCOL_SOCKETMAP, "map");
	house_start(house);
	return house_dial(house, 0);
}

static void ask(int fd, const char *text, const char *want)
{
	char request[256];

	snprintf(request, sizeof(request), "%zu:%s,", strlen(text), text);
	say(fd, request);
	assert_heard(fd, want);
}

/* As Sendmail and Postfix sent them. */
static void test_samples(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	say(fd, "19:admit a@client.test,13:admit unknown,15:admit 127.0.0.1,");
	assert_heard(fd, PASS PASS PASS);
	assert_int_equal(house_counters(house).class, CLASS_INTERNAL);
	close(fd);
	house_stop(house);
}

static void test_answers(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	ask(fd, "admit " CLOSED_ADDRESS, REFUSE);
	ask(fd, "admit 192.0.2.2", PASS);
	ask(fd, "admit 192.0.2.2/1000000", REFUSE);
	assert_int_equal(house_counters(house).class, CLASS_INBOUND);
	ask(fd, "admit 192.0.2.2/100/user/", PASS);
	assert_int_equal(house_counters(house).class, CLASS_INBOUND);
	ask(fd, "admit 2/192.0.2.2//100/user", PASS);
	assert_int_equal(house_counters(house).class, CLASS_INBOUND);
	ask(fd, "admit 2/192.0.2.2/user/1000000", REFUSE);
	assert_int_equal(house_counters(house).class, CLASS_SUBMISSION);
	ask(fd, "admit 192.0.2.2/100/user", PASS);
	assert_int_equal(house_counters(house).class, CLASS_SUBMISSION);
	ask(fd, "internal 192.0.2.2", PASS);
	assert_int_equal(house_counters(house).class, CLASS_INTERNAL);
	ask(fd, "admit IPv6:::1", PASS);
	assert_int_equal(house_counters(house).class, CLASS_INTERNAL);
	ask(fd, "admit", WRONG);
	ask(fd, "admit 192.0.2.2", PASS);
	close(fd);
	house_stop(house);
}

/* By its ID a message is one, however often it is asked about; without, while nothing differs. */
static void test_a_message_is_asked_about_once(void **state)
{
	struct house *house = *state;
	int fd = start(house);

	for (int i = 0; i < 10; i++)
		ask(fd, "admit 3/a1/192.0.2.2//100", PASS);
	assert_int_equal(house_counters(house).asked, 1);
	assert_int_equal(house_counters(house).ended, 0);
	ask(fd, "admit 3/a2/192.0.2.2//200", PASS);
	assert_int_equal(house_counters(house).ended, 100);
	ask(fd, "admit 3/a3/192.0.2.2//1000000", REFUSE);
	ask(fd, "admit 3/a3/192.0.2.2//1", REFUSE);
	assert_int_equal(house_counters(house).asked, 3);
	assert_int_equal(house_counters(house).ended, 300);
	/* Judged each time, and promised at the first. */
	for (int i = 0; i < 10; i++)
		ask(fd, "admit 2/192.0.2.2//100", PASS);
	assert_int_equal(house_counters(house).asked, 13);
	assert_int_equal(house_counters(house).size, -1);
	assert_int_equal(house_counters(house).ended, 300);
	ask(fd, "admit 2/192.0.2.2//50", PASS);
	assert_int_equal(house_counters(house).ended, 400);
	/* The session is over. */
	close(fd);
	wait_connections(house, 0);
	assert_int_equal(house_counters(house).ended, 450);
	house_stop(house);
}

/* Nothing is held here: whoever asks has a timeout of its own, and we don't know it. */
static void test_delay_passes(void **state)
{
	struct house *house = *state;
	int64_t begin = monotonic_ns();
	int fd = start(house);

	ask(fd, "admit " SLOW_ADDRESS, PASS);
	assert_true(monotonic_ns() - begin < SLOW_S * NS_PER_S);
	close(fd);
	house_stop(house);
}

/* After a broken frame nothing can be told from anything: TEMP, which passes, and the end. */
static void test_broken_frames(void **state)
{
	static const char *const broken[] = { "x", "4097:", "5:admit;", "GET / HTTP/1.1\r\n\r\n" };
	struct house *house = *state;
	int fd = start(house);

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		close(fd);
		fd = house_dial(house, 0);
		say(fd, broken[i]);
		assert_heard(fd, BROKEN);
		assert_ended(fd);
	}
	assert_int_equal(house_counters(house).dropped, sizeof(broken) / sizeof(broken[0]));
	close(fd);
	house_stop(house);
}

/* Byte by byte; and what came before a broken frame is answered. */
static void test_pieces(void **state)
{
	static const char text[] = "15:admit 127.0.0.1,5:admit,x";
	struct house *house = *state;
	int fd = start(house);

	for (size_t i = 0; i < strlen(text); i++)
		say_bytes(fd, text + i, 1);
	assert_heard(fd, PASS WRONG BROKEN);
	assert_ended(fd);
	close(fd);
	house_stop(house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test(test_what_a_client_writes_is_judged),
		house_test(test_samples),
		house_test(test_answers),
		house_test(test_a_message_is_asked_about_once),
		house_test(test_delay_passes),
		house_test(test_broken_frames),
		house_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
