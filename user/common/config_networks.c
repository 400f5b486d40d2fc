/* SPDX-License-Identifier: GPL-2.0-only */
/* The internal networks. */
#include "common/config_parts.h"

#include <errno.h>

#include "common/log.h"
#include "common/network.h"

static int read_network(const struct config_value *value, struct config_network *network,
			struct config_problem *problem)
{
	char meant[NETWORK_TEXT];
	int error = network_parse(value->text, network);

	if (error == -EINVAL)
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no network; allowed: \"ADDRESS/PREFIX\" as "
						   "in \"192.0.2.0/24\" and \"2001:db8::/32\"",
				      value->text);
	if (error)
		return config_problem(problem, value->line,
				      CONFIG_QUOTE
				      " has bits set beyond its prefix; allowed: \"%s\"",
				      value->text, network_format(meant, sizeof(meant), network));
	if (network_is_all(network))
		log_warning("%s:%u: with %s as an internal network, no client is a stranger",
			    problem->file, value->line, value->text);
	return 0;
}

int config_networks(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	cfg_t *block = config_block(tree, "classes");
	int count = block ? config_count(block, "internal") : -1;
	int error;

	if (count < 0)
		return 0;
	if (count > CONFIG_NETWORKS)
		return config_problem(problem, config_value(block, "internal", 0)->line,
				      "'internal' has %d networks; allowed: up to %d", count,
				      CONFIG_NETWORKS);
	for (int i = 0; i < count; i++) {
		error = read_network(config_value(block, "internal", (unsigned int)i),
				     &config->internal[i], problem);
		if (error)
			return error;
	}
	config->internal_count = (unsigned int)count;
	return 0;
}
