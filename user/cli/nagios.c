/* SPDX-License-Identifier: GPL-2.0-only */
/* The level in the way of a monitoring plugin: a word, a line, an exit code, values. */
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/nagios.h"
#include "common/text.h"

enum {
	STATE_OK,
	STATE_WARNING,
	STATE_CRITICAL,
	STATE_UNKNOWN = NAGIOS_UNKNOWN
};

/* '|' would end the text, quotes and '=' a label. */
static void replace(char *text, const char *bytes)
{
	for (text += strcspn(text, bytes); *text; text += strcspn(text, bytes))
		*text = '_';
}

static int64_t value_or(struct json_object *object, enum unit unit, const char *key, int64_t none)
{
	int64_t value;

	return answer_value(object, unit, key, &value) ? value : none;
}

/* The leave thresholds are on the relaxed side; where they are at enter, medium is. */
static bool less_is_worse(struct json_object *resource, enum unit unit)
{
	struct json_object *enter = answer_member(resource, "enter", json_type_object);
	struct json_object *leave = answer_member(resource, "leave", json_type_object);
	int64_t medium = value_or(enter, unit, "medium", -1);
	int64_t high = value_or(enter, unit, "high", -1);

	if (high >= 0 && value_or(leave, unit, "high", high) != high)
		return value_or(leave, unit, "high", high) > high;
	if (medium >= 0 && value_or(leave, unit, "medium", medium) != medium)
		return value_or(leave, unit, "medium", medium) > medium;
	return medium >= 0 && high >= 0 && medium > high;
}

/* As the daemon wrote it; EMPTY for null. */
static void print_number(struct json_object *object, const char *key, const char *empty,
			 const char *after)
{
	struct json_object *number = answer_member(object, key, json_type_int);

	if (!number)
		number = answer_member(object, key, json_type_double);
	printf("%s%s", number ? json_object_to_json_string(number) : empty, number ? after : "");
}

/* 'free-space /var/spool'=12B;10:;5: ("10:" is alarming below 10, "10" above). */
static void print_value(struct json_object *resource)
{
	static const char *const units[] = {
		[UNIT_BYTES] = "B",
		[UNIT_COUNT] = "",
		[UNIT_TIME] = "s",
		[UNIT_SHARE] = "%",
	};
	struct json_object *enter = answer_member(resource, "enter", json_type_object);
	enum unit unit = answer_unit(resource);
	const char *below = less_is_worse(resource, unit) ? ":" : "";
	char name[64], object[256];

	answer_text(name, sizeof(name), resource, "name", "?");
	answer_text(object, sizeof(object), resource, "object", "?");
	replace(name, "'=|");
	replace(object, "'=|");
	printf(" '%s %s'=", name, object);
	print_number(resource, "value", "U", units[unit]);
	putchar(';');
	print_number(enter, "medium", "", below);
	putchar(';');
	print_number(enter, "high", "", below);
}

static int print_level(struct json_object *status, enum level level)
{
	static const char *const words[LEVELS] = { "OK", "WARNING", "CRITICAL" };
	struct json_object *resources = answer_member(status, "resources", json_type_array);
	struct json_object *reasons = answer_member(status, "reasons", json_type_array);
	char since[64], mode[32], reason[CLI_TEXT];

	answer_text(since, sizeof(since), status, "since", "?");
	answer_text(mode, sizeof(mode), status, "mode", "?");
	answer_item(reason, sizeof(reason), reasons, 0);
	replace(reason, "|");
	printf("SPOOLGATE %s - level %s since %s", words[level], level_name(level), since);
	if (!strcmp(mode, "observe"))
		fputs(" (observed only)", stdout);
	printf("%s%s", reason[0] ? ": " : "", reason);
	if (resources && json_object_array_length(resources))
		fputs(" |", stdout);
	for (size_t i = 0; resources && i < json_object_array_length(resources); i++)
		print_value(json_object_array_get_idx(resources, i));
	putchar('\n');
	return (int)level;
}

static int unknown(const char *text)
{
	printf("SPOOLGATE UNKNOWN - %s\n", text);
	return STATE_UNKNOWN;
}

int nagios_admission(const char *socket, const char *request, const char *class)
{
	static const struct {
		const char *verdict, *word;
		int state;
	} states[] = {
		{ "accept", "OK", STATE_OK },
		{ "delay ", "WARNING", STATE_WARNING },
		{ "defer ", "CRITICAL", STATE_CRITICAL },
	};
	char text[CLI_TEXT], *answer;
	int ret = connection_ask(socket, request, &answer);

	if (ret)
		return unknown(connection_trouble(text, sizeof(text), socket, ret));
	text_clean(text, sizeof(text), answer, strlen(answer));
	free(answer);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strncmp(text, states[i].verdict, strlen(states[i].verdict)) != 0)
			continue;
		replace(text, "|");
		printf("SPOOLGATE %s - %s: %s\n", states[i].word, class, text);
		return states[i].state;
	}
	return unknown("not an answer of spoolgated");
}

int nagios_check(const char *socket)
{
	struct json_object *status;
	enum level level;
	char text[CLI_TEXT], *line;
	int ret = connection_ask(socket, "status\n", &line);

	if (ret)
		return unknown(connection_trouble(text, sizeof(text), socket, ret));
	status = answer_parse(line);
	if (status && answer_level(status, &level))
		ret = print_level(status, level);
	else
		ret = unknown("not an answer of spoolgated");
	json_object_put(status);
	free(line);
	return ret;
}
