/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * page SOCKET: what an answer of libspoolgate costs, in rounds of a million: the median's
 * nanoseconds, and by how many threads at once. And what the same costs by the socket.
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
static double ask(const char *address, int64_t size, int calls)
{
	struct spoolgate_admission admission;
	int64_t begin = monotonic_ns();

	for (int i = 0; i < calls; i++)
		if (spoolgate_admission_from(client, SPOOLGATE_INBOUND, size, address, &admission))
			die("nobody answered");
	return (double)(monotonic_ns() - begin) / calls;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void *measure(void *median)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = ask(NULL, -1, CALLS);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	*(double *)median = rounds[ROUNDS / 2];
	return NULL;
}

int main(int argc, char **argv)
{
	double alone, together[THREADS], by_socket;
	pthread_t threads[THREADS];

	if (argc != 2 || spoolgate_open(&client, argv[1]))
		die("usage: page SOCKET");
	ask(NULL, -1, 1); /* fetches the page */
	measure(&alone);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, measure, &together[i]))
			die("no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	by_socket = ask(NULL, INT64_MAX, REPLIES);
	printf("%.1f ns an answer, %.1f ns with %d threads at once; by the socket %.0f ns\n", alone,
	       together[THREADS - 1], THREADS, by_socket);
	spoolgate_close(client);
	return 0;
}
