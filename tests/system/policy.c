/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many smtpd at once, as a listener for Postfix's policy delegation sees them:
 *
 *   policy SOCKET CONNECTIONS REQUESTS SLOW DEAD
 *
 * Each of CONNECTIONS asks for a recipient, and again 100 ms after it was answered, until it has
 * asked REQUESTS times. SLOW others have sent half a request, DEAD others nothing at all. Prints
 * the median, the 99th of 100 and the slowest answer in milliseconds. Exit: 1 when an answer was
 * not DUNNO or did not come in 20 s.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"

#define MOST	   6000
#define PAUSE_NS   (100 * NS_PER_MS)
#define GIVE_UP_NS (20 * NS_PER_S)
#define ANSWER	   "action=DUNNO\n\n"

struct session {
	int64_t due_ns;	 /* the next request */
	int64_t sent_ns; /* 0: none is under way */
	int asked;
	size_t heard;
};

static struct pollfd fds[MOST];
static struct session sessions[MOST];
static int64_t *took_ns;
static long taken;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	return fd;
}

static void say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		fail("send");
}

static void ask(long i, int64_t now)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
		 "client_address=192.0.2.%ld\nhelo_name=client.test\nsender=a@client.test\n"
		 "recipient=r@sink.test\nqueue_id=\ninstance=%lx.%x\nsize=100\nsasl_username=\n"
		 "encryption_protocol=\nstress=\n\n",
		 i % 250 + 1, i, sessions[i].asked);
	sessions[i].sent_ns = now;
	sessions[i].asked++;
	say(fds[i].fd, text);
}

static void hear(long i)
{
	struct session *session = &sessions[i];
	char text[64];
	ssize_t got = recv(fds[i].fd, text, sizeof(text), 0);

	if (got <= 0 || session->heard + (size_t)got > strlen(ANSWER) ||
	    memcmp(text, &ANSWER[session->heard], (size_t)got))
		fail("not the answer");
	session->heard += (size_t)got;
	if (session->heard < strlen(ANSWER))
		return;
	session->heard = 0;
	session->due_ns = monotonic_ns() + PAUSE_NS;
	took_ns[taken++] = monotonic_ns() - session->sent_ns;
	session->sent_ns = 0;
}

/* One round: who is due asks, who has an answer hears it. Returns how many are not done. */
static long go_on(long count, int requests)
{
	long left = 0;
	int64_t now;

	if (poll(fds, (nfds_t)count, 1) < 0)
		fail("poll");
	for (long i = 0; i < count; i++)
		if (fds[i].revents)
			hear(i);
	for (long i = 0; i < count; i++) {
		struct session *session = &sessions[i];

		now = monotonic_ns();
		if (session->sent_ns && now - session->sent_ns > GIVE_UP_NS)
			fail("no answer");
		if (!session->sent_ns && session->asked < requests && now >= session->due_ns)
			ask(i, now);
		left += session->sent_ns || session->asked < requests;
	}
	return left;
}

static int by_time(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return one < other ? -1 : one > other;
}

int main(int argc, char **argv)
{
	const struct rlimit descriptors = { MOST + 64, MOST + 64 };
	long count = argc == 6 ? atol(argv[2]) : 0;
	int requests = argc == 6 ? atoi(argv[3]) : 0;

	if (count < 1 || count > MOST || requests < 1)
		return 2;
	if (setrlimit(RLIMIT_NOFILE, &descriptors))
		fail("setrlimit");
	took_ns = calloc((size_t)(count * requests), sizeof(*took_ns));
	if (!took_ns)
		return 1;
	for (int i = 0; i < atoi(argv[4]); i++)
		say(dial(argv[1]), "request=smtpd_access_policy\nprotocol_state=RC");
	for (int i = 0; i < atoi(argv[5]); i++)
		dial(argv[1]);
	for (long i = 0; i < count; i++) {
		fds[i] = (struct pollfd){ .fd = dial(argv[1]), .events = POLLIN };
		sessions[i].due_ns = monotonic_ns() + PAUSE_NS * i / count;
	}
	while (go_on(count, requests))
		;
	qsort(took_ns, (size_t)taken, sizeof(*took_ns), by_time);
	printf("%.2f %.2f %.2f\n", (double)took_ns[taken / 2] / NS_PER_MS,
	       (double)took_ns[taken * 99 / 100] / NS_PER_MS,
	       (double)took_ns[taken - 1] / NS_PER_MS);
	free(took_ns);
	return 0;
}
