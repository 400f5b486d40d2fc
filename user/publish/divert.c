/* SPDX-License-Identifier: GPL-2.0-only */
/* From the admission to the gates' orders. */
#include <string.h>

#include "publish/divert.h"

_Static_assert(CONFIG_GATES == LEDGER_GATES, "a gate has its slot");
_Static_assert(CONFIG_GATE_PORTS == LEDGER_GATE_PORTS, "a port has its place");
_Static_assert(CONFIG_NETWORKS == LEDGER_NETWORKS, "a network has its place");
_Static_assert(PPM == LEDGER_RAMP_ALL && RAMP_BEGIN_PPM == LEDGER_RAMP_BEGIN, "one ramp");

static void store(__u64 *order, uint64_t value)
{
	__atomic_store_n(order, value, __ATOMIC_SEQ_CST);
}

/*
 * The level from which on CLASS is deferred; LEVEL_NORMAL: never. Submission not before high,
 * whatever is said to servers that ask: a mail client does not try again by itself.
 */
static enum level diverts_from(const struct config *config, enum class class)
{
	enum level level = class == CLASS_SUBMISSION ? LEVEL_HIGH : LEVEL_MEDIUM;

	for (; level < LEVELS; level++)
		if (config->admission[level][class].kind == VERDICT_DEFER)
			return level;
	return LEVEL_NORMAL;
}

unsigned int divert_place(const struct orders_gate *order, uint16_t port)
{
	unsigned int i = 0;

	while (i < LEDGER_GATE_PORTS && (order->ports[i].port & ~LEDGER_PORT_GONE) != port)
		i++;
	return i;
}

/* Where its counters are from before, one that never was a port's, or else one of a port gone. */
static unsigned int find_place(const struct orders_gate *order, uint16_t port)
{
	unsigned int place = divert_place(order, port);

	if (place == LEDGER_GATE_PORTS)
		place = divert_place(order, 0);
	for (unsigned int i = 0; place == LEDGER_GATE_PORTS; i++)
		if (order->ports[i].port & LEDGER_PORT_GONE)
			place = i;
	return place;
}

static bool is_gated(const struct config_gate *gate, uint32_t port)
{
	for (unsigned int i = 0; i < gate->port_count; i++)
		if (gate->ports[i].number == port)
			return true;
	return false;
}

static void leave_places(struct orders_gate *order, const struct config_gate *gate)
{
	for (unsigned int i = 0; i < LEDGER_GATE_PORTS; i++)
		if (order->ports[i].port && !is_gated(gate, order->ports[i].port))
			order->ports[i] = (struct orders_port){
				.port = order->ports[i].port | LEDGER_PORT_GONE,
			};
}

void divert_ports(struct orders *orders, unsigned int slot, const struct config *config,
		  unsigned int backlog)
{
	const struct config_gate *gate = &config->gates[slot];
	struct orders_gate *order = &orders->gates[slot];
	unsigned int place, count = order->port_count;

	order->backlog = backlog;
	/* While they change none is gated. */
	__atomic_store_n(&order->port_count, 0, __ATOMIC_SEQ_CST);
	leave_places(order, gate);
	for (unsigned int i = 0; i < gate->port_count; i++) {
		place = find_place(order, gate->ports[i].number);
		order->ports[place] = (struct orders_port){
			.port = gate->ports[i].number,
			.level = diverts_from(config, gate->ports[i].class),
			.ramps = gate->ports[i].class == CLASS_INBOUND,
		};
		if (place >= count)
			count = place + 1;
	}
	__atomic_store_n(&order->port_count, count, __ATOMIC_SEQ_CST);
}

static void set_mask(__u32 mask[4], unsigned int prefix)
{
	unsigned char *bytes = (unsigned char *)mask;

	memset(bytes, 0, 16);
	for (unsigned int bit = 0; bit < prefix && bit < 128; bit++)
		bytes[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
}

void divert_networks(struct orders *orders, const struct config *config)
{
	uint64_t generation = orders->network_generation + 1;
	struct orders_networks *networks = &orders->networks[generation & 1];

	for (unsigned int i = 0; i < config->internal_count; i++) {
		memcpy(networks->entries[i].address, &config->internal[i].address, 16);
		set_mask(networks->entries[i].mask, config->internal[i].prefix);
	}
	networks->count = config->internal_count;
	store(&orders->network_generation, generation);
}

static void publish_ramp(struct orders *orders, const struct config *config,
			 const struct admission *admission)
{
	const struct ramp *ramp = &admission->ramps[CLASS_INBOUND];
	int64_t length_ns = admission_ramp_ns(admission, config);

	if (ramp->closed || !ramp->since_ns || !length_ns) {
		store(&orders->ramp_since_ns, 0);
		return;
	}
	orders->ramp_salt = ramp->salt;
	store(&orders->ramp_until_ns, (uint64_t)(ramp->since_ns + length_ns));
	store(&orders->ramp_since_ns, (uint64_t)ramp->since_ns);
}

void divert_publish(struct orders *orders, const struct config *config, const struct judge *judge,
		    const struct admission *admission, int64_t now)
{
	if (config->mode == MODE_OBSERVE || admission->forced_open) {
		divert_open(orders);
		return;
	}
	publish_ramp(orders, config, admission);
	store(&orders->gate_level, judge->level);
	for (unsigned int i = 0; i < config->gate_count; i++)
		store(&orders->gates[i].until_ns, (uint64_t)(now + config->gates[i].lease_ns));
	store(&orders->armed_until_ns, (uint64_t)(now + DIVERT_ARMED_NS));
}

void divert_open(struct orders *orders)
{
	store(&orders->armed_until_ns, 0);
	for (unsigned int i = 0; i < LEDGER_GATES; i++)
		store(&orders->gates[i].until_ns, 0);
	store(&orders->gate_level, LEVEL_NORMAL);
	store(&orders->ramp_since_ns, 0);
}

bool divert_is_braked_at(const struct ledger *ledger, const struct orders *orders,
			 unsigned int place, int64_t now)
{
	const struct ledger_mark *mark = &ledger->marks[place];

	return (uint64_t)now < orders->armed_until_ns && (uint64_t)now < mark->brake_until_ns &&
	       mark->braked_mark == orders->look_marks[place];
}

bool divert_is_braked(const struct ledger *ledger, const struct orders *orders, int64_t now)
{
	for (unsigned int place = 0; place < LEDGER_PLACES; place++)
		if (divert_is_braked_at(ledger, orders, place, now))
			return true;
	return false;
}
