/* SPDX-License-Identifier: GPL-2.0-only */
/* Any line as the daemon's answer to libspoolgate: understood, or none; never half. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/internal.h"

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_admission(const struct spoolgate_admission *admission)
{
	size_t length = strnlen(admission->reply, sizeof(admission->reply));

	check(admission->known);
	check(length < sizeof(admission->reply));
	check((admission->verdict == SPOOLGATE_DEFER) == (length > 0));
	check((admission->verdict == SPOOLGATE_DELAY) == (admission->delay_s > 0));
	for (size_t i = 0; i < length; i++)
		check((unsigned char)admission->reply[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spoolgate_admission admission;
	char *line = malloc(size + 1);
	int ret;

	check(line != NULL);
	memcpy(line, data, size);
	line[size] = '\0';
	ret = lib_answer_parse(line, &admission);
	check(!ret || ret == -EPROTO);
	if (!ret)
		check_admission(&admission);
	free(line);
	return 0;
}
