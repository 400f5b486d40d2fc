/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mail server's side of the milter protocol, version 6, as far as MAIL:
 *
 *	milt [-a USER] [-c ADDRESS] [-x COUNT] [-z SIZE] [-e end|abort] [-o] [-n SESSIONS]
 *	     [-m MESSAGES] [-w SECONDS] ADDRESS
 *
 * opens SESSIONS connections, and takes all of them together through negotiation, connect, and
 * MESSAGES times MAIL. A line on what was negotiated in the first one; then, for each answer to
 * MAIL, a line: "accept", "continue", "tempfail", or "reply TEXT". "gone" where the milter hung
 * up. After "continue" the message ends as -e says; then nothing is printed. -o offers no list of
 * macros; -c - is a client of whom no address is known, -c pipe one as Sendmail has it for a pipe; -x
 * sends COUNT strings more as macros, in which an odd number leaves the last name without its
 * value; -w stays connected for so long at the end. The last line is "took MILLISECONDS", of the
 * slowest MAIL.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PACKET	   1024
#define PATIENCE_S 60
#define STEPS	   0x1fffff
#define SETSYMLIST 0x100

struct client {
	const char *user, *address, *size, *end, *milter;
	unsigned int sessions, messages, strings, stay_s;
	bool old; /* without the list of macros */
	int *fds;
};

struct packet {
	size_t used;
	char bytes[PACKET];
};

static void die(const char *what)
{
	fprintf(stderr, "milt: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put(struct packet *packet, const void *bytes, size_t length)
{
	if (length > sizeof(packet->bytes) - packet->used)
		die("packet");
	memcpy(packet->bytes + packet->used, bytes, length);
	packet->used += length;
}

static void put_text(struct packet *packet, const char *text)
{
	put(packet, text, strlen(text) + 1);
}

static void put_u32(struct packet *packet, uint32_t number)
{
	number = htonl(number);
	put(packet, &number, sizeof(number));
}

static void send_packet(int fd, char command, const struct packet *packet)
{
	struct packet framed = { .used = 0 };

	if (fd < 0)
		return;
	put_u32(&framed, (uint32_t)packet->used + 1);
	put(&framed, &command, 1);
	put(&framed, packet->bytes, packet->used);
	if (send(fd, framed.bytes, framed.used, MSG_NOSIGNAL) != (ssize_t)framed.used)
		perror("milt: send");
}

static bool receive(int fd, void *bytes, size_t length)
{
	return !length || recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length;
}

/* Returns the command, or 0 when the milter has hung up. */
static char receive_packet(int fd, struct packet *packet)
{
	uint32_t length;
	char command;

	if (fd < 0 || !receive(fd, &length, sizeof(length)))
		return 0;
	length = ntohl(length) - 1;
	if (length >= sizeof(packet->bytes) || !receive(fd, &command, 1) ||
	    !receive(fd, packet->bytes, length))
		return 0;
	packet->bytes[length] = '\0';
	packet->used = length;
	return command;
}

static int connect_to(const char *milter)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in inet = { .sin_family = AF_INET };
	bool is_local = !strncmp(milter, "unix:", 5);
	int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (is_local) {
		snprintf(local.sun_path, sizeof(local.sun_path), "%s", milter + 5);
		ret = connect(fd, (const struct sockaddr *)&local, sizeof(local));
	} else {
		inet.sin_port = htons((uint16_t)atoi(strchr(milter, ':') + 1));
		inet_pton(AF_INET, strchr(milter, '@') + 1, &inet.sin_addr);
		ret = connect(fd, (const struct sockaddr *)&inet, sizeof(inet));
	}
	if (ret)
		die(milter);
	return fd;
}

static void negotiate(const struct client *client)
{
	struct packet offer = { .used = 0 }, answer;
	uint32_t numbers[3] = { 0 };

	put_u32(&offer, 6);
	put_u32(&offer, client->old ? 0xff : 0x1ff);
	put_u32(&offer, STEPS);
	for (unsigned int i = 0; i < client->sessions; i++)
		send_packet(client->fds[i], 'O', &offer);
	for (unsigned int i = 0; i < client->sessions; i++) {
		if (receive_packet(client->fds[i], &answer) != 'O' || answer.used < 12)
			die("negotiation");
		if (i)
			continue;
		memcpy(numbers, answer.bytes, sizeof(numbers));
		printf("version %u actions 0x%x steps 0x%x", ntohl(numbers[0]), ntohl(numbers[1]),
		       ntohl(numbers[2]));
		if (answer.used > 16)
			printf(" macros %s", answer.bytes + 16);
		putchar('\n');
	}
}

static void say_connect(const struct client *client)
{
	struct packet greeting = { .used = 0 }, answer;
	uint16_t port = htons(4711);
	bool six = strchr(client->address, ':');

	bool pipe = !strcmp(client->address, "pipe");

	put_text(&greeting, pipe ? "localhost" : "client.test");
	if (pipe || !strcmp(client->address, "-")) {
		put(&greeting, "U", 1);
	} else {
		put(&greeting, six ? "6" : "4", 1);
		put(&greeting, &port, sizeof(port));
		put_text(&greeting, client->address);
	}
	for (unsigned int i = 0; i < client->sessions; i++)
		send_packet(client->fds[i], 'C', &greeting);
	for (unsigned int i = 0; i < client->sessions; i++)
		if (receive_packet(client->fds[i], &answer) != 'c')
			die("answer to connect");
}

static void print_answer(char command, const struct packet *answer)
{
	switch (command) {
	case 'a':
		puts("accept");
		break;
	case 'c':
		puts("continue");
		break;
	case 't':
		puts("tempfail");
		break;
	case 'y':
		printf("reply %s\n", answer->bytes);
		break;
	case 0:
		puts("gone");
		break;
	default:
		printf("unexpected '%c'\n", command);
	}
}

/* Received, or taken back by the client: that is not answered. */
static void end_message(const struct client *client, int fd)
{
	const struct packet nothing = { .used = 0 };
	struct packet answer;

	if (!strcmp(client->end, "abort"))
		send_packet(fd, 'A', &nothing);
	else
		send_packet(fd, 'E', &nothing);
	if (strcmp(client->end, "abort") && receive_packet(fd, &answer) != 'a')
		die("answer to the end of the message");
}

/* Returns how long the slowest took, in milliseconds. */
static int64_t say_mail(const struct client *client)
{
	struct packet macros = { .used = 0 }, mail = { .used = 0 }, answer;
	char size[64];
	int64_t sent_ms;

	put(&macros, "M", 1);
	put_text(&macros, "i");
	put_text(&macros, "4711");
	if (client->user) {
		put_text(&macros, "{auth_authen}");
		put_text(&macros, client->user);
	}
	for (unsigned int i = 0; i < client->strings; i++)
		put_text(&macros, "{x}");
	put_text(&mail, "<sender@client.test>");
	if (client->size) {
		snprintf(size, sizeof(size), "SIZE=%s", client->size);
		put_text(&mail, "BODY=8BITMIME");
		put_text(&mail, size);
	}
	sent_ms = now_ms();
	for (unsigned int i = 0; i < client->sessions; i++) {
		send_packet(client->fds[i], 'D', &macros);
		send_packet(client->fds[i], 'M', &mail);
	}
	for (unsigned int i = 0; i < client->sessions; i++) {
		char command = receive_packet(client->fds[i], &answer);

		print_answer(command, &answer);
		if (command == 'c' && client->end)
			end_message(client, client->fds[i]);
	}
	return now_ms() - sent_ms;
}

static void run(struct client *client)
{
	const struct packet nothing = { .used = 0 };
	int64_t slowest_ms = 0;

	client->fds = calloc(client->sessions, sizeof(*client->fds));
	if (!client->fds)
		die("sessions");
	for (unsigned int i = 0; i < client->sessions; i++)
		client->fds[i] = connect_to(client->milter);
	negotiate(client);
	say_connect(client);
	for (unsigned int i = 0; i < client->messages; i++) {
		int64_t took_ms = say_mail(client);

		slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
	}
	printf("took %lld\n", (long long)slowest_ms);
	fflush(stdout);
	sleep(client->stay_s);
	for (unsigned int i = 0; i < client->sessions; i++) {
		send_packet(client->fds[i], 'Q', &nothing);
		close(client->fds[i]);
	}
	free(client->fds);
}

int main(int argc, char **argv)
{
	struct client client = { .address = "192.0.2.1", .sessions = 1, .messages = 1 };
	const struct rlimit descriptors = { 4096, 4096 };
	int option;

	while ((option = getopt(argc, argv, "a:c:x:z:e:on:m:w:")) != -1) {
		switch (option) {
		case 'a':
			client.user = optarg;
			break;
		case 'c':
			client.address = optarg;
			break;
		case 'x':
			client.strings = (unsigned int)atoi(optarg);
			break;
		case 'z':
			client.size = optarg;
			break;
		case 'e':
			client.end = optarg;
			break;
		case 'o':
			client.old = true;
			break;
		case 'n':
			client.sessions = (unsigned int)atoi(optarg);
			break;
		case 'm':
			client.messages = (unsigned int)atoi(optarg);
			break;
		case 'w':
			client.stay_s = (unsigned int)atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1)
		return 2;
	client.milter = argv[optind];
	setrlimit(RLIMIT_NOFILE, &descriptors);
	run(&client);
	return 0;
}
