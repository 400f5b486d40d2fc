/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The status as one line of JSON. Numbers are written as exact decimals, not through
 * printf's %g: no rounding noise, and no comma from a locale.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "policy/admission.h"
#include "publish/report.h"

#define REASON_TEXT REPORT_REASON

/*
 * A value is added where it belongs as soon as it is made. json-c returns NULL without
 * memory, which would read as JSON's null: `failed` tells the two apart.
 */
struct builder {
	const struct report *report;
	int64_t now;
	bool failed;
};

static void add(struct builder *builder, struct json_object *object, const char *key,
		struct json_object *value)
{
	if (!value || !object || json_object_object_add(object, key, value)) {
		builder->failed = true;
		json_object_put(value);
	}
}

static void add_null(struct builder *builder, struct json_object *object, const char *key)
{
	if (!object || json_object_object_add(object, key, NULL))
		builder->failed = true;
}

static void append(struct builder *builder, struct json_object *array, struct json_object *value)
{
	if (!value || !array || json_object_array_add(array, value)) {
		builder->failed = true;
		json_object_put(value);
	}
}

/*
 * json-c escapes control bytes below 0x20, but passes on DEL and C1, which steer a terminal as
 * well, and bytes that are not UTF-8: a path may hold any, and so may a process's name.
 */
static size_t passed_length(const char *text, size_t size)
{
	size_t length = utf8_length(text, size);
	bool escaped = length == 1 && (unsigned char)text[0] < ' ';

	return length && !escaped && text_is_control(text, length) ? 0 : length;
}

struct json_object *report_string(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t length = strlen(text), used = 0, step;
	char *clean = malloc(3 * length + 1);
	struct json_object *string;

	if (!clean)
		return NULL;
	for (size_t at = 0; at < length; at += step) {
		size_t passed = passed_length(text + at, length - at);

		memcpy(clean + used, passed ? text + at : replacement, passed ? passed : 3);
		used += passed ? passed : 3;
		step = passed ? passed : utf8_length(text + at, length - at);
		step = step ? step : 1;
	}
	string = json_object_new_string_len(clean, used);
	free(clean);
	return string;
}

static void add_string(struct builder *builder, struct json_object *object, const char *key,
		       const char *text)
{
	if (text)
		add(builder, object, key, report_string(text));
	else
		add_null(builder, object, key);
}

/* VALUE / 10^DIGITS. */
static struct json_object *decimal_new(int64_t value, int digits)
{
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value, scale = 1;
	char text[48];
	size_t length;

	for (int i = 0; i < digits; i++)
		scale *= 10;
	if (magnitude % scale == 0)
		return json_object_new_int64(value / (int64_t)scale);
	snprintf(text, sizeof(text), "%s%" PRIu64 ".%0*" PRIu64, value < 0 ? "-" : "",
		 magnitude / scale, digits, magnitude % scale);
	length = strlen(text);
	while (text[length - 1] == '0')
		text[--length] = '\0';
	return json_object_new_double_s((double)value / (double)scale, text);
}

static const char *unit_name(enum unit unit)
{
	static const char *const names[] = {
		[UNIT_BYTES] = "bytes",
		[UNIT_COUNT] = "count",
		[UNIT_TIME] = "s",
		[UNIT_SHARE] = "%",
	};

	return names[unit];
}

static struct json_object *value_new(enum unit unit, int64_t value)
{
	switch (unit) {
	case UNIT_TIME:
		return decimal_new(value, 9);
	case UNIT_SHARE: /* PPM to percent */
		return decimal_new(value, 4);
	case UNIT_BYTES:
	case UNIT_COUNT:
		break;
	}
	return json_object_new_int64(value);
}

/* How long ago, to the millisecond. */
static struct json_object *age_new(int64_t then, int64_t now)
{
	return decimal_new(now > then ? (now - then) / NS_PER_MS : 0, 3);
}

static struct json_object *time_new(int64_t monotonic)
{
	char text[64];

	return json_object_new_string(rfc3339_format(text, sizeof(text), monotonic));
}

static struct json_object *admissions_new(struct builder *builder,
					  struct config_verdict (*decide)(const struct config *,
									  enum level, enum class))
{
	const struct config *config = builder->report->config;
	struct json_object *object = json_object_new_object();
	char line[CONFIG_REPLY + 32];

	for (int i = 0; i < CLASSES; i++) {
		struct config_verdict verdict = decide(config, builder->report->judge->level, i);

		add_string(builder, object, class_name(i),
			   admission_format(line, sizeof(line), config, verdict));
	}
	return object;
}

static void append_override_reason(struct builder *builder, struct json_object *reasons)
{
	const struct override *override = &builder->report->judge->override;
	char text[REASON_TEXT], until[64];

	if (!override->active)
		return;
	snprintf(text, sizeof(text), "override to %s by %s until %s%s%s",
		 level_name(override->level), override->by,
		 rfc3339_format(until, sizeof(until), override->until_ns),
		 override->reason[0] ? ": " : "", override->reason);
	append(builder, reasons, report_string(text));
}

/* Of a class that reopens: the level alone would not explain why some are refused. */
static void append_ramps(struct builder *builder, struct json_object *reasons)
{
	const struct report *report = builder->report;
	const struct admission *admission = report->admission;
	char text[REASON_TEXT], share[32], rest[64];

	for (enum class class = 0; admission && class < CLASSES; class ++) {
		const struct ramp *ramp = &admission->ramps[class];
		int64_t length_ns = admission_ramp_ns(admission, report->config);
		int64_t rest_ns = ramp_deadline(ramp, length_ns);

		if (rest_ns == INT64_MAX || rest_ns <= builder->now)
			continue;
		snprintf(text, sizeof(text), "%s reopens: %s of the clients are let in, all in %s",
			 class_name(class),
			 value_format(share, sizeof(share), UNIT_SHARE,
				      ramp_share(ramp, length_ns, builder->now)),
			 value_format(rest, sizeof(rest), UNIT_TIME, rest_ns - builder->now));
		append(builder, reasons, report_string(text));
	}
}

static struct json_object *reasons_new(struct builder *builder)
{
	const struct report *report = builder->report;
	const struct judge *judge = report->judge;
	struct json_object *reasons = json_object_new_array();
	char text[REASON_TEXT];

	append_override_reason(builder, reasons);
	for (enum level level = LEVEL_HIGH; level > LEVEL_NORMAL; level--)
		for (unsigned int i = 0; i < judge->count; i++) {
			const struct resource *resource = &judge->resources[i];

			if (resource->present && resource->pressure.level == level)
				append(builder, reasons,
				       report_string(report_reason(text, sizeof(text), report,
								   resource, builder->now)));
		}
	append_ramps(builder, reasons);
	return reasons;
}

/* Before the size of its object was seen, a share of it has no value yet. */
static struct json_object *thresholds_new(struct builder *builder, const struct resource *resource,
					  const int64_t values[LEVELS])
{
	struct json_object *object = json_object_new_object();
	bool sized = resource->known || !resource->type->has_size;

	for (enum level level = LEVEL_MEDIUM; level <= LEVEL_HIGH; level++) {
		if (sized && values[level] != PRESSURE_OFF)
			add(builder, object, level_name(level),
			    value_new(resource->type->unit, values[level]));
		else
			add_null(builder, object, level_name(level));
	}
	return object;
}

#define FORECAST_SHOWN_NS (24 * 3600 * NS_PER_S)

/* JSON has no number for it. */
static bool is_never(const struct resource *resource, int64_t value)
{
	return resource->type->unit == UNIT_TIME && value == VALUE_NEVER;
}

/* What is more than a day away is no forecast but a guess. */
static void add_forecast(struct builder *builder, struct json_object *object,
			 const struct resource *resource)
{
	int64_t forecast_ns = judge_forecast(builder->report->judge, resource);

	if (forecast_ns < FORECAST_SHOWN_NS)
		add(builder, object, "forecast_s", decimal_new(forecast_ns / NS_PER_MS, 3));
	else
		add_null(builder, object, "forecast_s");
}

static struct json_object *resource_new(struct builder *builder, const struct resource *resource)
{
	struct json_object *object = json_object_new_object();

	add_string(builder, object, "name", resource->type->name);
	add_string(builder, object, "object", resource->object);
	add_string(builder, object, "unit", unit_name(resource->type->unit));
	if (resource->id == RESOURCE_FREE_SPACE)
		add(builder, object, "mail",
		    json_object_new_boolean(
			    config_takes_mail(builder->report->config, resource->index)));
	if (resource->known && !is_never(resource, resource->value))
		add(builder, object, "value", value_new(resource->type->unit, resource->value));
	else
		add_null(builder, object, "value");
	add_string(builder, object, "level", level_name(resource->pressure.level));
	add(builder, object, "enter", thresholds_new(builder, resource, resource->rule.enter));
	add(builder, object, "leave", thresholds_new(builder, resource, resource->rule.leave));
	add_forecast(builder, object, resource);
	add_string(builder, object, "backend", resource->backend);
	if (resource->known)
		add(builder, object, "seen_s_ago", age_new(resource->seen_ns, builder->now));
	else
		add_null(builder, object, "seen_s_ago");
	if (resource->stalled_ns)
		add(builder, object, "stalled_s", age_new(resource->stalled_ns, builder->now));
	else
		add_null(builder, object, "stalled_s");
	return object;
}

static struct json_object *resources_new(struct builder *builder)
{
	const struct judge *judge = builder->report->judge;
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < judge->count; i++)
		if (judge->resources[i].present)
			append(builder, array, resource_new(builder, &judge->resources[i]));
	return array;
}

/* What the sizes of messages have to fit into; null where nothing limits them. */
static struct json_object *sizes_new(struct builder *builder)
{
	const struct report *report = builder->report;
	const struct resource *tightest = judge_tightest(report->judge);
	struct json_object *object = json_object_new_object();
	int64_t promised = 0;

	for (enum class class = 0; report->admission && class < CLASSES; class ++)
		promised +=
			reservation_bytes(&report->admission->reservations, class, builder->now);
	add_string(builder, object, "object", tightest ? tightest->object : NULL);
	if (tightest)
		add(builder, object, "room", json_object_new_int64(judge_headroom(report->judge)));
	else
		add_null(builder, object, "room");
	add(builder, object, "promised", json_object_new_int64(promised));
	return object;
}

static struct json_object *writers_new(struct builder *builder)
{
	const struct report *report = builder->report;
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < report->writer_count; i++) {
		const struct report_writer *writer = &report->writers[i];
		struct json_object *object = json_object_new_object();

		add_string(builder, object, "object", writer->object);
		add_string(builder, object, "cgroup", writer->cgroup);
		add_string(builder, object, "comm", writer->comm);
		add(builder, object, "bytes_per_s", json_object_new_int64(writer->bytes_per_s));
		append(builder, array, object);
	}
	return array;
}

/* One that listens where nobody finds it is not open. */
static const char *state_of_listener(const struct listener_status *listener)
{
	if (listener->lost)
		return "not there";
	return listener->open ? "open" : "closed";
}

static struct json_object *listeners_new(struct builder *builder)
{
	const struct report *report = builder->report;
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < report->listener_count; i++) {
		const struct listener_status *listener = &report->listeners[i];
		struct json_object *object = json_object_new_object();

		add_string(builder, object, "name", listener->name);
		add_string(builder, object, "protocol", listener->protocol);
		add_string(builder, object, "address", listener->address);
		add_string(builder, object, "state", state_of_listener(listener));
		if (listener->reason[0])
			add_string(builder, object, "reason", listener->reason);
		add(builder, object, "connections", json_object_new_uint64(listener->connections));
		add(builder, object, "places", json_object_new_uint64(listener->places));
		add(builder, object, "lacked", json_object_new_uint64(listener->lacked));
		add(builder, object, "requests", json_object_new_uint64(listener->requests));
		add(builder, object, "dropped", json_object_new_uint64(listener->dropped));
		append(builder, array, object);
	}
	return array;
}

/* Those that are wanted, and what it costs that one is not there. */
static struct json_object *processes_new(struct builder *builder)
{
	const struct children *children = builder->report->children;
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; children && i < children->count; i++) {
		const struct child *child = children->list[i];
		struct json_object *object;
		int64_t since_ns;
		const char *state = child_state(child, &since_ns);

		if (!child->wanted)
			continue;
		object = json_object_new_object();
		add_string(builder, object, "name", child->name);
		add_string(builder, object, "state", state);
		if (since_ns)
			add(builder, object, "since", time_new(since_ns));
		if (strcmp(state, "running") != 0)
			add_string(builder, object, "loss", child->loss);
		add(builder, object, "deaths", json_object_new_uint64(child->deaths));
		append(builder, array, object);
	}
	return array;
}

static struct json_object *backend_new(struct builder *builder)
{
	const struct report *report = builder->report;
	struct json_object *object = json_object_new_object();

	for (unsigned int i = 0; i < report->backend_count; i++)
		add_string(builder, object, report->backends[i].signal,
			   report->backends[i].backend);
	return object;
}

static void add_override(struct builder *builder, struct json_object *status)
{
	const struct override *override = &builder->report->judge->override;
	struct json_object *object;

	if (!override->active) {
		add_null(builder, status, "override");
		return;
	}
	object = json_object_new_object();
	add_string(builder, object, "level", level_name(override->level));
	add(builder, object, "until", time_new(override->until_ns));
	add_string(builder, object, "reason", override->reason);
	add_string(builder, object, "by", override->by);
	add(builder, status, "override", object);
}

static struct json_object *counters_new(struct builder *builder)
{
	const struct report *report = builder->report;
	struct json_object *object = json_object_new_object();

	for (unsigned int i = 0; i < report->counter_count; i++)
		add(builder, object, report->counters[i].name,
		    json_object_new_uint64(report->counters[i].value));
	return object;
}

static struct json_object *status_new(struct builder *builder)
{
	const struct report *report = builder->report;
	struct json_object *status = json_object_new_object();
	bool observe = report->config->mode == MODE_OBSERVE;

	add_string(builder, status, "version", SPOOLGATE_VERSION);
	add_string(builder, status, "mode", observe ? "observe" : "enforce");
	add_string(builder, status, "level", level_name(report->judge->level));
	add(builder, status, "since", time_new(report->judge->since_ns));
	add(builder, status, "admission", admissions_new(builder, admission_decide));
	if (observe)
		add(builder, status, "judged", admissions_new(builder, admission_judged));
	add(builder, status, "reasons", reasons_new(builder));
	add(builder, status, "resources", resources_new(builder));
	add(builder, status, "sizes", sizes_new(builder));
	add(builder, status, "gate", report_gate(builder->report->gates));
	add(builder, status, "backend", backend_new(builder));
	add(builder, status, "writers", writers_new(builder));
	add(builder, status, "listeners", listeners_new(builder));
	add(builder, status, "processes", processes_new(builder));
	add_override(builder, status);
	add(builder, status, "counters", counters_new(builder));
	return status;
}

static char *line_of(struct json_object *status)
{
	size_t length;
	const char *text = json_object_to_json_string_length(
		status, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
	char *line = text ? malloc(length + 2) : NULL;

	if (!line)
		return NULL;
	memcpy(line, text, length);
	memcpy(line + length, "\n", 2);
	return line;
}

char *report_json(const struct report *report, int64_t now)
{
	struct builder builder = { .report = report, .now = now };
	struct json_object *status = status_new(&builder);
	char *line = builder.failed ? NULL : line_of(status);

	json_object_put(status);
	return line;
}
