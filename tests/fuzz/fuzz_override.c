/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as the override's file: an override that could have been asked for, or none.
 *
 * Parses: user/daemon/override_json.c
 */
#include <errno.h>
#include <json-c/json.h>

#include "common/text.h"
#include "daemon/override.h"
#include "fuzz.h"

#define WALL_S	  INT64_C(1800000000)
#define NOW_NS	  INT64_C(12345678901234)
#define LONGEST_S (7 * 24 * 3600)

static void check_override(const struct override *override)
{
	int64_t left_ns = override->until_ns - NOW_NS;

	check(override->active && (unsigned int) override->level < LEVELS);
	check(left_ns > 0 && left_ns <= LONGEST_S * NS_PER_S);
	check(text_is_clean(override->reason, strlen(override->reason)));
	check(text_is_clean(override->by, strlen(override->by)));
}

/* What is written of it is read as the same, but for part of a second. */
static void check_again(const struct override *override)
{
	struct json_object *object = override_object(override, WALL_S, NOW_NS), *parsed;
	struct override again;

	parsed = json_tokener_parse(json_object_to_json_string(object));
	check(!override_parse(&again, parsed, WALL_S, NOW_NS));
	check(again.until_ns == override->until_ns && again.level == override->level);
	check(!strcmp(again.reason, override->reason) && !strcmp(again.by, override->by));
	/* When that is over it is none. */
	check(override_parse(&again, parsed, WALL_S + LONGEST_S, NOW_NS) == -ENOENT &&
	      !again.active);
	json_object_put(parsed);
	json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	struct json_object *object = json_tokener_parse(text);
	struct override override;
	int ret = override_parse(&override, object, WALL_S, NOW_NS);

	check(!ret || ret == -ENOENT || ret == -EINVAL);
	if (ret) {
		check(!override.active);
	} else {
		check_override(&override);
		check_again(&override);
	}
	json_object_put(object);
	free(text);
	return 0;
}
