/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a reply and a host's name, and from strangers whom the responder answers: each hears
 * the greeting and nothing else, whatever they send, and nobody stays.
 *
 * Parses: user/responder/greeting.c user/responder/callers.c user/responder/responder.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "fuzz.h"
#include "responder/greeting.h"
#include "responder/responder.h"

#define PLACES	  8
#define STRANGERS 12
#define TEXT	  "421 4.3.2 mx.server.example Service not available\r\n"

static struct responder responder;
static struct responder_post post;
static struct pulse pulse;
static struct sockaddr_in address = { .sin_family = AF_INET };

static void check_greeting(const char *reply, const char *host)
{
	char greeting[GREETING_BYTES + 8], expected[8192];
	const char *place = strstr(reply, " HOST ");
	int length;

	memset(greeting, 'x', sizeof(greeting));
	length = greeting_make(greeting, reply, host);
	check(!memcmp(greeting + GREETING_BYTES, "xxxxxxxx", 8));
	check(memchr(greeting, '\0', GREETING_BYTES));
	if (place)
		snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(place + 1 - reply), reply,
			 host, place + 5);
	else if (strlen(reply) >= 5 && !strcmp(reply + strlen(reply) - 5, " HOST"))
		snprintf(expected, sizeof(expected), "%.*s%s", (int)strlen(reply) - 4, reply, host);
	else
		snprintf(expected, sizeof(expected), "%s", reply);
	if (strlen(expected) < GREETING_BYTES)
		check(length == (int)strlen(expected) && !strcmp(greeting, expected));
	else
		check(length == -ENAMETOOLONG);
}

/* The first line is the reply, the second the name. */
static void check_text(const uint8_t *data, size_t size)
{
	char *reply = text_of(data, size), *host = reply + strcspn(reply, "\n");

	if (*host)
		*host++ = '\0';
	host[strcspn(host, "\n")] = '\0';
	check_greeting(reply, host);
	free(reply);
}

/* Sends its bytes, and goes or waits. A close leaves no port behind that nobody may use. */
static int come(const uint8_t *data, size_t size, bool ends)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
	check(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	check(!size || send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
	if (ends)
		shutdown(fd, SHUT_WR);
	return fd;
}

static void check_heard(int fd)
{
	char heard[sizeof(TEXT) + 16];
	ssize_t length = recv(fd, heard, sizeof(heard), MSG_WAITALL);

	check(length == (ssize_t)strlen(TEXT) && !memcmp(heard, TEXT, strlen(TEXT)));
}

static int lowest_descriptor(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

/* After their moment those who are left are read; after their time there is nobody. */
static void end_all(int64_t now)
{
	uint64_t serial, cut = responder.callers.cut;
	unsigned int left = 0;

	check(callers_remaining(&responder.callers, now - CALLERS_MOMENT_NS, &serial) == -1);
	while (callers_remaining(&responder.callers, now + CALLERS_MOMENT_NS, &serial) >= 0) {
		callers_read(&responder.callers, serial);
		check(++left <= PLACES);
	}
	if (left > 1)
		(void)callers_cut(&responder.callers);
	callers_expire(&responder.callers, now + CALLERS_WAIT_NS);
	check(!callers_cut(&responder.callers) && responder.callers.cut <= cut + 1);
	callers_read(&responder.callers, serial); /* who is gone */
}

/* Without a descriptor left, who came last takes the place of who came first. */
static void check_no_descriptor(void)
{
	int first = come(NULL, 0, false), second;
	struct rlimit limit, none;

	check(!responder_step(&responder) && pulse.accepted == 1);
	second = come(NULL, 0, false);
	check(!getrlimit(RLIMIT_NOFILE, &limit));
	none = (struct rlimit){ (rlim_t)lowest_descriptor(), limit.rlim_max };
	check(!setrlimit(RLIMIT_NOFILE, &none));
	check(!responder_step(&responder) && pulse.accepted == 2 && responder.callers.cut);
	check(!setrlimit(RLIMIT_NOFILE, &limit));
	check_heard(first);
	check_heard(second);
	close(first);
	close(second);
	end_all(monotonic_ns());
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	socklen_t length = sizeof(address);

	(void)argc;
	(void)argv;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	post.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(!bind(post.listener, (struct sockaddr *)&address, length));
	check(!listen(post.listener, 128));
	check(!getsockname(post.listener, (struct sockaddr *)&address, &length));
	post.pulse = &pulse;
	post.greeting = TEXT;
	post.greeting_length = strlen(TEXT);
	check(!responder_open(&responder, &post, PLACES));
	responder_close(&responder);
	check(!responder_open(&responder, &post, PLACES));
	check_no_descriptor();
	return 0;
}

static void check_strangers(const uint8_t *data, size_t size)
{
	unsigned int count = 1 + data[0] % STRANGERS;
	uint64_t accepted = pulse.accepted + count;
	unsigned int before = open_descriptors();
	int fds[STRANGERS];
	size_t share = (size - 2) / count;

	for (unsigned int i = 0; i < count; i++)
		fds[i] = come(data + 2 + i * share, share, data[1] >> i % 8 & 1);
	while (pulse.accepted < accepted)
		check(!responder_step(&responder));
	check(pulse.accepted == accepted && pulse.beat_ns);
	for (unsigned int i = 0; i < count; i++)
		check_heard(fds[i]);
	end_all(monotonic_ns());
	for (unsigned int i = 0; i < count; i++)
		close(fds[i]);
	check(open_descriptors() == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(data, size);
	if (size >= 2)
		check_strangers(data, size);
	return 0;
}
