/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * COUNT clients of one server, from all addresses of 198.51.100.0/24, no more than AT-ONCE of
 * them under way. A polite one reads until the server ends; a mute one neither reads nor closes
 * nor says anything, until all have connected. Says what became of them.
 *
 *   flood ADDRESS PORT COUNT AT-ONCE polite|mute
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 20

struct client {
	int fd;
	double begin_s, heard_s;
};

struct flood {
	struct sockaddr_in server;
	struct client *clients;
	int count, at_once, epoll_fd, started, running;
	int answered, silent, refused, hung;
	int mute;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void end(struct flood *flood, struct client *client, int *verdict)
{
	close(client->fd);
	client->fd = -1;
	flood->running--;
	++*verdict;
}

static void start(struct flood *flood)
{
	struct client *client = &flood->clients[flood->started];
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	int yes = 1;

	from.sin_addr.s_addr = htonl(0xc6336401 + (unsigned int)flood->started % 250);
	client->begin_s = now_s();
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	flood->started++;
	flood->running++;
	if (client->fd < 0 || bind(client->fd, (struct sockaddr *)&from, sizeof(from)) ||
	    epoll_ctl(flood->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) ||
	    (connect(client->fd, (struct sockaddr *)&flood->server, sizeof(flood->server)) &&
	     errno != EINPROGRESS))
		end(flood, client, &flood->refused);
}

static void hear(struct flood *flood, struct client *client, unsigned int events)
{
	char text[512];
	ssize_t got;

	if (client->fd < 0)
		return;
	if (flood->mute && !(events & EPOLLERR)) {
		client->heard_s = now_s(); /* and leave it at that */
		epoll_ctl(flood->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
		flood->running--;
		return;
	}
	got = recv(client->fd, text, sizeof(text), 0);
	if (got > 0)
		client->heard_s = now_s();
	else if (!got)
		end(flood, client, client->heard_s > 0 ? &flood->answered : &flood->silent);
	else if (errno != EAGAIN)
		end(flood, client, client->heard_s > 0 ? &flood->answered : &flood->refused);
}

static void run(struct flood *flood)
{
	struct epoll_event events[256];
	double last_s = now_s();
	int i, count;

	while (flood->started < flood->count || flood->running) {
		while (flood->started < flood->count && flood->running < flood->at_once)
			start(flood);
		count = epoll_wait(flood->epoll_fd, events, 256, 1000);
		for (i = 0; i < count; i++)
			hear(flood, events[i].data.ptr, events[i].events);
		if (count > 0)
			last_s = now_s();
		if (now_s() - last_s > PATIENCE_S) {
			flood->hung = flood->running;
			return;
		}
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell(const struct flood *flood, double took_s)
{
	double *waits = calloc((size_t)flood->count, sizeof(*waits));
	int i, heard = 0;

	for (i = 0; i < flood->count; i++)
		if (flood->clients[i].heard_s > 0)
			waits[heard++] =
				1000 * (flood->clients[i].heard_s - flood->clients[i].begin_s);
	qsort(waits, (size_t)heard, sizeof(*waits), compare);
	printf("heard %d, ended without a word %d, refused %d, hung %d; %.0f/s; median %.1f ms, "
	       "p99 %.1f ms, worst %.1f ms\n",
	       heard, flood->silent, flood->refused, flood->hung, flood->count / took_s,
	       heard ? waits[heard / 2] : 0, heard ? waits[(size_t)(heard * 0.99)] : 0,
	       heard ? waits[heard - 1] : 0);
	free(waits);
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 32768, 32768 };
	struct flood flood = { .server.sin_family = AF_INET };
	double begin_s = now_s();

	if (argc != 6)
		return 2;
	setrlimit(RLIMIT_NOFILE, &limit);
	inet_pton(AF_INET, argv[1], &flood.server.sin_addr);
	flood.server.sin_port = htons((unsigned short)atoi(argv[2]));
	flood.count = atoi(argv[3]);
	flood.at_once = atoi(argv[4]);
	flood.mute = !strcmp(argv[5], "mute");
	flood.clients = calloc((size_t)flood.count, sizeof(*flood.clients));
	flood.epoll_fd = epoll_create1(0);
	if (!flood.clients || flood.epoll_fd < 0)
		return 1;
	run(&flood);
	tell(&flood, now_s() - begin_s);
	fflush(stdout);
	if (flood.mute)
		pause();
	return 0;
}
