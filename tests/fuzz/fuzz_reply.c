/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any line as the daemon's answer to libspoolgate: understood, or none; never half.
 *
 * Parses: user/lib/answer.c
 */
#include <errno.h>

#include "fuzz.h"
#include "lib/internal.h"

static void check_admission(const struct spoolgate_admission *admission)
{
	size_t length = strnlen(admission->reply, sizeof(admission->reply));

	check(admission->known);
	check(length < sizeof(admission->reply));
	check((admission->verdict == SPOOLGATE_DEFER) == (length > 0));
	check((admission->verdict == SPOOLGATE_DELAY) == (admission->delay_s > 0));
	for (size_t i = 0; i < length; i++)
		check((unsigned char)admission->reply[i] >= ' ' && admission->reply[i] != 0x7f);
}

/* It says what it was made of. */
static void check_line(const char *line, const struct spoolgate_admission *admission)
{
	char again[sizeof(admission->reply) + 16] = "accept";

	if (admission->verdict == SPOOLGATE_DELAY)
		snprintf(again, sizeof(again), "delay %u", admission->delay_s);
	else if (admission->verdict == SPOOLGATE_DEFER)
		snprintf(again, sizeof(again), "defer %s", admission->reply);
	check(!strcmp(line, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spoolgate_admission admission;
	char *line = text_of(data, size);
	int ret = lib_answer_parse(line, &admission);

	check(!ret || ret == -EPROTO);
	if (!ret) {
		check_admission(&admission);
		check_line(line, &admission);
	}
	free(line);
	return 0;
}
