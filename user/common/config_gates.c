/* SPDX-License-Identifier: GPL-2.0-only */
/* The gates. */
#include "common/config_parts.h"

#include <stdlib.h>
#include <string.h>

#define PORT_SMTP 25

/* The daemon renews it every 5 s; a shorter one could run out under a daemon that lives. */
#define LEASE_SHORTEST_NS (10 * NS_PER_S)
#define LEASE_LONGEST_NS  (300 * NS_PER_S)
#define LEASE_NS	  (15 * NS_PER_S)

static const char greeting[] = "421 4.3.2 HOST Service not available, closing transmission channel";

static bool port_parse(const char *text, uint16_t *port)
{
	size_t length = strlen(text);
	unsigned long number;

	if (!length || length > 5 || text[strspn(text, "0123456789")])
		return false;
	number = strtoul(text, NULL, 10);
	*port = (uint16_t)number;
	return number >= 1 && number <= UINT16_MAX;
}

static int add_port(struct config_gate *gate, const struct config_value *value, enum class class,
		    struct config_problem *problem)
{
	struct config_gate_port *port = &gate->ports[gate->port_count];

	if (gate->port_count == CONFIG_GATE_PORTS)
		return config_problem(problem, value->line,
				      "too many ports in a gate; allowed: up to %d",
				      CONFIG_GATE_PORTS);
	if (!port_parse(value->text, &port->number))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no port; allowed: 1 to 65535", value->text);
	for (unsigned int i = 0; i < gate->port_count; i++)
		if (gate->ports[i].number == port->number)
			return config_problem(problem, value->line,
					      "port %s is given twice in a gate; allowed: once",
					      value->text);
	port->class = class;
	gate->port_count++;
	return 0;
}

static int read_ports(cfg_t *block, const char *key, enum class class, struct config_gate *gate,
		      struct config_problem *problem)
{
	int count = config_count(block, key), error = 0;

	for (int i = 0; i < count && !error; i++)
		error = add_port(gate, config_value(block, key, (unsigned int)i), class, problem);
	return error;
}

static int read_all_ports(cfg_t *block, struct config_gate *gate, struct config_problem *problem)
{
	int error = read_ports(block, "ports", CLASS_INBOUND, gate, problem);

	if (!error)
		error = read_ports(block, "submission-ports", CLASS_SUBMISSION, gate, problem);
	if (error || gate->port_count)
		return error;
	if (config_count(block, "ports") == 0)
		return config_problem(problem, gate->line,
				      "a gate without ports; allowed: one port at least");
	gate->ports[0] = (struct config_gate_port){ PORT_SMTP, CLASS_INBOUND };
	gate->port_count = 1;
	return 0;
}

static int read_lease(cfg_t *block, struct config_gate *gate, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "lease", &value, problem);

	if (error || !value)
		return error;
	if (duration_parse(value->text, &gate->lease_ns) || gate->lease_ns < LEASE_SHORTEST_NS ||
	    gate->lease_ns > LEASE_LONGEST_NS)
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " does not fit 'lease'; allowed: a time from "
						   "\"10s\" to \"5min\", in " TIME_UNITS,
				      value->text);
	return 0;
}

/* A greeting other than 421 would promise a dialogue. */
static int read_greeting(cfg_t *block, struct config_gate *gate, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "reply", &value, problem);

	if (error || !value)
		return error;
	if (!config_is_reply(value->text) || strncmp(value->text, "421 ", 4) != 0)
		return config_problem(problem, value->line,
				      CONFIG_QUOTE
				      " is no greeting; allowed: \"421 4.y.z TEXT\" in "
				      "plain ASCII, up to %d bytes",
				      value->text, CONFIG_REPLY_LONGEST);
	strcpy(gate->reply, value->text);
	return 0;
}

static int read_host(cfg_t *block, struct config_gate *gate, struct config_problem *problem)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-";
	const struct config_value *value;
	int error = config_single(block, "host", &value, problem);

	if (error || !value)
		return error;
	if (!value->text[0] || strlen(value->text) >= sizeof(gate->host) ||
	    value->text[strspn(value->text, bytes)])
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no host name; allowed: up to %zu letters, "
						   "digits, dots and hyphens",
				      value->text, sizeof(gate->host) - 1);
	strcpy(gate->host, value->text);
	return 0;
}

static int read_netns(cfg_t *block, struct config_gate *gate, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "netns", &value, problem);

	if (error || !value)
		return error;
	if (value->text[0] != '/' || strlen(value->text) >= sizeof(gate->netns))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE
				      " is no network namespace; allowed: its path, as "
				      "in \"/run/netns/mail\"",
				      value->text);
	strcpy(gate->netns, value->text);
	return 0;
}

static int check_netns(const struct config *config, const struct config_gate *gate,
		       struct config_problem *problem)
{
	for (unsigned int i = 0; i < config->gate_count; i++)
		if (!strcmp(config->gates[i].netns, gate->netns))
			return config_problem(problem, gate->line,
					      "two gates in one network namespace (first in line "
					      "%u); allowed: one, with all ports",
					      config->gates[i].line);
	return 0;
}

static int read_gate(cfg_t *block, struct config *config, struct config_problem *problem)
{
	struct config_gate *gate = &config->gates[config->gate_count];
	int error;

	memset(gate, 0, sizeof(*gate));
	gate->line = (unsigned int)block->line;
	gate->lease_ns = LEASE_NS;
	strcpy(gate->reply, greeting);
	error = read_all_ports(block, gate, problem);
	if (!error)
		error = read_lease(block, gate, problem);
	if (!error)
		error = read_greeting(block, gate, problem);
	if (!error)
		error = read_host(block, gate, problem);
	if (!error)
		error = read_netns(block, gate, problem);
	if (!error)
		error = check_netns(config, gate, problem);
	config->gate_count += !error;
	return error;
}

int config_gates(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	unsigned int count = cfg_size(tree, "gate");
	int error = 0;

	for (unsigned int i = 0; !error && i < count && i < CONFIG_GATES; i++)
		error = read_gate(cfg_getnsec(tree, "gate", i), config, problem);
	return error;
}
