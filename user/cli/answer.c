/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's status, read with care. */
#include <stdio.h>
#include <string.h>

#include "cli/answer.h"
#include "common/text.h"

struct json_object *answer_parse(const char *line)
{
	struct json_object *status = json_tokener_parse(line);

	if (json_object_is_type(status, json_type_object))
		return status;
	json_object_put(status);
	return NULL;
}

struct json_object *answer_member(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *member = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &member) || !json_object_is_type(member, type))
		return NULL;
	return member;
}

static char *clean_string(char *buf, size_t size, struct json_object *string, const char *fallback)
{
	if (!json_object_is_type(string, json_type_string))
		return text_clean(buf, size, fallback, strlen(fallback));
	return text_clean(buf, size, json_object_get_string(string),
			  json_object_get_string_len(string));
}

char *answer_text(char *buf, size_t size, struct json_object *object, const char *key,
		  const char *fallback)
{
	return clean_string(buf, size, answer_member(object, key, json_type_string), fallback);
}

char *answer_item(char *buf, size_t size, struct json_object *array, size_t index)
{
	struct json_object *item = NULL;

	if (json_object_is_type(array, json_type_array) && index < json_object_array_length(array))
		item = json_object_array_get_idx(array, index);
	return clean_string(buf, size, item, "");
}

enum unit answer_unit(struct json_object *resource)
{
	char text[16];

	answer_text(text, sizeof(text), resource, "unit", "count");
	if (!strcmp(text, "bytes"))
		return UNIT_BYTES;
	if (!strcmp(text, "s"))
		return UNIT_TIME;
	return strcmp(text, "%") ? UNIT_COUNT : UNIT_SHARE;
}

bool answer_value(struct json_object *resource, enum unit unit, const char *key, int64_t *value)
{
	static const double scales[] = {
		[UNIT_BYTES] = 1,
		[UNIT_COUNT] = 1,
		[UNIT_TIME] = (double)NS_PER_S,
		[UNIT_SHARE] = (double)PPM / 100,
	};
	struct json_object *number = answer_member(resource, key, json_type_int);
	double scaled;

	if (number && scales[unit] == 1) {
		*value = json_object_get_int64(number);
		return true;
	}
	if (!number)
		number = answer_member(resource, key, json_type_double);
	scaled = number ? json_object_get_double(number) * scales[unit] : 1e300;
	if (!(scaled > -9e18 && scaled < 9e18)) /* written so that NaN fails, too */
		return false;
	*value = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
	return true;
}

bool answer_level(struct json_object *status, enum level *level)
{
	char text[16];

	return !level_parse(answer_text(text, sizeof(text), status, "level", ""), level);
}

char *answer_admissions(char *buf, size_t size, struct json_object *status)
{
	struct json_object *admission = answer_member(status, "admission", json_type_object);
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < CLASSES && used < size; i++) {
		char line[64];

		answer_text(line, sizeof(line), admission, class_name(i), "?");
		if (!strncmp(line, "defer ", 6))
			line[5] = '\0'; /* the reply is the same for all */
		used += snprintf(buf + used, size - used, "%s%s %s", i ? ", " : "", class_name(i),
				 line);
	}
	return buf;
}
