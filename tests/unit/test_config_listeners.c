/* SPDX-License-Identifier: GPL-2.0-only */
/* The `listen` blocks: what they say, and what is said of those that are wrong. */
#include <arpa/inet.h>
#include <sys/un.h>

#include "config_reading.h"

#define POLICY "protocol = 'postfix-policy' "
#define UNIX   "address = 'unix:/run/x/policy' "
#define ALLOWED \
	"\"unix:/PATH\" (PATH up to 107 bytes), \"inet:127.0.0.1:PORT\", \"inet:[::1]:PORT\""

static void test_none_is_the_default(void **state)
{
	(void)state;
	take("mode = enforce");
	assert_int_equal(config.listener_count, 0);
	config_default(&config);
	assert_int_equal(config.listener_count, 0);
}

static void test_unix(void **state)
{
	const struct config_listener *listener = &config.listeners[0];
	const struct sockaddr_un *address = (const struct sockaddr_un *)&listener->socket;

	(void)state;
	take("\nlisten 'postfix' { protocol = 'postfix-policy'\n"
	     "address = 'unix:/var/spool/postfix/spoolgate/policy'\n"
	     "mode = '0600' owner = 'daemon' group = 'postfix' timeout = '5s' }");
	assert_int_equal(config.listener_count, 1);
	assert_string_equal(listener->name, "postfix");
	assert_int_equal(listener->line, 2);
	assert_int_equal(listener->protocol, PROTOCOL_POSTFIX_POLICY);
	assert_string_equal(listener->address, "unix:/var/spool/postfix/spoolgate/policy");
	assert_int_equal(address->sun_family, AF_UNIX);
	assert_string_equal(address->sun_path, "/var/spool/postfix/spoolgate/policy");
	assert_int_equal(listener->mode, 0600);
	assert_string_equal(listener->owner, "daemon");
	assert_string_equal(listener->group, "postfix");
	assert_int_equal(listener->timeout_ns, 5 * NS_PER_S);
}

static void test_defaults(void **state)
{
	(void)state;
	take("listen 'a' { " POLICY UNIX "}\nlisten 'b' { protocol = socketmap address = "
	     "'unix:/run/x/map' }");
	assert_int_equal(config.listener_count, 2);
	assert_int_equal(config.listeners[0].mode, 0660);
	assert_string_equal(config.listeners[0].owner, "");
	assert_string_equal(config.listeners[0].group, "");
	assert_int_equal(config.listeners[0].timeout_ns, 2 * NS_PER_S);
	assert_int_equal(config.listeners[1].protocol, PROTOCOL_SOCKETMAP);
	assert_int_equal(config.listeners[1].timeout_ns, 0);
}

static void test_inet(void **state)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&config.listeners[0].socket;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&config.listeners[1].socket;

	(void)state;
	take("listen 'a' { " POLICY "address = 'inet:127.0.0.1:10040' }\n"
	     "listen 'b' { " POLICY "address = 'inet:[0:0::1]:65535' }\n"
	     "listen 'c' { " POLICY "address = 'inet:0.0.0.0:1' }");
	assert_int_equal(four->sin_family, AF_INET);
	assert_int_equal(four->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(four->sin_port, htons(10040));
	assert_int_equal(six->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_LOOPBACK(&six->sin6_addr));
	assert_int_equal(six->sin6_port, htons(65535));
	assert_string_equal(config.listeners[1].address, "inet:[::1]:65535");
}

static void test_incomplete(void **state)
{
	(void)state;
	refuse("\nlisten 'a' { " UNIX "}",
	       ":2: listen 'a' has no protocol; allowed: postfix-policy, socketmap");
	refuse("listen 'a' { " POLICY "}", ":1: listen 'a' has no address; allowed: " ALLOWED);
	refuse("listen { " POLICY UNIX "}",
	       ":1: missing title for section 'listen'; allowed: NAME \"TITLE\" { … }");
	refuse("listen 'a b' { " POLICY UNIX "}",
	       ":1: 'a b' is no name for a listener; allowed: 1 to 63 letters, digits and any of "
	       "_.-");
	refuse("listen 'a' {\n" UNIX "\nprotocol = 'milter' }",
	       ":3: unknown protocol 'milter'; allowed: postfix-policy, socketmap");
	refuse("listen 'a' { port = 25 }",
	       ":1: no such option 'port' in 'listen \"a\"'; allowed: protocol, address, mode, "
	       "owner, group, timeout");
}

static void test_addresses(void **state)
{
	static const char *const wrong[] = {
		"/run/x",
		"unix:run/x",
		"unix:",
		"unix:/",
		"unix:/run/x/",
		"inet:10040",
		"inet:localhost:25",
		"inet:127.0.0.1",
		"inet:127.0.0.1:",
		"inet:127.0.0.1:0",
		"inet:127.0.0.1:65536",
		"inet:127.0.0.1:+25",
		"inet:127.0.0.1:25x",
		"inet:::1:25",
		"inet:[::1]",
		"inet:[::1]25",
		"inet:[127.0.0.1]:25",
		"inet:[]:25",
		"inet:[:25",
		"inet:]:25",
		"tcp:127.0.0.1:25",
		"inet::25",
		"inet:127.0.0.1:999999999999999999999",
	};
	char text[256], want[512];

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		snprintf(text, sizeof(text), "listen 'a' { " POLICY "\naddress = '%s' }", wrong[i]);
		snprintf(want, sizeof(want),
			 ":2: '%s' is no address to listen on; allowed: " ALLOWED, wrong[i]);
		refuse(text, want);
	}
}

static void test_longest_path(void **state)
{
	char text[256], path[109] = "/";

	(void)state;
	memset(path + 1, 'x', 107);
	snprintf(text, sizeof(text), "listen 'a' { " POLICY "address = 'unix:%.107s' }", path);
	take(text);
	assert_int_equal(strlen(config.listeners[0].address), strlen("unix:") + 107);
	snprintf(text, sizeof(text), "listen 'a' { " POLICY "address = 'unix:%s' }", path);
	assert_int_equal(read_bytes(text, strlen(text)), -EINVAL);
}

static void test_unique(void **state)
{
	(void)state;
	refuse("listen 'a' { " POLICY UNIX "}\nlisten 'b' { " POLICY UNIX "}",
	       ":2: address 'unix:/run/x/policy' is given twice (first by listen 'a' in line 1); "
	       "allowed: once");
	refuse("listen 'a' { " POLICY "address = 'inet:[::1]:25' }\n"
	       "listen 'b' { " POLICY "address = 'inet:[0::1]:25' }",
	       ":2: address 'inet:[::1]:25' is given twice (first by listen 'a' in line 1); "
	       "allowed: once");
	refuse("listen 'a' { " POLICY UNIX "}\nlisten 'a' { " POLICY "address = 'unix:/y' }",
	       ":2: found duplicate title 'a'; allowed: one block for each");
	refuse("state { address = 'unix:/run/x/policy' }\nlisten 'a' { " POLICY UNIX "}",
	       ":2: address 'unix:/run/x/policy' is the state socket's; allowed: another one");
}

static void test_too_many(void **state)
{
	char text[4096] = "", one[128];

	(void)state;
	for (int i = 0; i <= CONFIG_LISTENERS; i++) {
		if (i == CONFIG_LISTENERS)
			take(text);
		snprintf(one, sizeof(one), "listen 'l%d' { " POLICY "address = 'unix:/x/%d' }\n", i,
			 i);
		strcat(text, one);
	}
	assert_int_equal(config.listener_count, CONFIG_LISTENERS);
	refuse(text, ":17: too many 'listen' blocks; allowed: 16");
}

static void test_access_is_for_unix(void **state)
{
	(void)state;
	refuse("listen 'a' { " POLICY "address = 'inet:127.0.0.1:25'\nmode = '0666' }",
	       ":2: 'mode' for 'inet:127.0.0.1:25'; allowed: for unix sockets only");
	refuse("listen 'a' { " POLICY "address = 'inet:127.0.0.1:25'\ngroup = 'mail' }",
	       ":2: 'group' for 'inet:127.0.0.1:25'; allowed: for unix sockets only");
	refuse("listen 'a' { " POLICY UNIX "mode = '999' }",
	       ":1: '999' is no mode; allowed: octal \"0000\" to \"0777\"");
}

/* A delay that the snippet does not wait for takes the mail, with a warning each time. */
static void test_delays(void **state)
{
	(void)state;
	take("listen 'a' { " POLICY UNIX "} admission { medium { inbound = 'delay 1' } }");
	refuse("admission { medium { inbound = 'delay 2' } }\nlisten 'a' { " POLICY UNIX "}",
	       ":2: listen 'a': who asks waits 2 s (timeout), and inbound mail is delayed by 2 s "
	       "at medium; allowed: delays below the timeout");
	take("listen 'a' { " POLICY UNIX "timeout = '2.5s' }"
	     "admission { medium { inbound = 'delay 2' } }");
	refuse("listen 'a' { " POLICY UNIX "\ntimeout = '30s' }"
	       "admission { high { submission = 'delay 30' } }",
	       ":2: listen 'a': who asks waits 30 s (timeout), and submission mail is delayed by "
	       "30 s at high; allowed: delays below the timeout");
	take("listen 'a' { protocol = socketmap address = 'unix:/x' }"
	     "admission { medium { inbound = 'delay 300' } }");
	refuse("listen 'a' { protocol = socketmap address = 'unix:/x' timeout = '2s' }",
	       ":1: 'timeout' for protocol 'socketmap'; allowed: for postfix-policy");
	refuse("listen 'a' { " POLICY UNIX "timeout = '500ms' }",
	       ":1: '500ms' does not fit 'timeout'; allowed: a time from \"1s\" to \"1h\", in ms, s or "
	       "sec, m or min, h, d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_is_the_default),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_longest_path),
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_access_is_for_unix),
		cmocka_unit_test(test_delays),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
