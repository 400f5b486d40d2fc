/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a request of a socket map. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "policy/address.h"
#include "publish/socketmap.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_request(const struct socketmap_request *request)
{
	check(memchr(request->address, '\0', sizeof(request->address)) != NULL);
	check(!request->address[0] || address_is(request->address));
	check(request->size == -1 || request->size > 0);
	check((unsigned int)request->class < CLASSES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[SOCKETMAP_ERROR] = "", *bytes = malloc(size ? size : 1);
	struct socketmap_request request;
	const char *text = NULL;
	size_t length = 0;
	ssize_t taken;

	check(bytes != NULL);
	memcpy(bytes, data, size);
	taken = socketmap_frame(bytes, size, &text, &length);
	check(taken <= (ssize_t)size && taken <= SOCKETMAP_REQUEST + SOCKETMAP_FRAME);
	/* What is not all there never is longer than what is read of it. */
	check(taken || size < SOCKETMAP_REQUEST + SOCKETMAP_FRAME);
	if (taken > 0) {
		check(text > bytes && text + length < bytes + taken && length <= SOCKETMAP_REQUEST);
		if (!socketmap_parse(&request, text, length, error))
			check_request(&request);
		else
			check(*error && text_is_clean(error, strlen(error)));
	}
	free(bytes);
	return 0;
}
