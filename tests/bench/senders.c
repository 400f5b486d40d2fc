/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * COUNT senders' sessions with one server, AT-ONCE of them at any time: each says what a mail
 * server says until it is refused, at the greeting or at RCPT, then QUIT. Tells where they were
 * refused, and how much CPU time the senders themselves took.
 *
 *   senders ADDRESS PORT COUNT AT-ONCE RECIPIENT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 300 /* for all sessions */
#define LINE	   1024

struct tally {
	int at_greeting, at_rcpt, taken, broken;
};

/* A session, without stdio: what the senders take of the host is to be what a network would take.
 */
struct session {
	int fd;
	size_t length; /* of what was received and not yet read */
	char text[2048];
};

/* The next line, without its end, in LINE; false if none comes. */
static bool read_line(struct session *server, char line[LINE])
{
	char *end;
	ssize_t more;

	while (!(end = memchr(server->text, '\n', server->length))) {
		more = recv(server->fd, server->text + server->length,
			    sizeof(server->text) - server->length, 0);
		if (more <= 0)
			return false;
		server->length += (size_t)more;
	}
	*end++ = '\0';
	memccpy(line, server->text, '\0', LINE - 1);
	line[LINE - 1] = '\0';
	server->length -= (size_t)(end - server->text);
	memmove(server->text, end, server->length);
	return true;
}

/* The code of a reply, which may have several lines; 0 if none comes. */
static int hear(struct session *server)
{
	char line[LINE];

	while (read_line(server, line))
		if (strlen(line) > 3 && line[3] != '-')
			return atoi(line);
	return 0;
}

static int say(struct session *server, const char *command, const char *argument)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "%s%s\r\n", command, argument);

	if (length >= (int)sizeof(line) ||
	    send(server->fd, line, (size_t)length, MSG_NOSIGNAL) != length)
		return 0;
	return hear(server);
}

static int *converse(struct session *server, const char *recipient, struct tally *tally)
{
	int code = hear(server);

	if (code / 100 == 4)
		return &tally->at_greeting;
	if (code != 220 || say(server, "EHLO ", "client.test") != 250 ||
	    say(server, "MAIL FROM:", "<sender@example.test>") != 250)
		return &tally->broken;
	code = say(server, "RCPT TO:", recipient);
	say(server, "QUIT", "");
	if (code / 100 == 4)
		return &tally->at_rcpt;
	return code == 250 ? &tally->taken : &tally->broken;
}

static void hold(const struct sockaddr_in *address, const char *recipient, struct tally *tally)
{
	struct session server;

	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	server.length = 0;
	if (server.fd < 0 || connect(server.fd, (const struct sockaddr *)address, sizeof(*address)))
		tally->broken++;
	else
		++*converse(&server, recipient, tally);
	close(server.fd);
}

static void tell(int results, int senders)
{
	struct tally one, all = { 0 };
	struct rusage used;
	double cpu_us;

	while (senders-- && read(results, &one, sizeof(one)) == sizeof(one)) {
		all.at_greeting += one.at_greeting;
		all.at_rcpt += one.at_rcpt;
		all.taken += one.taken;
		all.broken += one.broken;
	}
	while (wait(NULL) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &used);
	cpu_us = 1e6 * (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	printf("refused at the greeting %d, at RCPT %d, taken %d, broken %d; senders' CPU %.0f us\n",
	       all.at_greeting, all.at_rcpt, all.taken, all.broken, cpu_us);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int i, j, count, at_once, results[2];
	struct tally tally = { 0 };
	char recipient[256];

	if (argc != 6 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 || pipe(results))
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[2]));
	count = atoi(argv[3]);
	at_once = atoi(argv[4]);
	snprintf(recipient, sizeof(recipient), "<%s>", argv[5]);
	for (i = 0; i < at_once; i++) {
		if (fork())
			continue;
		alarm(PATIENCE_S); /* and the senders are fewer than were started */
		for (j = i; j < count; j += at_once)
			hold(&address, recipient, &tally);
		return write(results[1], &tally, sizeof(tally)) != sizeof(tally);
	}
	close(results[1]);
	tell(results[0], at_once);
	return 0;
}
