/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the page does not decide: the daemon is asked over a connection that is kept. The page is
 * asked for once a connection, since as long as that lives the page is the same.
 *
 * One connection for all threads: an answer takes some tens of microseconds, and a daemon that
 * is asked by many at once answers in turn anyway.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/internal.h"

#define REQUEST 128  /* "page\n", "admission submission 9223372036854775807 ADDRESS\n" */
#define ANSWER	1024 /* two lines, each with a reply at most */

struct question {
	bool ended; /* it is no question, then, and any answer will do */
	unsigned int class;
	int64_t size;
	const char *address;
	int64_t deadline_ns;
};

/* A line for us must not become two of them: an address is one, or it is not sent. */
static bool is_address(const char *address)
{
	struct in6_addr parsed;

	return address && (inet_pton(AF_INET, address, &parsed) == 1 ||
			   inet_pton(AF_INET6, address, &parsed) == 1);
}

/* Returns its length. */
static size_t write_request(char request[REQUEST], const struct question *question, bool page)
{
	static const char *const classes[] = { "inbound", "submission", "internal" };
	bool addressed = is_address(question->address);

	return (size_t)snprintf(request, REQUEST, "%s%s %s %lld%s%s\n", page ? "page\n" : "",
				question->ended ? "ended" : "admission", classes[question->class],
				(long long)(question->size < 0 ? -1 : question->size),
				addressed ? " " : "", addressed ? question->address : "");
}

static void take_page(struct spoolgate *client, int descriptor)
{
	/* A page that cannot be mapped is no loss: the socket has all the answers. */
	if (descriptor >= 0)
		(void)lib_page_take(client, descriptor);
}

/* LINES of answers, and no more, into ANSWER. Returns the last of them, or NULL and *ERROR. */
static char *read_lines(struct spoolgate *client, char answer[ANSWER], int lines,
			int64_t deadline_ns, int *error)
{
	size_t used = 0;
	char *line = answer;

	while (used < ANSWER - 1) {
		int descriptor;
		ssize_t got = lib_receive(client->asker.stream, answer + used, ANSWER - 1 - used,
					  &descriptor, deadline_ns);
		char *end;

		take_page(client, descriptor);
		*error = got < 0 ? (int)got : -ECONNRESET;
		if (got <= 0)
			return NULL;
		used += (size_t)got;
		answer[used] = '\0';
		*error = -EPROTO;
		while ((end = memchr(line, '\n', (size_t)(answer + used - line)))) {
			*end = '\0';
			if (!--lines) /* more than was asked for is not ours either */
				return line + strlen(line) + 1 == answer + used ? line : NULL;
			line = end + 1;
		}
	}
	return NULL;
}

static int converse(struct spoolgate *client, const struct question *question, bool page,
		    struct spoolgate_admission *admission)
{
	char request[REQUEST], answer[ANSWER], *line;
	size_t length = write_request(request, question, page);
	int ret = lib_send(client->asker.stream, request, length, question->deadline_ns);

	if (ret)
		return ret;
	line = read_lines(client, answer, page ? 2 : 1, question->deadline_ns, &ret);
	if (!line || question->ended)
		return line ? 0 : ret;
	ret = lib_answer_parse(line, admission);
	admission->promised = question->size > 0 && admission->verdict != SPOOLGATE_DEFER;
	return ret;
}

static void disconnect(struct spoolgate *client)
{
	if (client->asker.stream >= 0)
		close(client->asker.stream);
	client->asker.stream = -1;
}

/* What is kept may be a dead daemon's, so its failure is followed by a second try. */
static int ask_locked(struct spoolgate *client, const struct question *question,
		      struct spoolgate_admission *admission)
{
	int ret = 0;

	if (client->shared->asker_owner != getpid()) /* we were forked: that one is our parent's */
		disconnect(client);
	if (client->asker.stream >= 0) {
		ret = converse(client, question, false, admission);
		if (!ret)
			return 0;
		disconnect(client);
		if (ret != -EPIPE && ret != -ECONNRESET)
			return ret;
	}
	ret = lib_connect(&client->address, question->deadline_ns);
	if (ret < 0)
		return ret;
	client->asker.stream = ret;
	client->shared->asker_owner = getpid();
	ret = converse(client, question, true, admission);
	if (ret)
		disconnect(client);
	return ret;
}

static bool is_too_early(const struct spoolgate *client)
{
	return lib_now_coarse() < __atomic_load_n(&client->retry_ns, __ATOMIC_ACQUIRE) &&
	       lib_page_pulse(client->page) ==
		       __atomic_load_n(&client->pulse_then, __ATOMIC_RELAXED);
}

/*
 * Of all time at most an eighth is spent on waiting for a daemon that does not answer. One that
 * hung and goes on writes to its page, and is asked again at once.
 */
static void back_off(struct spoolgate *client, int error, int64_t begun_ns)
{
	int64_t now = lib_now(), pause_ns = 8 * (now - begun_ns);

	if (pause_ns < LIB_SECOND_NS)
		pause_ns = LIB_SECOND_NS;
	__atomic_store_n(&client->error, error, __ATOMIC_RELAXED);
	__atomic_store_n(&client->pulse_then, lib_page_pulse(client->page), __ATOMIC_RELAXED);
	__atomic_store_n(&client->retry_ns, now + pause_ns, __ATOMIC_RELEASE);
}

static int fail(const struct spoolgate *client, struct spoolgate_admission *admission)
{
	if (admission)
		lib_accept(admission, false);
	return __atomic_load_n(&client->error, __ATOMIC_RELAXED);
}

int lib_ask(struct spoolgate *client, unsigned int class, int64_t size, const char *address,
	    struct spoolgate_admission *admission)
{
	int64_t now = lib_now();
	const struct question question = { !admission, class, size, address,
					   now + LIB_PATIENCE_NS };
	const struct timespec deadline = { .tv_sec = question.deadline_ns / LIB_SECOND_NS,
					   .tv_nsec = question.deadline_ns % LIB_SECOND_NS };
	int ret;

	if (is_too_early(client))
		return fail(client, admission);
	if (pthread_mutex_clocklock(&client->shared->asker_lock, CLOCK_MONOTONIC, &deadline)) {
		if (admission)
			lib_accept(admission, false);
		return -ETIMEDOUT;
	}
	ret = -EAGAIN;
	if (!is_too_early(client)) { /* nobody has failed while we waited */
		ret = ask_locked(client, &question, admission);
		if (ret)
			back_off(client, ret, now);
	}
	pthread_mutex_unlock(&client->shared->asker_lock);
	return ret ? fail(client, admission) : 0;
}
