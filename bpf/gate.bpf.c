/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: while it is closed, new connections to the mail server's ports go to the responder.
 *
 * The kernel asks this program when no established connection matches, that is for a SYN: open
 * sessions never meet it. (A stray segment is asked for, too, and counted.) It is loaded once
 * for each gated network namespace. UDP and other ports cost the comparison of a few numbers.
 */
#include "maps.h"
#include "bits.h"
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define AF_INET	    2
#define IPPROTO_TCP 6
#define BACKLOG_NUM 3 /* of 4: the rest is for handshakes that are under way */

const volatile __u32 slot; /* of the gate in ledger and orders; set before it is loaded */

/* The responder's listener, of this namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} listener SEC(".maps");

/* Written by the responder alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pulse);
} pulse SEC(".maps");

/* In network byte order; IPv4 as ::ffff:0:0/96, which is also what a v4-mapped one is. */
struct client {
	__u32 words[4];
} __attribute__((aligned(8)));

/* All of the context's fields are read: of those of the other family each is 0. */
static __always_inline void read_client(const volatile struct bpf_sk_lookup *ctx,
					struct client *client)
{
	__u32 four = ctx->remote_ip4;

	client->words[0] = ctx->remote_ip6[0];
	client->words[1] = ctx->remote_ip6[1];
	client->words[2] = ctx->remote_ip6[2];
	client->words[3] = ctx->remote_ip6[3];
	if (ctx->family == AF_INET) {
		client->words[2] = bpf_htonl(0xffff);
		client->words[3] = four;
	}
}

static __always_inline bool is_ipv4(const struct client *client)
{
	return !client->words[0] && !client->words[1] && client->words[2] == bpf_htonl(0xffff);
}

/* The /64, or LEDGER_IPV4 and the address: as the policy's address_hash() has it. */
static __always_inline __u64 network_of(const struct client *client)
{
	if (is_ipv4(client))
		return LEDGER_IPV4 | bpf_ntohl(client->words[3]);
	return *(const __u64 *)client->words;
}

/* The finalizer of MurmurHash3; see user/common/address.c, whose results these must be. */
static __always_inline __u64 mix(__u64 x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

/* A list that is replaced meanwhile is the other one: the one we read stays as it is. */
static __always_inline bool is_internal(const struct orders *o, const struct client *client)
{
	const struct orders_networks *networks = &o->networks[READ_ONCE(o->network_generation) & 1];
	__u32 i, count = networks->count;

	for (i = 0; i < LEDGER_NETWORKS; i++) {
		if (i >= count)
			break;
		if ((client->words[0] & networks->entries[i].mask[0]) ==
			    networks->entries[i].address[0] &&
		    (client->words[1] & networks->entries[i].mask[1]) ==
			    networks->entries[i].address[1] &&
		    (client->words[2] & networks->entries[i].mask[2]) ==
			    networks->entries[i].address[2] &&
		    (client->words[3] & networks->entries[i].mask[3]) ==
			    networks->entries[i].address[3])
			return true;
	}
	return false;
}

/*
 * Not this client's turn yet. Computed from the times: nobody need be awake for the share to
 * grow, and a daemon that is gone cannot hold it.
 */
static __always_inline bool is_held(const struct orders *o, const struct client *client, __u64 now)
{
	__u64 since = READ_ONCE(o->ramp_since_ns), until = READ_ONCE(o->ramp_until_ns), share, hash;

	if (!since || now < since || now >= until)
		return false;
	share = LEDGER_RAMP_BEGIN +
		(LEDGER_RAMP_ALL - LEDGER_RAMP_BEGIN) * (now - since) / (until - since);
	hash = mix(mix(network_of(client) ^ o->ramp_salt) + o->ramp_salt);
	return hash % LEDGER_RAMP_ALL >= share;
}

/* At any place, by the mark that is there now: the look at one answers for no other. */
static __always_inline bool is_braked(const struct ledger *l, const struct orders *o, __u64 now)
{
	__u32 place;

	if (now >= READ_ONCE(o->armed_until_ns))
		return false;
	for (place = 0; place < LEDGER_PLACES; place++)
		if (now < READ_ONCE(l->marks[place].brake_until_ns) &&
		    READ_ONCE(l->marks[place].braked_mark) == READ_ONCE(o->look_marks[place]))
			return true;
	return false;
}

static __always_inline bool is_closed(const struct ledger *l, const struct orders *o,
				      const struct orders_gate *orders_gate,
				      const struct orders_port *port, const struct client *client,
				      __u64 now)
{
	if (!port->level)
		return false;
	if (is_braked(l, o, now))
		return true;
	if (now >= READ_ONCE(orders_gate->until_ns))
		return false;
	if (READ_ONCE(o->gate_level) >= port->level)
		return true;
	return port->ramps && is_held(o, client, now);
}

/* Charge the connection to the client's network, for the log: the mail server's sees nothing. */
static __always_inline void charge_sender(struct ledger_gate *gate, const struct client *client,
					  __u64 now)
{
	__u64 network = network_of(client);
	struct ledger_sender *sender, *stalest = NULL;
	__u32 hash;

	if (is_ipv4(client))
		network &= ~0xffULL;
	else
		network = bpf_be64_to_cpu(network) & ~0xffffULL;
	hash = mix(network) >> 32;
#pragma unroll
	for (__u32 i = 0; i < 4; i++) {
		sender = &gate->senders[(hash + i) & (LEDGER_SENDERS - 1)];
		if (sender->network == network) {
			__sync_fetch_and_add(&sender->connections, 1);
			WRITE_ONCE(sender->seen_ns, now);
			return;
		}
		if (!stalest || sender->seen_ns < stalest->seen_ns)
			stalest = sender;
	}
	/* Two CPUs may take one entry: the log has a number too small once, nothing worse. */
	WRITE_ONCE(stalest->connections, 1);
	WRITE_ONCE(stalest->seen_ns, now);
	WRITE_ONCE(stalest->network, network);
}

/*
 * Too many wait for the responder: past its backlog the kernel would drop handshakes without a
 * word, and clients hang. Not every diverted connection comes to be accepted (floods,
 * retransmitted SYNs); the difference at a moment when none waited is not waiting.
 */
static __always_inline bool is_full(struct ledger_gate *gate, const struct pulse *p, __u64 backlog)
{
	__u64 idle = READ_ONCE(p->idle);
	__s64 waiting = READ_ONCE(gate->diverted) - READ_ONCE(p->accepted);

	if (idle != READ_ONCE(gate->idle_seen)) {
		WRITE_ONCE(gate->lost, waiting);
		WRITE_ONCE(gate->idle_seen, idle);
	}
	waiting -= READ_ONCE(gate->lost);
	return waiting > 0 && (__u64)waiting * 4 > backlog * BACKLOG_NUM;
}

static __always_inline enum gate_verdict divert(struct bpf_sk_lookup *ctx, struct ledger_gate *gate,
						__u64 backlog, __u64 now)
{
	__u32 zero = 0;
	const struct pulse *p = bpf_map_lookup_elem(&pulse, &zero);
	struct bpf_sock *sk;
	__u64 beat;
	long error;

	if (!p)
		return GATE_NO_PULSE;
	beat = READ_ONCE(p->beat_ns);
	if (now > beat && now - beat > LEDGER_PULSE_NS)
		return GATE_NO_PULSE;
	if (is_full(gate, p, backlog))
		return GATE_FULL;
	sk = bpf_map_lookup_elem(&listener, &zero);
	if (!sk)
		return GATE_UNASSIGNED;
	error = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_REPLACE | BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	if (error)
		return GATE_UNASSIGNED;
	__sync_fetch_and_add(&gate->diverted, 1);
	return GATE_DIVERTED;
}

/* The place of PORT, or LEDGER_GATE_PORTS. */
static __always_inline __u32 find_port(const struct orders_gate *orders_gate, __u32 port)
{
	__u32 i, count = orders_gate->port_count;

	for (i = 0; i < LEDGER_GATE_PORTS; i++)
		if (i < count && orders_gate->ports[i].port == port)
			return i;
	return LEDGER_GATE_PORTS;
}

SEC("sk_lookup")
int gate(struct bpf_sk_lookup *ctx)
{
	const struct orders *o = get_orders();
	struct ledger *l = get_ledger();
	const struct orders_gate *orders_gate;
	struct ledger_gate *ledger_gate;
	enum gate_verdict verdict;
	struct client client;
	__u64 now, port;
	__u32 which = slot;

	if (ctx->protocol != IPPROTO_TCP || !o || !l || which >= LEDGER_GATES)
		return SK_PASS;
	orders_gate = &o->gates[which];
	ledger_gate = &l->gates[which];
	port = find_port(orders_gate, ctx->local_port);
	if (port >= LEDGER_GATE_PORTS)
		return SK_PASS;
	now = bpf_ktime_get_ns();
	port = forget(port, now);
	if (port >= LEDGER_GATE_PORTS) /* for the verifier */
		return SK_PASS;
	read_client(ctx, &client);
	if (!is_closed(l, o, orders_gate, &orders_gate->ports[port], &client, now)) {
		verdict = GATE_PASSED;
	} else if (is_internal(o, &client)) {
		verdict = GATE_INTERNAL;
	} else {
		verdict = divert(ctx, ledger_gate, orders_gate->backlog, now);
		charge_sender(ledger_gate, &client, now);
	}
	__sync_fetch_and_add(&ledger_gate->counts[port][verdict], 1);
	return verdict == GATE_PASSED || verdict == GATE_INTERNAL || verdict == GATE_DIVERTED
		       ? SK_PASS
		       : SK_DROP;
}
