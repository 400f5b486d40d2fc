/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Users of libspoolgate that a shell cannot be. It stands on the library alone, so that a test
 * can build both with the thread sanitizer.
 *
 *   library calls SOCKET COUNT      COUNT calls between a line "begin" and a line "end"
 *   library ask SOCKET SIZE COUNT PAUSE-MS
 *                                   COUNT calls for messages of SIZE bytes; of each a line:
 *                                   milliseconds, verdict, known or unknown, error
 *   library cost SOCKET ROUNDS      what a call for inbound and one for internal mail cost: the
 *                                   least mean of ROUNDS short rounds, each a fraction of a time
 *                                   slice, so that it is the code's cost and not the host's load
 *   library threads SOCKET THREADS  until its input ends, THREADS ask all the time, the page and
 *                                   now and then the socket, and one waits for changes; the counts
 *                                   of all. Exit: 1 when an answer was not one of ours
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "spoolgate.h"

#define MOST	  64
#define BY_SOCKET 4096 /* every so manieth question */
#define SHORT	  1000 /* calls of a round of `cost` */

static struct spoolgate *client;

struct asker {
	pthread_t thread;
	unsigned long answers[3], unknown, wrong;
};

static bool over; /* atomic */

/*
 * This sanitizer (of gcc 12) does not know the call and so misses the lock. What it is to see is
 * who holds it, and not how long who does not waits.
 */
#ifdef __SANITIZE_THREAD__
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	(void)clock;
	(void)until;
	return pthread_mutex_lock(mutex);
}
#endif

static void fail(const char *what)
{
	fprintf(stderr, "library: %s\n", what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* write(2) at once: strace shows where the calls lie. */
static void mark(const char *word)
{
	if (write(STDOUT_FILENO, word, strlen(word)) < 0)
		fail("cannot write");
}

static void calls(long count)
{
	struct spoolgate_admission admission;
	long known = 0;

	spoolgate_admission(client, SPOOLGATE_INBOUND, -1, &admission); /* fetches the page */
	mark("begin\n");
	for (long i = 0; i < count; i++) {
		enum spoolgate_class class = (enum spoolgate_class)(i % 3);

		spoolgate_admission_from(client, class, i & 1 ? 1 : -1, "192.0.2.1", &admission);
		known += admission.known;
	}
	mark("end\n");
	if (known != count)
		fail("an answer is not known");
}

static void ask(int64_t size, long count, int pause_ms)
{
	static const char *const verdicts[] = { "accept", "delay", "defer" };
	struct spoolgate_admission admission;

	for (long i = 0; i < count; i++) {
		double begin = now_ms();
		int error = spoolgate_admission(client, SPOOLGATE_INBOUND, size, &admission);

		printf("%.0f %s %s %s\n", now_ms() - begin, verdicts[admission.verdict],
		       admission.known ? "known" : "unknown", strerrorname_np(-error));
		fflush(stdout);
		poll(NULL, 0, pause_ms);
	}
}

/* Nanoseconds a call. All must have been answered VERDICT by the page. */
static double short_round(enum spoolgate_class class, enum spoolgate_verdict verdict)
{
	struct spoolgate_admission admission;
	double begin = now_ms();
	long right = 0;

	for (int i = 0; i < SHORT; i++) {
		spoolgate_admission(client, class, -1, &admission);
		right += admission.known && admission.verdict == verdict;
	}
	if (right != SHORT)
		fail("another answer");
	return (now_ms() - begin) * 1e6 / SHORT;
}

/* In turn, so that both have the same host. Wants inbound deferred and internal accepted. */
static void cost(long rounds)
{
	double least[] = { 1e9, 1e9 };
	struct spoolgate_admission admission;

	spoolgate_admission(client, SPOOLGATE_INBOUND, -1, &admission); /* fetches the page */
	for (long i = 0; i < rounds; i++) {
		double took[] = { short_round(SPOOLGATE_INTERNAL, SPOOLGATE_ACCEPT),
				  short_round(SPOOLGATE_INBOUND, SPOOLGATE_DEFER) };

		for (int k = 0; k < 2; k++)
			least[k] = took[k] < least[k] ? took[k] : least[k];
	}
	printf("%.1f %.1f\n", least[0], least[1]);
}

static bool is_ours(const struct spoolgate_admission *admission)
{
	if (admission->verdict == SPOOLGATE_DEFER)
		return admission->known &&
		       !strcmp(admission->reply, "452 4.3.1 Insufficient system resources");
	return admission->verdict == SPOOLGATE_ACCEPT && !admission->reply[0];
}

static void *ask_all_the_time(void *context)
{
	struct asker *asker = context;
	struct spoolgate_admission admission;

	for (unsigned long i = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); i++) {
		spoolgate_admission(client, SPOOLGATE_INBOUND, i % BY_SOCKET ? -1 : INT64_MAX,
				    &admission);
		if (is_ours(&admission))
			asker->answers[admission.verdict]++;
		else
			asker->wrong++;
		asker->unknown += !admission.known;
	}
	return NULL;
}

static unsigned long wait_for_changes(void)
{
	struct pollfd events[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				   { .fd = spoolgate_fd(client), .events = POLLIN } };
	unsigned long changes = 0;

	while (poll(events, 2, -1) > 0 && !events[0].revents)
		changes += spoolgate_changed(client) > 0;
	return changes;
}

static int threads(long count)
{
	struct asker askers[MOST] = { 0 }, sum = { 0 };
	unsigned long changes;

	if (count < 1 || count > MOST)
		fail("too many threads");
	for (long i = 0; i < count; i++)
		if (pthread_create(&askers[i].thread, NULL, ask_all_the_time, &askers[i]))
			fail("no thread");
	changes = wait_for_changes();
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (long i = 0; i < count; i++) {
		pthread_join(askers[i].thread, NULL);
		sum.answers[0] += askers[i].answers[0];
		sum.answers[2] += askers[i].answers[2];
		sum.unknown += askers[i].unknown;
		sum.wrong += askers[i].wrong;
	}
	printf("accept %lu defer %lu unknown %lu wrong %lu changes %lu\n", sum.answers[0],
	       sum.answers[2], sum.unknown, sum.wrong, changes);
	return sum.wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 4)
		fail("usage: library calls|ask|cost|threads SOCKET NUMBER [COUNT]");
	if (spoolgate_open(&client, argv[2]))
		fail("cannot open");
	if (!strcmp(argv[1], "calls"))
		calls(atol(argv[3]));
	else if (!strcmp(argv[1], "ask"))
		ask(atoll(argv[3]), argc > 4 ? atol(argv[4]) : 1, argc > 5 ? atoi(argv[5]) : 0);
	else if (!strcmp(argv[1], "cost"))
		cost(atol(argv[3]));
	else
		status = threads(atol(argv[3]));
	spoolgate_close(client);
	return status;
}
