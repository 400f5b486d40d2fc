/* SPDX-License-Identifier: GPL-2.0-only */
/* The gate diverts, passes and drops; the brake is set when a look is not answered, and then only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "publish/gate.h"

#define PORT  25
#define LEASE 60000000000ULL

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* 0, or -errno of the connect(). Diverted connections stay in the listener's queue. */
static int call(int family)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	int fd = socket(family, SOCK_STREAM, 0), error = 0;

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	six.sin6_addr = in6addr_loopback;
	if (family == AF_INET ? connect(fd, (struct sockaddr *)&four, sizeof(four))
			      : connect(fd, (struct sockaddr *)&six, sizeof(six)))
		error = -errno;
	close(fd);
	return error;
}

/* The next connection in the listener's queue, and meant for the port. */
static bool is_taken(int listener_fd)
{
	struct sockaddr_in6 address = { 0 };
	socklen_t length = sizeof(address);
	int fd = accept(listener_fd, NULL, NULL);
	bool taken = fd >= 0 && !getsockname(fd, (struct sockaddr *)&address, &length) &&
		     address.sin6_port == htons(PORT);

	if (fd >= 0)
		close(fd);
	return taken;
}

static void make_orders(struct orders *orders, const struct gate *gate)
{
	orders->gates[0].ports[0] = (struct orders_port){ .port = PORT, .level = 1 };
	orders->gates[0].port_count = 1;
	orders->gates[0].backlog = gate->place.backlog;
	orders->gates[0].until_ns = now_ns() + LEASE;
	orders->gate_level = 1;
	orders->armed_until_ns = 0; /* another check may have braked */
}

/* Everyone on this machine is internal: ::ffff:127.0.0.0/104. */
static void make_internal(struct orders *orders)
{
	struct orders_networks *networks = &orders->networks[1];

	inet_pton(AF_INET6, "::ffff:127.0.0.0", networks->entries[0].address);
	inet_pton(AF_INET6, "ffff:ffff:ffff:ffff:ffff:ffff:ff00::", networks->entries[0].mask);
	networks->count = 1;
	orders->network_generation = 1;
}

/* NULL, or the first thing that is not so. */
static const char *find_flaw(struct orders *orders, struct gate *gate, const __u64 *counts)
{
	gate->pulse->beat_ns = now_ns();
	if (call(AF_INET) || !is_taken(gate->place.listener_fd))
		return "an IPv4 client is not diverted";
	gate->pulse->accepted++;
	gate->pulse->beat_ns = now_ns(); /* each time: an emulated CPU is slow */
	if (call(AF_INET6) || !is_taken(gate->place.listener_fd))
		return "an IPv6 client is not diverted";
	gate->pulse->accepted++;
	if (counts[GATE_DIVERTED] != 2)
		return "diverted clients are miscounted";
	gate->pulse->accepted--; /* so one waits, of the one there is room for */
	orders->gates[0].backlog = 1;
	gate->pulse->beat_ns = now_ns();
	if (call(AF_INET) != -ECONNREFUSED || counts[GATE_FULL] != 1)
		return "a client beyond the backlog is not refused";
	gate->pulse->accepted++;
	orders->gates[0].backlog = gate->place.backlog;
	gate->pulse->beat_ns = now_ns() - LEDGER_PULSE_NS - 1;
	if (call(AF_INET) != -ECONNREFUSED || counts[GATE_NO_PULSE] != 1)
		return "a client without a responder is not refused";
	gate->pulse->beat_ns = now_ns();
	make_internal(orders);
	if (call(AF_INET) != -ECONNREFUSED || counts[GATE_INTERNAL] != 1)
		return "an internal client does not pass";
	orders->gates[0].until_ns = now_ns();
	if (call(AF_INET6) != -ECONNREFUSED || counts[GATE_PASSED] != 1)
		return "without a lease a client does not pass";
	return NULL;
}

void check_gate(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	static const struct config_gate config = {
		.port_count = 1,
		.ports = { { PORT, CLASS_INBOUND } },
	};
	const __u64 *counts = kernel_ledger(stage->kernel)->gates[0].counts[0];
	struct orders *orders = kernel_orders(stage->kernel);
	struct gate gate;
	const char *flaw;
	int error;

	(void)slot;
	error = gate_prepare(&gate, &config);
	if (error) {
		check_found(finding, "impossible", "prepare: %s", strerror(-error));
		return;
	}
	make_orders(orders, &gate);
	error = gate_attach(&gate, stage->kernel, 0);
	flaw = error ? NULL : find_flaw(orders, &gate, counts);
	finding->count = counts[GATE_DIVERTED];
	if (error)
		check_found(finding, "refused", "%s", strerror(-error));
	else
		check_found(finding, flaw ? "fails" : "works", "%s", flaw ? flaw : "-");
	gate_close(&gate);
}
