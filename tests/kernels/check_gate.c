/* SPDX-License-Identifier: GPL-2.0-only */
/* The gate diverts, passes and drops; the brake is set when a look is not answered, and then only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
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

/* What becomes of one client, and that it is counted (a stray segment may be, too). */
static bool is_refused(int family, const __u64 *count)
{
	__u64 before = check_load(count);

	return call(family) == -ECONNREFUSED && check_load(count) > before;
}

static bool is_diverted(int family, struct gate *gate, const __u64 *count)
{
	__u64 before = check_load(count);
	bool taken = !call(family) && is_taken(gate->place.listener_fd);

	gate->pulse->accepted++;
	return taken && check_load(count) > before;
}

/*
 * NULL, or the first thing that is not so. The responder's beat is a minute ahead, or just too old:
 * an emulated CPU on a busy host may stand still for longer than the two seconds it counts.
 */
static const char *find_flaw(struct orders *orders, struct gate *gate, const __u64 *counts)
{
	gate->pulse->beat_ns = now_ns() + LEASE;
	if (!is_diverted(AF_INET, gate, &counts[GATE_DIVERTED]))
		return "an IPv4 client is not diverted";
	if (!is_diverted(AF_INET6, gate, &counts[GATE_DIVERTED]))
		return "an IPv6 client is not diverted";
	gate->pulse->accepted--; /* so one waits, of the one there is room for */
	orders->gates[0].backlog = 1;
	if (!is_refused(AF_INET, &counts[GATE_FULL]))
		return "a client beyond the backlog is not refused";
	gate->pulse->accepted++;
	orders->gates[0].backlog = gate->place.backlog;
	gate->pulse->beat_ns = now_ns() - LEDGER_PULSE_NS - 1;
	if (!is_refused(AF_INET, &counts[GATE_NO_PULSE]))
		return "a client without a responder is not refused";
	gate->pulse->beat_ns = now_ns() + LEASE;
	make_internal(orders);
	if (!is_refused(AF_INET, &counts[GATE_INTERNAL]))
		return "an internal client does not pass";
	orders->gates[0].until_ns = now_ns();
	if (!is_refused(AF_INET6, &counts[GATE_PASSED]))
		return "without a lease a client does not pass";
	return NULL;
}

/* How all of them were counted, for who must find out why it fails. */
static void tell_counts(struct finding *finding, const char *flaw, const __u64 *counts)
{
	check_found(
		finding, "fails",
		"%s: passed %llu, internal %llu, diverted %llu, no pulse %llu, full %llu, unassigned %llu",
		flaw, counts[GATE_PASSED], counts[GATE_INTERNAL], counts[GATE_DIVERTED],
		counts[GATE_NO_PULSE], counts[GATE_FULL], counts[GATE_UNASSIGNED]);
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
	int error, maps[KERNEL_MAPS];
	const char *flaw;

	(void)slot;
	error = gate_prepare(&gate, &config);
	if (error) {
		check_found(finding, "impossible", "prepare: %s", strerror(-error));
		return;
	}
	munmap(gate.pulse, (size_t)sysconf(_SC_PAGESIZE));
	gate.pulse = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			  gate.pulse_fd, 0); /* we are the responder */
	make_orders(orders, &gate);
	kernel_maps(stage->kernel, maps);
	error = gate_attach(&gate, maps, 0);
	flaw = error ? NULL : find_flaw(orders, &gate, counts);
	finding->count = counts[GATE_DIVERTED];
	if (error)
		check_found(finding, "refused", "%s", strerror(-error));
	else if (flaw)
		tell_counts(finding, flaw, counts);
	else
		check_found(finding, "works", "-");
	gate_close(&gate);
}
