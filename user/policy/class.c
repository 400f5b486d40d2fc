/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings. */
#include "policy/class.h"

#include "common/network.h"

bool class_is_internal(const struct config *config, const char *address)
{
	return network_has(config->internal, config->internal_count, address);
}

/* clang-format off: it takes this for a class of C++ */
enum class class_of(const struct config *config, bool authenticated, const char *address)
{
	if (authenticated)
		return CLASS_SUBMISSION;
	return class_is_internal(config, address) ? CLASS_INTERNAL : CLASS_INBOUND;
}
/* clang-format on */
