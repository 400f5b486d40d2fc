/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a gate is. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish/gate_place.h"

#define OWN_NETNS	"/proc/thread-self/ns/net"
#define BACKLOG		4096 /* asked for; net.core.somaxconn may grant less */
#define STRANGERS	64
#define TCP_LISTENING	0x0a
#define USER_TIMEOUT_MS 10000
#define LINGER_S	5
#define RECEIVE_BYTES	4096
#define RENO		"reno" /* which every kernel has, and for everybody */

/*
 * The dummy address of RFC 7600, which no host has: the listener cannot be reached but by
 * diversion, which does not ask for addresses. Not one of IPv6: a socket bound to such a one is
 * for IPv6 alone, whatever IPV6_V6ONLY says, and one bound to a v4-mapped one is not.
 */
#define NOBODY "192.0.0.8"

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/*
 * All of it is inherited by the connections. SO_REUSEADDR: they hold the mail server's port, which
 * it could not bind again otherwise. One line and its end want no control of congestion: a host's
 * bbr takes a tenth more of the CPU for all that a refused client costs. The rest bounds what a
 * client can make the kernel keep.
 */
static int set_options(int fd)
{
	int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (!error)
		error = set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	if (!error)
		error = set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
	if (!error)
		error = set_option(fd, IPPROTO_TCP, TCP_LINGER2, LINGER_S);
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, RENO, sizeof(RENO) - 1);
	return error;
}

static int bind_six(int fd)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	int error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);

	inet_pton(AF_INET6, "::ffff:" NOBODY, &address.sin6_addr);
	if (!error)
		error = set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	if (!error && bind(fd, (struct sockaddr *)&address, sizeof(address)))
		error = -errno;
	return error;
}

/* A kernel without IPv6: no client of it either. */
static int bind_four(int fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int error = set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);

	inet_pton(AF_INET, NOBODY, &address.sin_addr);
	if (!error && bind(fd, (struct sockaddr *)&address, sizeof(address)))
		error = -errno;
	return error;
}

/* Of a listener, TCP_INFO says what its backlog came to. */
static unsigned int granted_backlog(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) || !info.tcpi_sacked)
		return 128; /* the least any kernel has by default */
	return info.tcpi_sacked;
}

static int open_listener(struct gate_place *place)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;
	bool six = fd >= 0;

	if (!six)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = set_options(fd);
	if (!error)
		error = six ? bind_six(fd) : bind_four(fd);
	if (!error && listen(fd, BACKLOG))
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	place->listener_fd = fd;
	place->backlog = granted_backlog(fd);
	return 0;
}

unsigned int gate_place_listening(const char *line)
{
	unsigned int port, state;

	/* "   0: 00000000:0019 00000000:0000 0A …" */
	if (sscanf(line, " %*u: %*[0-9A-F]:%4x %*[0-9A-F]:%*4x %2x", &port, &state) != 2)
		return 0;
	return state == TCP_LISTENING ? port : 0;
}

/* Listeners come first in it: the connections of a busy host are not read. */
static void hear(const char *path, struct gate_place *place, const struct config_gate *gate)
{
	FILE *file = fopen(path, "re");
	char line[256];
	unsigned int port, i;

	if (!file)
		return;
	if (!fgets(line, sizeof(line), file)) /* the heading */
		goto out;
	while (fgets(line, sizeof(line), file) && (port = gate_place_listening(line)))
		for (i = 0; i < gate->port_count; i++)
			if (gate->ports[i].number == port)
				place->unheard[i] = false;
out:
	fclose(file);
}

void gate_place_hear(struct gate_place *place, const struct config_gate *gate)
{
	memset(place->unheard, 1, sizeof(place->unheard));
	hear("/proc/thread-self/net/tcp", place, gate);
	hear("/proc/thread-self/net/tcp6", place, gate);
}

static int furnish(struct gate_place *place, const struct config_gate *gate)
{
	__u32 ids[STRANGERS];

	place->strangers = STRANGERS;
	if (bpf_prog_query(place->netns_fd, BPF_SK_LOOKUP, 0, NULL, ids, &place->strangers))
		place->strangers = 0;
	gate_place_hear(place, gate);
	return open_listener(place);
}

static int furnish_inside(struct gate_place *place, const struct config_gate *gate)
{
	int own_fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC), error;

	if (own_fd < 0)
		return -errno;
	if (setns(place->netns_fd, CLONE_NEWNET)) {
		error = -errno;
		close(own_fd);
		return error;
	}
	error = furnish(place, gate);
	/* To stay in there would be to listen in there with all else. */
	if (setns(own_fd, CLONE_NEWNET) && !error)
		error = -errno;
	close(own_fd);
	return error;
}

int gate_place_open(struct gate_place *place, const struct config_gate *gate)
{
	struct stat st;
	int error;

	memset(place, 0, sizeof(*place));
	place->listener_fd = -1;
	place->netns_fd = open(gate->netns[0] ? gate->netns : OWN_NETNS,
			       O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (place->netns_fd < 0)
		return -errno;
	if (!fstat(place->netns_fd, &st)) {
		place->device = st.st_dev;
		place->inode = st.st_ino;
	}
	error = gate->netns[0] ? furnish_inside(place, gate) : furnish(place, gate);
	if (error)
		gate_place_close(place);
	return error;
}

void gate_place_leave(struct gate_place *place)
{
	if (place->netns_fd >= 0)
		close(place->netns_fd);
	place->netns_fd = -1;
}

void gate_place_close(struct gate_place *place)
{
	gate_place_leave(place);
	if (place->listener_fd >= 0)
		close(place->listener_fd);
	place->listener_fd = -1;
}
