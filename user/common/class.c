/* SPDX-License-Identifier: GPL-2.0-only */
/* Which class of mail a client brings: the one rule that all protocols go by. */
#include "common/class.h"

#include <string.h>

#include "common/address.h"

/* It takes this for a class of C++: */
/* clang-format off */
enum class class_of(const struct config_network *internal, unsigned int count, bool authenticated,
		    const char *address)
{
	if (authenticated)
		return CLASS_SUBMISSION;
	if (network_has(internal, count, address))
		return CLASS_INTERNAL;
	if (!address || strcmp(address, ADDRESS_LOCAL) != 0)
		return CLASS_INBOUND;
	return network_has(internal, count, "127.0.0.1") || network_has(internal, count, "::1")
		       ? CLASS_INTERNAL
		       : CLASS_SUBMISSION;
}
/* clang-format on */
