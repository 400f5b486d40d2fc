/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * page SOCKET: what an answer of libspoolgate costs, in rounds of a million: the median's
 * nanoseconds, for mail that is taken and for mail that is refused, and by how many threads at
 * once. And what the same costs by the socket. The daemon's level has to be medium.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/units.h"
#include "spoolgate.h"

#define ROUNDS	15
#define CALLS	1000000
#define REPLIES 2000
#define THREADS 2

static struct spoolgate *client;

static void die(const char *what)
{
	fprintf(stderr, "page: %s\n", what);
	exit(1);
}

/* Nanoseconds a call, of CALLS. */
static double ask(enum spoolgate_class class, int64_t size, int calls)
{
	struct spoolgate_admission admission;
	int64_t begin = monotonic_ns();

	for (int i = 0; i < calls; i++)
		if (spoolgate_admission(client, class, size, &admission))
			die("nobody answered");
	return (double)(monotonic_ns() - begin) / calls;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median_of(enum spoolgate_class class)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = ask(class, -1, CALLS);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	return rounds[ROUNDS / 2];
}

static void *measure(void *median)
{
	*(double *)median = median_of(SPOOLGATE_SUBMISSION);
	return NULL;
}

/* At medium strangers are refused and users' mail is taken. */
static void check_verdicts(void)
{
	struct spoolgate_admission inbound, submission;

	if (spoolgate_admission(client, SPOOLGATE_INBOUND, -1, &inbound) ||
	    spoolgate_admission(client, SPOOLGATE_SUBMISSION, -1, &submission) ||
	    inbound.verdict != SPOOLGATE_DEFER || submission.verdict != SPOOLGATE_ACCEPT)
		die("the level is not medium");
}

int main(int argc, char **argv)
{
	double alone, refused, together[THREADS], by_socket;
	pthread_t threads[THREADS];

	if (argc != 2 || spoolgate_open(&client, argv[1]))
		die("usage: page SOCKET");
	check_verdicts(); /* and fetches the page */
	measure(&alone);
	refused = median_of(SPOOLGATE_INBOUND);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, measure, &together[i]))
			die("no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	by_socket = ask(SPOOLGATE_SUBMISSION, INT64_MAX, REPLIES);
	printf("%.1f ns an answer, %.1f ns a refusal, %.1f ns with %d threads at once; by the socket "
	       "%.0f ns\n",
	       alone, refused, together[THREADS - 1], THREADS, by_socket);
	spoolgate_close(client);
	return 0;
}
