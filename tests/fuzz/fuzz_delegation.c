/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a policy request, all at once and as they trickle in. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "policy/address.h"
#include "publish/delegation.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_request(const struct delegation_request *request)
{
	check(memchr(request->instance, '\0', sizeof(request->instance)) != NULL);
	check(memchr(request->address, '\0', sizeof(request->address)) != NULL);
	check(!request->address[0] || address_is(request->address));
	check(request->size == -1 || request->size > 0);
}

/* BYTES in memory that ends where they do. */
static ssize_t parse(struct delegation_request *request, const uint8_t *data, size_t size)
{
	char error[DELEGATION_ERROR] = "", *bytes = malloc(size ? size : 1);
	ssize_t taken;

	check(bytes != NULL);
	memcpy(bytes, data, size);
	taken = delegation_parse(request, bytes, size, error);
	check(taken <= (ssize_t)size);
	if (taken < 0)
		check(*error && text_is_clean(error, strlen(error)));
	if (taken > 0)
		check(bytes[taken - 1] == '\n' && bytes[taken - 2] == '\n');
	free(bytes);
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct delegation_request request, again;
	ssize_t taken;

	if (size > DELEGATION_REQUEST)
		return 0;
	taken = parse(&request, data, size);
	if (taken <= 0)
		return 0;
	check_request(&request);
	/* What follows is another request's, and less is not one. */
	check(parse(&again, data, (size_t)taken) == taken);
	check(!memcmp(&request, &again, sizeof(request)));
	check(parse(&again, data, (size_t)taken - 1) <= 0);
	return 0;
}
