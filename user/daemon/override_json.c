/* SPDX-License-Identifier: GPL-2.0-only */
/* The override as what is in its file, and back. Pure functions. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "common/text.h"
#include "daemon/override.h"

#define LONGEST_S (7 * 24 * 3600)

static int64_t left_s(const struct override *override, int64_t now)
{
	int64_t left_ns = override->until_ns - now;

	return left_ns > 0 ? (left_ns + NS_PER_S - 1) / NS_PER_S : 0;
}

/* Wall-clock time: our monotonic one would do as well, but nobody could read it. */
struct json_object *override_object(const struct override *override, int64_t wall_s, int64_t now)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	json_object_object_add(object, "level",
			       json_object_new_string(level_name(override->level)));
	json_object_object_add(object, "until",
			       json_object_new_int64(wall_s + left_s(override, now)));
	json_object_object_add(object, "reason", json_object_new_string(override->reason));
	json_object_object_add(object, "by", json_object_new_string(override->by));
	return object;
}

/* As they were checked when it was asked for. */
static int copy_text(char *buf, size_t size, struct json_object *object, const char *key)
{
	struct json_object *string = json_object_object_get(object, key);
	size_t length = (size_t)json_object_get_string_len(string);

	if (!json_object_is_type(string, json_type_string) || length >= size ||
	    !text_is_clean(json_object_get_string(string), length))
		return -EINVAL;
	strcpy(buf, json_object_get_string(string));
	return 0;
}

int override_parse(struct override *override, struct json_object *object, int64_t wall_s,
		   int64_t now)
{
	struct json_object *level = json_object_object_get(object, "level");
	int64_t until_s = json_object_get_int64(json_object_object_get(object, "until"));

	*override = (struct override){ 0 };
	if (!json_object_is_type(level, json_type_string) ||
	    level_parse(json_object_get_string(level), &override->level) ||
	    copy_text(override->reason, sizeof(override->reason), object, "reason") ||
	    copy_text(override->by, sizeof(override->by), object, "by"))
		return -EINVAL;
	if (until_s <= wall_s)
		return -ENOENT;
	if (until_s - wall_s > LONGEST_S)
		return -EINVAL;
	override->until_ns = now + (until_s - wall_s) * NS_PER_S;
	override->active = true;
	return 0;
}
