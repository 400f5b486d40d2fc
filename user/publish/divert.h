/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Publishes the admission to the gates: the orders that their programs act by. No system call is
 * made: it works whatever the daemon has given up.
 */
#ifndef PUBLISH_DIVERT_H
#define PUBLISH_DIVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "ledger.h"
#include "policy/admission.h"
#include "policy/judge.h"

#define DIVERT_ARMED_NS (60 * NS_PER_S)

/*
 * Of the gate in SLOT: which ports it has, and from which level on each diverts. A port that it had
 * before keeps its place, and so its counters; one that it has no more leaves it to others when
 * there is no free one.
 */
void divert_ports(struct orders *orders, unsigned int slot, const struct config *config,
		  unsigned int backlog);

/* The place of PORT, which counters go by; LEDGER_GATE_PORTS when it never had one. */
unsigned int divert_place(const struct orders_gate *order, uint16_t port);

/* The internal networks. The programs see the old list or the new one, and no mixture. */
void divert_networks(struct orders *orders, const struct config *config);

/*
 * What JUDGE says at NOW, for as long as each gate's lease: to be called well within the shortest,
 * and whenever something changed. Arms the brake, or, when an override holds all open or nothing
 * is enforced, disarms it.
 */
void divert_publish(struct orders *orders, const struct config *config, const struct judge *judge,
		    const struct admission *admission, int64_t now);

/* Open all gates, at once. */
void divert_open(struct orders *orders);

/* The brake holds the gates closed at NOW. */
bool divert_is_braked(const struct ledger *ledger, const struct orders *orders, int64_t now);

/* And by PLACE: a filesystem's slot, or LEDGER_MEMORY. */
bool divert_is_braked_at(const struct ledger *ledger, const struct orders *orders,
			 unsigned int place, int64_t now);

#endif
