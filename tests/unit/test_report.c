/* SPDX-License-Identifier: GPL-2.0-only */
/* The status as JSON: every key, its types, its numbers, and text that nobody vouches for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "common/clock.h"
#include "common/text.h"
#include "publish/report.h"

struct fixture {
	struct config config;
	struct judge judge;
	struct report report;
	int64_t now;
	struct json_object *status;
};

static struct resource *add(struct fixture *fixture, enum resource_id id, const char *object)
{
	struct resource *resource = &fixture->judge.resources[fixture->judge.count++];

	*resource = (struct resource){
		.type = resource_type(id),
		.id = id,
		.object = object,
		.thresholds = &resource_type(id)->defaults,
		.present = true,
		.known = true,
		.backend = "tp_btf/writeback_dirty_folio",
		.seen_ns = fixture->now - 1500 * NS_PER_MS,
		.rule = { .less_is_worse = resource_type(id)->less_is_worse,
			  .enter = { 0, 2000, 1000 },
			  .leave = { 0, 2400, 1200 } },
	};
	return resource;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct config *config = &fixture->config;

	config->mode = MODE_ENFORCE;
	config->admission[LEVEL_MEDIUM][CLASS_INBOUND].kind = VERDICT_DEFER;
	config->admission[LEVEL_HIGH][CLASS_INBOUND].kind = VERDICT_DEFER;
	config->admission[LEVEL_HIGH][CLASS_SUBMISSION].kind = VERDICT_DEFER;
	strcpy(config->reply, "452 4.3.1 Insufficient system resources");
	fixture->now = monotonic_ns();
	fixture->judge.config = config;
	fixture->judge.since_ns = fixture->now;
	fixture->report = (struct report){
		.config = config,
		.judge = &fixture->judge,
		.backends = { { "writes", "tp_btf/writeback_dirty_folio" }, { "reclaim", "poll" } },
		.backend_count = 2,
		.counters = { { "looks", 42 }, { "most", UINT64_MAX } },
		.counter_count = 2,
	};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	json_object_put(fixture->status);
	free(fixture);
	return 0;
}

/* The line is valid UTF-8, and the newline is its only control byte. */
static struct json_object *make(struct fixture *fixture)
{
	char *line = report_json(&fixture->report, fixture->now);
	size_t length;

	assert_non_null(line);
	length = strlen(line);
	assert_int_equal(line[length - 1], '\n');
	for (size_t i = 0, step; i < length - 1; i += step) {
		step = utf8_length(line + i, length - 1 - i);
		assert_true(step && !text_is_control(line + i, step));
	}
	json_object_put(fixture->status);
	fixture->status = json_tokener_parse(line);
	assert_non_null(fixture->status);
	free(line);
	return fixture->status;
}

/* "resources/0/enter/medium" as its JSON text; "(none)" when it is not there. */
static const char *at(struct json_object *object, const char *path)
{
	char pointer[128];
	struct json_object *found;

	snprintf(pointer, sizeof(pointer), "/%s", path);
	if (json_pointer_get(object, pointer, &found))
		return "(none)";
	return json_object_to_json_string_ext(found, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void test_keys(void **state)
{
	static const char *const keys[] = {
		"version", "mode",    "level",	 "since",    "admission", "reasons",   "resources",
		"gate",	   "backend", "writers", "override", "counters",  "listeners", "processes",
		"sizes",
	};
	struct fixture *fixture = *state;
	struct json_object *status = make(fixture);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_true(json_object_object_get_ex(status, keys[i], NULL));
	assert_int_equal(json_object_object_length(status), sizeof(keys) / sizeof(keys[0]));
	assert_string_equal(at(status, "version"), "\"" SPOOLGATE_VERSION "\"");
	assert_string_equal(at(status, "mode"), "\"enforce\"");
	assert_string_equal(at(status, "level"), "\"normal\"");
	assert_int_equal(strlen(at(status, "since")), strlen("\"2026-11-23T20:15:04Z\""));
	assert_string_equal(at(status, "reasons"), "[]");
	assert_string_equal(at(status, "resources"), "[]");
	assert_string_equal(
		at(status, "gate"),
		"{\"state\":\"off\",\"ports\":[],\"diverted\":0,\"dropped\":0,\"lease_s\":0,"
		"\"reason\":null,\"brakes\":0,\"responder_starts\":0,\"gates\":[]}");
	assert_string_equal(at(status, "backend"),
			    "{\"writes\":\"tp_btf/writeback_dirty_folio\",\"reclaim\":\"poll\"}");
	assert_string_equal(at(status, "writers"), "[]");
	assert_string_equal(at(status, "override"), "null");
	assert_string_equal(at(status, "counters/looks"), "42");
	assert_string_equal(at(status, "counters/most"), "18446744073709551615");
}

static void test_resource(void **state)
{
	struct fixture *fixture = *state;
	struct resource *resource = add(fixture, RESOURCE_FREE_SPACE, "/var/spool/postfix");
	struct json_object *status;

	resource->value = 123456789012;
	resource->rule.enter[LEVEL_HIGH] = PRESSURE_OFF;
	resource->rule.leave[LEVEL_HIGH] = PRESSURE_OFF;
	status = make(fixture);
	assert_string_equal(at(status, "resources/0"),
			    "{\"name\":\"free-space\",\"object\":\"/var/spool/postfix\","
			    "\"unit\":\"bytes\",\"mail\":true,\"value\":123456789012,\"level\":\"normal\","
			    "\"enter\":{\"medium\":2000,\"high\":null},"
			    "\"leave\":{\"medium\":2400,\"high\":null},\"forecast_s\":null,"
			    "\"backend\":\"tp_btf/writeback_dirty_folio\",\"seen_s_ago\":1.5,"
			    "\"stalled_s\":null}");
	assert_string_equal(at(status, "reasons"), "[]");
}

/* Nothing was seen yet: no value, and no share of a size that is not known. */
static void test_unknown_resource(void **state)
{
	struct fixture *fixture = *state;
	struct resource *resource = add(fixture, RESOURCE_FREE_INODES, "/var/spool");
	struct json_object *status;

	resource->known = false;
	resource->backend = NULL;
	resource->stalled_ns = fixture->now - 12 * NS_PER_S;
	add(fixture, RESOURCE_FREE_INODES, "/btrfs")->present = false;
	status = make(fixture);
	assert_int_equal(json_object_array_length(json_object_object_get(status, "resources")), 1);
	assert_string_equal(at(status, "resources/0/unit"), "\"count\"");
	assert_string_equal(at(status, "resources/0/value"), "null");
	assert_string_equal(at(status, "resources/0/enter"), "{\"medium\":null,\"high\":null}");
	assert_string_equal(at(status, "resources/0/backend"), "null");
	assert_string_equal(at(status, "resources/0/seen_s_ago"), "null");
	assert_string_equal(at(status, "resources/0/stalled_s"), "12");
}

/* Shares are percent, times seconds: exact, whatever they are. */
static void test_numbers(void **state)
{
	static const struct {
		int64_t ppm;
		const char *percent;
	} cases[] = {
		{ 0, "0" },	    { 1, "0.0001" },	   { 100000, "10" },
		{ 101000, "10.1" }, { 333333, "33.3333" }, { 1000000, "100" },
		{ -5, "-0.0005" },
	};
	struct fixture *fixture = *state;
	struct resource *resource = add(fixture, RESOURCE_MEMORY_STALL, JUDGE_HOST);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		resource->value = cases[i].ppm;
		assert_string_equal(at(make(fixture), "resources/0/value"), cases[i].percent);
	}
	assert_string_equal(at(fixture->status, "resources/0/unit"), "\"%\"");
	resource->value = INT64_MIN;
	assert_non_null(make(fixture));
	resource->value = INT64_MAX;
	assert_string_equal(at(make(fixture), "resources/0/value"), "922337203685477.5807");
}

static void test_pressed(void **state)
{
	struct fixture *fixture = *state;
	struct json_object *status;

	add(fixture, RESOURCE_FREE_INODES, "/a")->pressure.level = LEVEL_MEDIUM;
	add(fixture, RESOURCE_FREE_SPACE, "/b")->pressure.level = LEVEL_HIGH;
	add(fixture, RESOURCE_FREE_SPACE, "/c");
	fixture->judge.level = LEVEL_HIGH;
	status = make(fixture);
	assert_string_equal(at(status, "level"), "\"high\"");
	assert_string_equal(at(status, "admission"),
			    "{\"inbound\":\"defer 452 4.3.1 Insufficient system resources\","
			    "\"submission\":\"defer 452 4.3.1 Insufficient system resources\","
			    "\"internal\":\"accept\"}");
	assert_int_equal(json_object_array_length(json_object_object_get(status, "reasons")), 2);
	assert_non_null(strstr(at(status, "reasons/0"), "/b")); /* the worst first */
	assert_non_null(strstr(at(status, "reasons/1"), "/a"));
}

static void test_observe(void **state)
{
	struct fixture *fixture = *state;
	struct json_object *status;

	fixture->config.mode = MODE_OBSERVE;
	fixture->judge.level = LEVEL_MEDIUM;
	status = make(fixture);
	assert_string_equal(at(status, "mode"), "\"observe\"");
	assert_string_equal(at(status, "admission/inbound"), "\"accept\"");
	assert_string_equal(at(status, "judged/inbound"),
			    "\"defer 452 4.3.1 Insufficient system resources\"");
	assert_string_equal(at(status, "judged/submission"), "\"accept\"");
}

static void test_override(void **state)
{
	struct fixture *fixture = *state;
	struct override *override = &fixture->judge.override;
	struct json_object *status;

	override->active = true;
	override->level = LEVEL_HIGH;
	override->until_ns = fixture->now + 3600 * NS_PER_S;
	strcpy(override->reason, "new \"disks\"\\");
	strcpy(override->by, "uid 1000");
	fixture->judge.level = LEVEL_HIGH;
	status = make(fixture);
	assert_string_equal(at(status, "override/level"), "\"high\"");
	assert_string_equal(at(status, "override/reason"), "\"new \\\"disks\\\"\\\\\"");
	assert_string_equal(at(status, "override/by"), "\"uid 1000\"");
	assert_true(strcmp(at(status, "override/until"), at(status, "since")) > 0);
	assert_non_null(strstr(at(status, "reasons/0"), "override to high by uid 1000 until 2"));
	assert_non_null(strstr(at(status, "reasons/0"), ": new"));
}

/* A path may hold any byte but NUL; make() sees that the line is sound. */
static void test_foreign_bytes(void **state)
{
	struct fixture *fixture = *state;
	char path[256];

	for (int i = 1; i < 256; i++)
		path[i - 1] = (char)i;
	path[255] = '\0';
	add(fixture, RESOURCE_FREE_SPACE, path)->pressure.level = LEVEL_MEDIUM;
	add(fixture, RESOURCE_FREE_SPACE, "/sp\xc3\xa4t/\xed\xa0\x80\xf0\x9f\x93\xac\xc3");
	make(fixture);
	assert_string_equal(at(fixture->status, "resources/1/object"),
			    "\"/sp\xc3\xa4t/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			    "\xf0\x9f\x93\xac\xef\xbf\xbd\"");
}

/* What steers a terminal: DEL and C1 are replaced, and what is below is JSON's to escape. */
static void test_control_characters(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, RESOURCE_FREE_SPACE, "/a");
	fixture->report.writers[0] = (struct report_writer){ "/a", "/\xc2\x80\xc2\x9f\xc2\xa0",
							     "\xc2\x9b\x31m\x1b[1m\x7f", 1 };
	fixture->report.writer_count = 1;
	make(fixture);
	assert_string_equal(at(fixture->status, "writers/0/comm"),
			    "\"\xef\xbf\xbd\x31m\\u001b[1m\xef\xbf\xbd\"");
	assert_string_equal(at(fixture->status, "writers/0/cgroup"),
			    "\"/\xef\xbf\xbd\xef\xbf\xbd\xc2\xa0\"");
}

#define report_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* It loses 100 bytes a second: 1500 above high are gone in 15 s. */
static void test_forecast(void **state)
{
	struct fixture *fixture = *state;
	struct resource *space = add(fixture, RESOURCE_FREE_SPACE, "/a");
	struct resource *full = add(fixture, RESOURCE_TIME_TO_FULL, "/a");

	for (int64_t s = 0; s <= 20; s++)
		forecast_add(&fixture->judge.forecasts[0], 4500 - 100 * s,
			     fixture->now + s * NS_PER_S);
	space->value = 2500;
	full->value = VALUE_NEVER;
	make(fixture);
	assert_string_equal(at(fixture->status, "resources/0/forecast_s"), "15");
	assert_string_equal(at(fixture->status, "resources/1/forecast_s"), "null");
	assert_string_equal(at(fixture->status, "resources/1/value"), "null");
	full->value = 15 * NS_PER_S;
	space->value = 1000 + 100 * INT64_C(86400);
	make(fixture);
	assert_string_equal(at(fixture->status, "resources/0/forecast_s"), "null");
	assert_string_equal(at(fixture->status, "resources/1/value"), "15");
}

static void test_listeners(void **state)
{
	static const struct listener_status listeners[] = {
		{ "postfix", "postfix-policy", "unix:/a", true, 3, 10, 4, 100, 2, false, "" },
		{ "b", "socketmap", "inet:[::1]:25", false, 0, 0, 0, 0, 0, false, "" },
		{ "c", "socketmap", "unix:/c", true, 1, 10, 0, 0, 0, true, "its file was removed" },
	};
	struct fixture *fixture = *state;

	make(fixture);
	assert_string_equal(at(fixture->status, "listeners"), "[]");
	fixture->report.listeners = listeners;
	fixture->report.listener_count = 3;
	make(fixture);
	assert_string_equal(at(fixture->status, "listeners/0"),
			    "{\"name\":\"postfix\",\"protocol\":\"postfix-policy\",\"address\":"
			    "\"unix:/a\",\"state\":\"open\",\"connections\":3,\"places\":10,"
			    "\"lacked\":4,\"requests\":100,\"dropped\":2}");
	assert_string_equal(at(fixture->status, "listeners/1/state"), "\"closed\"");
	assert_string_equal(at(fixture->status, "listeners/2/state"), "\"not there\"");
	assert_string_equal(at(fixture->status, "listeners/2/reason"), "\"its file was removed\"");
}

static void test_writers(void **state)
{
	struct fixture *fixture = *state;
	struct resource *space = add(fixture, RESOURCE_FREE_SPACE, "/a");
	struct resource *stall = add(fixture, RESOURCE_MEMORY_STALL, "host");
	char reason[REPORT_REASON];

	space->pressure.level = stall->pressure.level = LEVEL_MEDIUM;
	space->pressure.since_ns = stall->pressure.since_ns = fixture->now;
	fixture->report.writers[0] = (struct report_writer){ "/a", "/system.slice", "dd", 3 * MIB };
	fixture->report.writers[1] = (struct report_writer){ "/a", NULL, "cp", 1 };
	fixture->report.writer_count = 2;
	make(fixture);
	assert_string_equal(
		at(fixture->status, "writers/0"),
		"{\"object\":\"/a\",\"cgroup\":\"/system.slice\",\"comm\":\"dd\",\"bytes_per_s\":3145728}");
	assert_string_equal(at(fixture->status, "writers/1/cgroup"), "null");
	assert_non_null(strstr(at(fixture->status, "reasons/0"),
			       "; most is written by dd (/system.slice): 3.0 MiB/s\""));
	assert_null(strstr(at(fixture->status, "reasons/1"), "written"));
	/* Who fills another filesystem is not to blame. */
	fixture->report.writers[0].object = "/b";
	assert_non_null(
		strstr(report_reason(reason, sizeof(reason), &fixture->report, space, fixture->now),
		       "; most is written by cp: 1 B/s"));
	report_reason(reason, 20, &fixture->report, space, fixture->now);
	assert_int_equal(strlen(reason), 19);
}

static void test_ramp(void **state)
{
	struct fixture *fixture = *state;
	struct admission *admission = calloc(1, sizeof(*admission));

	assert_non_null(admission);
	fixture->config.ramp_ns = 60 * NS_PER_S;
	fixture->report.admission = admission;
	make(fixture);
	assert_string_equal(at(fixture->status, "reasons"), "[]");
	admission->ramps[CLASS_INBOUND].since_ns = fixture->now - 20 * NS_PER_S;
	make(fixture);
	assert_string_equal(at(fixture->status, "reasons/0"),
			    "\"inbound reopens: 40 % of the clients are let in, all in 40 s\"");
	free(admission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		report_test(test_keys),
		report_test(test_resource),
		report_test(test_forecast),
		report_test(test_writers),
		report_test(test_listeners),
		report_test(test_ramp),
		report_test(test_unknown_resource),
		report_test(test_numbers),
		report_test(test_pressed),
		report_test(test_observe),
		report_test(test_override),
		report_test(test_foreign_bytes),
		report_test(test_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
