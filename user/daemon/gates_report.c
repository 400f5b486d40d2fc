/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates in status and log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "daemon/gates_report.h"
#include "publish/divert.h"
#include "publish/senders.h"

#define SUMMARY_NS (60 * NS_PER_S)

static const char state_off[] = "off", state_open[] = "open", state_closed[] = "closed",
		  state_braked[] = "braked";

static uint64_t brakes_of(const struct ledger *ledger)
{
	uint64_t brakes = 0;

	for (unsigned int i = 0; i < LEDGER_PLACES; i++)
		brakes += ledger->marks[i].brakes;
	return brakes;
}

/* A level at which one of its ports diverts, and a lease to do so. */
static bool is_closed(const struct orders *orders, unsigned int slot, int64_t now)
{
	const struct orders_gate *gate = &orders->gates[slot];

	if ((uint64_t)now >= gate->until_ns)
		return false;
	for (unsigned int i = 0; i < gate->port_count; i++)
		if (gate->ports[i].level && gate->ports[i].level <= orders->gate_level)
			return true;
	return false;
}

static const char *state_of(const struct gates *gates, unsigned int i, int64_t now)
{
	const struct orders *orders;

	if (!gates->kernel || !gates->gates[i].attached)
		return state_off;
	orders = kernel_orders(gates->kernel);
	if (divert_is_braked(kernel_ledger(gates->kernel), orders, now))
		return state_braked;
	return is_closed(orders, i, now) ? state_closed : state_open;
}

static void explain_level(char *buf, size_t size, const struct judge *judge)
{
	const struct override *override = &judge->override;

	if (override->active)
		snprintf(buf, size, "override to %s by %s%s%s", level_name(override->level),
			 override->by, override->reason[0] ? ": " : "", override->reason);
	else
		snprintf(buf, size, "level %s", level_name(judge->level));
}

static void explain(char *buf, size_t size, const struct gates *gates, unsigned int i,
		    const struct config *config, const struct judge *judge, const char *state,
		    int64_t now)
{
	const struct orders *orders = gates->kernel ? kernel_orders(gates->kernel) : NULL;

	buf[0] = '\0';
	if (state == state_off && gates->gates[i].lost)
		snprintf(buf, size, "%s",
			 gates->attacher.wanted ? "no network namespace is there now"
						: "the network namespace is another one now");
	else if (state == state_off)
		snprintf(buf, size, "%s", strerror(-gates->gates[i].error));
	else if (state == state_braked)
		snprintf(buf, size, "%s has not been answered",
			 divert_is_braked_at(kernel_ledger(gates->kernel), orders, LEDGER_MEMORY,
					     now)
				 ? "a memory stall"
				 : "a look");
	else if (state == state_closed)
		explain_level(buf, size, judge);
	else if (config->mode == MODE_OBSERVE)
		snprintf(buf, size, "observing only");
	else if (judge->override.active && judge->level == LEVEL_NORMAL)
		explain_level(buf, size, judge);
	else if (orders->ramp_since_ns && (uint64_t)now < orders->ramp_until_ns)
		snprintf(buf, size, "reopening by degrees, to all in %" PRIu64 " s",
			 (uint64_t)(orders->ramp_until_ns - (uint64_t)now) / NS_PER_S + 1);
}

void gates_report(const struct gates *gates, const struct config *config, const struct judge *judge,
		  int64_t now, struct report_gates *report)
{
	memset(report, 0, sizeof(*report));
	report->count = gates->count;
	if (gates->kernel)
		report->brakes = brakes_of(kernel_ledger(gates->kernel));
	for (unsigned int i = 0; i < gates->count; i++) {
		struct report_gate *gate = &report->gates[i];

		report->responder_starts += gates->responders[i].deaths;
		gate->config = &config->gates[i];
		gate->state = state_of(gates, i, now);
		explain(gate->reason, sizeof(gate->reason), gates, i, config, judge, gate->state,
			now);
		if (!gates->kernel)
			continue;
		/* What was counted stays, gate or no gate. */
		gate->orders = &kernel_orders(gates->kernel)->gates[i];
		gate->ledger = &kernel_ledger(gates->kernel)->gates[i];
		if (gate->state == state_off)
			continue;
		gate->pulse = gates->gates[i].gate.pulse;
		if ((int64_t)gate->orders->until_ns > now)
			gate->lease_ns = (int64_t)gate->orders->until_ns - now;
	}
}

static void sum_up(struct gates_gate *gate, const struct config_gate *config,
		   const struct ledger_gate *ledger, uint64_t diverted, uint64_t dropped,
		   int64_t now)
{
	char networks[SENDERS_TEXT];

	senders_format(networks, ledger->senders, gate->said_senders);
	log_notice("gate%s%s: %" PRIu64 " connections diverted, %" PRIu64 " dropped in %lld s%s%s",
		   config->netns[0] ? " of " : "", config->netns, diverted - gate->said_diverted,
		   dropped - gate->said_dropped,
		   (long long)((now - gate->unsaid_since_ns + NS_PER_S - 1) / NS_PER_S),
		   networks[0] ? ", most from " : "", networks);
	memcpy(gate->said_senders, ledger->senders, sizeof(gate->said_senders));
	gate->said_diverted = diverted;
	gate->said_dropped = dropped;
	gate->unsaid_since_ns = 0;
}

/* Once a minute, and what is left when the gate opens or ends. */
static void announce_diverted(struct gates_gate *gate, const struct config_gate *config,
			      const struct ledger_gate *ledger, bool is_last, int64_t now)
{
	uint64_t diverted = 0, dropped = 0;

	for (unsigned int i = 0; i < LEDGER_GATE_PORTS; i++) {
		diverted += ledger->counts[i][GATE_DIVERTED];
		dropped += ledger->counts[i][GATE_NO_PULSE] + ledger->counts[i][GATE_FULL] +
			   ledger->counts[i][GATE_UNASSIGNED];
	}
	if (diverted == gate->said_diverted && dropped == gate->said_dropped)
		return;
	if (!gate->unsaid_since_ns)
		gate->unsaid_since_ns = now;
	if (is_last || now - gate->unsaid_since_ns >= SUMMARY_NS)
		sum_up(gate, config, ledger, diverted, dropped, now);
}

void gates_sum_up(struct gates *gates, unsigned int i, const struct config *config, int64_t now)
{
	if (gates->gates[i].attached)
		announce_diverted(&gates->gates[i], &config->gates[i],
				  &kernel_ledger(gates->kernel)->gates[i], true, now);
}

static bool is_news(uint64_t *said, uint64_t brakes)
{
	bool news = brakes != *said;

	*said = brakes;
	return news;
}

static void announce_brakes(struct gates *gates, const struct config *config)
{
	const struct ledger *ledger = kernel_ledger(gates->kernel);

	if (is_news(&gates->said_brakes[LEDGER_MEMORY], ledger->marks[LEDGER_MEMORY].brakes))
		log_warning("the brake closed the gate: a memory stall was not answered");
	for (unsigned int i = 0; i < config->filesystem_count; i++)
		if (is_news(&gates->said_brakes[i], ledger->marks[i].brakes))
			log_warning("the brake closed the gate: writing to %s went past the room "
				    "above high, and a look was not answered in time",
				    config->filesystems[i].path);
}

void gates_announce(struct gates *gates, const struct config *config, const struct judge *judge,
		    int64_t now)
{
	announce_brakes(gates, config);
	for (unsigned int i = 0; i < gates->count; i++) {
		struct gates_gate *gate = &gates->gates[i];
		const char *state = state_of(gates, i, now), *before = gate->said_state;
		char why[REPORT_REASON];

		if (!gate->attached)
			continue;
		announce_diverted(gate, &config->gates[i], &kernel_ledger(gates->kernel)->gates[i],
				  before == state_closed && state == state_open, now);
		if (state == before || (!before && state == state_open))
			continue;
		explain(why, sizeof(why), gates, i, config, judge, state, now);
		log_notice("gate%s%s %s%s%s", config->gates[i].netns[0] ? " of " : "",
			   config->gates[i].netns, state, why[0] ? ": " : "", why);
		gate->said_state = state;
	}
}
