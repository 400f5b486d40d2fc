/* SPDX-License-Identifier: GPL-2.0-only */
/* The `listen` blocks: who may ask where, in which protocol. */
#include "common/config_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT_LONGEST 5 /* digits of 65535 */

/* What the snippets for the mail servers wait; 0: the protocol cannot hold an answer back. */
static const int64_t timeout_ns[PROTOCOLS] = {
	[PROTOCOL_POSTFIX_POLICY] = 2 * NS_PER_S,
};

/* Postfix's own for a policy server is 100 s, and no delay is longer than 300 s. */
#define TIMEOUT_LONGEST_NS (3600 * NS_PER_S)

static int read_title(cfg_t *block, struct config_listener *listener,
		      struct config_problem *problem)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-";
	const char *title = cfg_title(block);

	listener->line = (unsigned int)block->line;
	if (!*title || strlen(title) >= sizeof(listener->name) || title[strspn(title, bytes)])
		return config_problem(problem, listener->line,
				      CONFIG_QUOTE " is no name for a listener; allowed: 1 to %zu "
						   "letters, digits and any of _.-",
				      title, sizeof(listener->name) - 1);
	strcpy(listener->name, title);
	return 0;
}

static int read_protocol(cfg_t *block, struct config_listener *listener,
			 struct config_problem *problem)
{
	const struct config_value *value;
	char names[128] = "";
	int error = config_single(block, "protocol", &value, problem);

	if (error)
		return error;
	if (value && !protocol_parse(value->text, &listener->protocol))
		return 0;
	for (int id = 0; id < PROTOCOLS; id++) {
		strcat(names, id ? ", " : "");
		strcat(names, protocol_name(id));
	}
	if (!value)
		return config_problem(problem, listener->line,
				      "listen '%s' has no protocol; allowed: %s", listener->name,
				      names);
	return config_problem(problem, value->line,
			      "unknown protocol " CONFIG_QUOTE "; allowed: %s", value->text, names);
}

static bool parse_unix(const char *path, struct config_listener *listener)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&listener->socket;
	size_t length = strlen(path);

	if (path[0] != '/' || path[length - 1] == '/' || length >= sizeof(address->sun_path))
		return false;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	snprintf(listener->address, sizeof(listener->address), "unix:%s", address->sun_path);
	return true;
}

static bool parse_port(const char *text, in_port_t *port)
{
	size_t length = strspn(text, "0123456789");
	int number;

	if (!length || length > PORT_LONGEST || text[length])
		return false;
	number = atoi(text);
	*port = htons((uint16_t)number);
	return number >= 1 && number <= UINT16_MAX;
}

/* "127.0.0.1:10040" or "[::1]:10040", as Postfix writes them; names would have to be looked up. */
static bool parse_inet(const char *text, struct config_listener *listener)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&listener->socket;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&listener->socket;
	const char *colon = strrchr(text, ':');
	bool bracketed = text[0] == '[';
	char host[INET6_ADDRSTRLEN];
	size_t length;

	if (!colon || (bracketed && (colon == text || colon[-1] != ']')))
		return false;
	length = (size_t)(colon - text) - (bracketed ? 2 : 0);
	if (length >= sizeof(host))
		return false;
	memcpy(host, text + bracketed, length);
	host[length] = '\0';
	if (bracketed) {
		six->sin6_family = AF_INET6;
		if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1 ||
		    !parse_port(colon + 1, &six->sin6_port))
			return false;
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(listener->address, sizeof(listener->address), "inet:[%s]:%u", host,
			 ntohs(six->sin6_port));
		return true;
	}
	four->sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &four->sin_addr) != 1 ||
	    !parse_port(colon + 1, &four->sin_port))
		return false;
	snprintf(listener->address, sizeof(listener->address), "inet:%s:%u", host,
		 ntohs(four->sin_port));
	return true;
}

static bool parse_address(const char *text, struct config_listener *listener)
{
	if (!strncmp(text, "unix:", strlen("unix:")))
		return parse_unix(text + strlen("unix:"), listener);
	if (!strncmp(text, "inet:", strlen("inet:")))
		return parse_inet(text + strlen("inet:"), listener);
	return false;
}

static int read_address(cfg_t *block, struct config_listener *listener,
			struct config_problem *problem)
{
	static const char allowed[] = "\"unix:/PATH\" (PATH up to 107 bytes), "
				      "\"inet:127.0.0.1:PORT\", \"inet:[::1]:PORT\"";
	const struct config_value *value;
	int error = config_single(block, "address", &value, problem);

	if (error)
		return error;
	if (!value)
		return config_problem(problem, listener->line,
				      "listen '%s' has no address; allowed: %s", listener->name,
				      allowed);
	if (!parse_address(value->text, listener))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no address to listen on; allowed: %s",
				      value->text, allowed);
	return 0;
}

/* Who may connect to a TCP port is for the network to say. */
static int read_access(cfg_t *block, struct config_listener *listener,
		       struct config_problem *problem)
{
	static const char *const keys[] = { "mode", "owner", "group" };
	int error = 0;

	listener->mode = 0660;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (listener->socket.ss_family != AF_UNIX && config_count(block, keys[i]) >= 0)
			return config_problem(problem, config_value(block, keys[i], 0)->line,
					      "'%s' for '%s'; allowed: for unix sockets only",
					      keys[i], listener->address);
	error = config_mode(block, &listener->mode, problem);
	if (!error)
		error = config_name(block, "owner", listener->owner, problem);
	if (!error)
		error = config_name(block, "group", listener->group, problem);
	return error;
}

static int read_timeout(cfg_t *block, struct config_listener *listener,
			struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "timeout", &value, problem);

	listener->timeout_ns = timeout_ns[listener->protocol];
	if (error || !value)
		return error;
	if (!listener->timeout_ns)
		return config_problem(problem, value->line,
				      "'timeout' for protocol '%s'; allowed: for postfix-policy",
				      protocol_name(listener->protocol));
	if (duration_parse(value->text, &listener->timeout_ns) || listener->timeout_ns < NS_PER_S ||
	    listener->timeout_ns > TIMEOUT_LONGEST_NS)
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " does not fit 'timeout'; allowed: a time from "
						   "\"1s\" to \"1h\", in " TIME_UNITS,
				      value->text);
	return 0;
}

/* Who is held longer than it waits takes the mail, and warns in its log each time. */
static int check_delays(cfg_t *block, const struct config *config,
			const struct config_listener *listener, struct config_problem *problem)
{
	const struct config_value *value = config_value(block, "timeout", 0);

	for (int level = LEVEL_MEDIUM; level < LEVELS; level++)
		for (int id = 0; id < CLASSES; id++) {
			const struct config_verdict *verdict = &config->admission[level][id];
			char waits[32];

			if (!listener->timeout_ns || verdict->kind != VERDICT_DELAY ||
			    verdict->delay_s * NS_PER_S < listener->timeout_ns)
				continue;
			return config_problem(
				problem, value ? value->line : listener->line,
				"listen '%s': who asks waits %s (timeout), and %s mail is delayed "
				"by %u s at %s; allowed: delays below the timeout",
				listener->name,
				value_format(waits, sizeof(waits), UNIT_TIME, listener->timeout_ns),
				class_name(id), verdict->delay_s, level_name(level));
		}
	return 0;
}

static int check_unique(const struct config *config, const struct config_listener *listener,
			struct config_problem *problem)
{
	for (unsigned int i = 0; i < config->listener_count; i++)
		if (!strcmp(config->listeners[i].address, listener->address))
			return config_problem(
				problem, listener->line,
				"address '%s' is given twice (first by listen '%s' in line %u); "
				"allowed: once",
				listener->address, config->listeners[i].name,
				config->listeners[i].line);
	if (listener->socket.ss_family == AF_UNIX &&
	    !strcmp(listener->address + strlen("unix:"), config->state.path))
		return config_problem(problem, listener->line,
				      "address '%s' is the state socket's; allowed: another one",
				      listener->address);
	return 0;
}

static int read_listener(cfg_t *block, struct config *config, struct config_problem *problem)
{
	struct config_listener *listener = &config->listeners[config->listener_count];
	int error = read_title(block, listener, problem);

	if (!error)
		error = read_protocol(block, listener, problem);
	if (!error)
		error = read_address(block, listener, problem);
	if (!error)
		error = read_access(block, listener, problem);
	if (!error)
		error = read_timeout(block, listener, problem);
	if (!error)
		error = check_delays(block, config, listener, problem);
	if (!error)
		error = check_unique(config, listener, problem);
	config->listener_count++;
	return error;
}

/* The tree holds no more blocks than CONFIG has room for: config_tree.c has counted them. */
int config_listeners(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	unsigned int count = cfg_size(tree, "listen");
	int error = 0;

	for (unsigned int i = 0; !error && i < count && i < CONFIG_LISTENERS; i++)
		error = read_listener(cfg_getnsec(tree, "listen", i), config, problem);
	return error;
}
