/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon's status as read by the commands. A member that is missing or of another type
 * reads as empty: a newer or older daemon must not break an older or newer command.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/units.h"
#include "common/words.h"

/* The status in LINE, or NULL. json_object_put() frees it. */
struct json_object *answer_parse(const char *line);

/* Member KEY if it is of TYPE, else NULL. OBJECT may be NULL. */
struct json_object *answer_member(struct json_object *object, const char *key, enum json_type type);

/* Text made safe to show, FALLBACK when there is none. Return BUF. */
char *answer_text(char *buf, size_t size, struct json_object *object, const char *key,
		  const char *fallback);
char *answer_item(char *buf, size_t size, struct json_object *array, size_t index);

/* Member KEY of RESOURCE in our own unit; false when it is null or none. */
bool answer_value(struct json_object *resource, enum unit unit, const char *key, int64_t *value);
enum unit answer_unit(struct json_object *resource);

/* The host's level; false when the daemon has a word we do not know. */
bool answer_level(struct json_object *status, enum level *level);

/* "inbound defer, submission accept, internal accept": the verbs alone. Returns BUF. */
char *answer_admissions(char *buf, size_t size, struct json_object *status);

#endif
