/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate status: what a postmaster wants to see first, first. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/table.h"

/* "2026-11-23T20:15:04Z" as "2026-11-23 21:15:04" here; as it is when it is no such time. */
static char *local_time(char *buf, size_t size, const char *rfc3339, time_t *moment)
{
	struct tm time = { 0 };
	const char *end = strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ", &time);

	*moment = end && !*end ? timegm(&time) : (time_t)-1;
	if (*moment < 0)
		*moment = (time_t)-1; /* no daemon is so old */
	if (*moment == (time_t)-1 || !localtime_r(moment, &time) ||
	    !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &time))
		snprintf(buf, size, "%s", rfc3339);
	return buf;
}

static void print_headline(struct json_object *status, bool colour)
{
	char word[16], since[64], here[64], mode[32], version[32], age[64] = "";
	enum level level = LEVEL_HIGH; /* a word we do not know is nothing to be calm about */
	time_t moment, now = time(NULL);

	answer_level(status, &level);
	answer_text(word, sizeof(word), status, "level", "?");
	local_time(here, sizeof(here), answer_text(since, sizeof(since), status, "since", "?"),
		   &moment);
	if (moment != (time_t)-1 && moment < now)
		value_format(age, sizeof(age), UNIT_TIME, (now - moment) * NS_PER_S);
	printf("%s%s%s since %s", colour_begin(colour, level), word, colour_end(colour), here);
	if (age[0])
		printf(", for %s", age);
	printf(" (mode %s, spoolgated %s)\n", answer_text(mode, sizeof(mode), status, "mode", "?"),
	       answer_text(version, sizeof(version), status, "version", "?"));
}

static void print_override(struct json_object *status)
{
	struct json_object *override = answer_member(status, "override", json_type_object);
	char level[16], until[64], here[64], by[80], reason[256];
	time_t moment;

	if (!override)
		return;
	answer_text(reason, sizeof(reason), override, "reason", "");
	local_time(here, sizeof(here), answer_text(until, sizeof(until), override, "until", "?"),
		   &moment);
	printf("override: %s until %s, by %s%s%s\n",
	       answer_text(level, sizeof(level), override, "level", "?"), here,
	       answer_text(by, sizeof(by), override, "by", "?"), reason[0] ? ": " : "", reason);
}

static void print_admissions(struct json_object *status)
{
	struct json_object *admission = answer_member(status, "admission", json_type_object);
	struct json_object *judged = answer_member(status, "judged", json_type_object);

	putchar('\n');
	for (int i = 0; i < CLASSES; i++) {
		char line[CLI_TEXT], would[CLI_TEXT];

		answer_text(line, sizeof(line), admission, class_name(i), "?");
		printf("%-12s%s", class_name(i), line);
		if (judged)
			printf("  (would be: %s)",
			       answer_text(would, sizeof(would), judged, class_name(i), "?"));
		putchar('\n');
	}
}

/* "25, 465": the numbers of the array NAME. */
static char *join_numbers(char *buf, size_t size, struct json_object *object, const char *name)
{
	struct json_object *array = answer_member(object, name, json_type_array);
	size_t count = array ? json_object_array_length(array) : 0, length = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < count && length < size; i++)
		length +=
			(size_t)snprintf(buf + length, size - length, "%s%d", i ? ", " : "",
					 json_object_get_int(json_object_array_get_idx(array, i)));
	return buf;
}

static long long number_of(struct json_object *object, const char *name)
{
	return json_object_get_int64(answer_member(object, name, json_type_int));
}

static void print_gate(struct json_object *status)
{
	struct json_object *gate = answer_member(status, "gate", json_type_object);
	char state[16], ports[128], reason[CLI_TEXT];

	answer_text(state, sizeof(state), gate, "state", "off");
	join_numbers(ports, sizeof(ports), gate, "ports");
	if (!ports[0]) /* none is configured */
		return;
	printf("%-12s%s: ports %s; %lld diverted, %lld dropped", "gate", state, ports,
	       number_of(gate, "diverted"), number_of(gate, "dropped"));
	if (!strcmp(state, "closed"))
		printf("; lease %lld s", number_of(gate, "lease_s"));
	answer_text(reason, sizeof(reason), gate, "reason", "");
	printf("%s%s\n", reason[0] ? "; " : "", reason);
}

/* Those that are not as they should be. */
static void print_processes(struct json_object *status)
{
	struct json_object *processes = answer_member(status, "processes", json_type_array);
	size_t count = processes ? json_object_array_length(processes) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *process = json_object_array_get_idx(processes, i);
		char name[32], state[16], loss[CLI_TEXT];

		if (!strcmp(answer_text(state, sizeof(state), process, "state", "?"), "running"))
			continue;
		printf("%-12sthe %s is %s: %s\n", "process",
		       answer_text(name, sizeof(name), process, "name", "?"), state,
		       answer_text(loss, sizeof(loss), process, "loss", "?"));
	}
}

static char *show_value(char *buf, size_t size, struct json_object *object, enum unit unit,
			const char *key)
{
	int64_t value;

	if (!answer_value(object, unit, key, &value)) {
		snprintf(buf, size, "-");
		return buf;
	}
	return value_format(buf, size, unit, value);
}

static void print_sizes(struct json_object *status)
{
	struct json_object *sizes = answer_member(status, "sizes", json_type_object);
	char object[CLI_TEXT], room[64], promised[64];
	int64_t bytes;

	if (!sizes || !answer_value(sizes, UNIT_BYTES, "room", &bytes))
		return;
	printf("%-12sroom for %s above high on %s, %s of it promised\n", "sizes",
	       show_value(room, sizeof(room), sizes, UNIT_BYTES, "room"),
	       answer_text(object, sizeof(object), sizes, "object", "?"),
	       show_value(promised, sizeof(promised), sizes, UNIT_BYTES, "promised"));
}

static void print_reasons(struct json_object *status)
{
	struct json_object *reasons = answer_member(status, "reasons", json_type_array);
	size_t count = reasons ? json_object_array_length(reasons) : 0;
	char text[CLI_TEXT];

	if (count)
		putchar('\n');
	for (size_t i = 0; i < count; i++)
		printf("! %s\n", answer_item(text, sizeof(text), reasons, i));
}

/* Values are seen every five seconds; an older one is shown with its age. */
#define OLD_NS (10 * NS_PER_S)

/*
 * The value; with how old it is when it is an old one, since when its object does not answer, or
 * when it will be at high if it fills.
 */
static char *show_present(char *buf, size_t size, struct json_object *resource, enum unit unit)
{
	char value[64], age[64];
	int64_t stalled_ns, seen_ns, forecast_ns;

	show_value(value, sizeof(value), resource, unit, "value");
	if (answer_value(resource, UNIT_TIME, "stalled_s", &stalled_ns))
		snprintf(buf, size, "%s, stalled %s", value,
			 value_format(age, sizeof(age), UNIT_TIME,
				      stalled_ns / NS_PER_S * NS_PER_S));
	else if (answer_value(resource, UNIT_TIME, "seen_s_ago", &seen_ns) && seen_ns >= OLD_NS)
		snprintf(buf, size, "%s, %s ago", value,
			 value_format(age, sizeof(age), UNIT_TIME, seen_ns / NS_PER_S * NS_PER_S));
	else if (answer_value(resource, UNIT_TIME, "forecast_s", &forecast_ns))
		snprintf(buf, size, "%s, high in %s", value,
			 value_format(age, sizeof(age), UNIT_TIME,
				      forecast_ns / NS_PER_S * NS_PER_S));
	else
		snprintf(buf, size, "%s", value);
	return buf;
}

/* LEAVE is the threshold of the level it is at: what it takes to step down. */
static int add_resource(struct table *table, struct json_object *resource)
{
	struct json_object *enter = answer_member(resource, "enter", json_type_object);
	struct json_object *leave = answer_member(resource, "leave", json_type_object);
	char name[64], object[1024], level[16], value[160], medium[64], high[64], relaxed[64],
		backend[64];
	enum unit unit = answer_unit(resource);
	enum level at = LEVEL_NORMAL;
	const char *cells[] = { name, object, level, value, medium, high, relaxed, backend };

	answer_text(name, sizeof(name), resource, "name", "?");
	answer_text(object, sizeof(object), resource, "object", "?");
	answer_text(level, sizeof(level), resource, "level", "?");
	answer_text(backend, sizeof(backend), resource, "backend", "-");
	answer_level(resource, &at);
	show_present(value, sizeof(value), resource, unit);
	show_value(medium, sizeof(medium), enter, unit, "medium");
	show_value(high, sizeof(high), enter, unit, "high");
	show_value(relaxed, sizeof(relaxed), at == LEVEL_NORMAL ? NULL : leave, unit, level);
	return table_add(table, at, cells);
}

static int print_resources(struct json_object *status, bool colour)
{
	static const char *const head[] = { "RESOURCE", "OBJECT", "LEVEL", "VALUE",
					    "MEDIUM",	"HIGH",	  "LEAVE", "BACKEND" };
	struct json_object *resources = answer_member(status, "resources", json_type_array);
	size_t count = resources ? json_object_array_length(resources) : 0;
	struct table table = { .columns = 8, .elastic = 1, .coloured = 2 };
	int ret = table_add(&table, LEVEL_NORMAL, head);

	for (size_t i = 0; i < count && !ret; i++)
		ret = add_resource(&table, json_object_array_get_idx(resources, i));
	if (!ret) {
		putchar('\n');
		table_print(&table, terminal_width(), colour);
	}
	table_free(&table);
	return ret;
}

static void print_writers(struct json_object *status)
{
	struct json_object *writers = answer_member(status, "writers", json_type_array);
	size_t count = writers ? json_object_array_length(writers) : 0;
	char object[256], comm[64], cgroup[256], rate[64];

	if (count)
		fputs("\nwriting most:\n", stdout);
	for (size_t i = 0; i < count; i++) {
		struct json_object *writer = json_object_array_get_idx(writers, i);

		show_value(rate, sizeof(rate), writer, UNIT_BYTES, "bytes_per_s");
		printf("  %s: %s/s by %s (%s)\n",
		       answer_text(object, sizeof(object), writer, "object", "?"), rate,
		       answer_text(comm, sizeof(comm), writer, "comm", "?"),
		       answer_text(cgroup, sizeof(cgroup), writer, "cgroup", "?"));
	}
}

static void print_listeners(struct json_object *status)
{
	struct json_object *listeners = answer_member(status, "listeners", json_type_array);
	size_t count = listeners ? json_object_array_length(listeners) : 0;
	char name[80], protocol[40], address[160], state[16], connections[64], requests[64];
	char reason[256];

	if (count)
		fputs("\nlistening:\n", stdout);
	for (size_t i = 0; i < count; i++) {
		struct json_object *listener = json_object_array_get_idx(listeners, i);

		printf("  %s: %s on %s", answer_text(name, sizeof(name), listener, "name", "?"),
		       answer_text(protocol, sizeof(protocol), listener, "protocol", "?"),
		       answer_text(address, sizeof(address), listener, "address", "?"));
		if (strcmp(answer_text(state, sizeof(state), listener, "state", "?"), "open"))
			printf(" (%s: %s)\n", state,
			       answer_text(reason, sizeof(reason), listener, "reason",
					   "see the log"));
		else
			printf(": %s connections, %s requests\n",
			       show_value(connections, sizeof(connections), listener, UNIT_COUNT,
					  "connections"),
			       show_value(requests, sizeof(requests), listener, UNIT_COUNT,
					  "requests"));
		if (number_of(listener, "lacked"))
			printf("    %lld times there was no place for another: of %lld "
			       "(LimitNOFILE= of the unit makes more)\n",
			       number_of(listener, "lacked"), number_of(listener, "places"));
	}
}

static void print_backends(struct json_object *status)
{
	struct json_object *backends = answer_member(status, "backend", json_type_object);
	struct table table = { .columns = 2, .elastic = -1, .coloured = -1 };
	int ret = 0;

	if (!backends)
		return;
	json_object_object_foreach(backends, signal, probe)
	{
		char name[64], text[128];
		const char *cells[] = { name, text };

		(void)probe;
		snprintf(name, sizeof(name), "%s", signal);
		for (char *byte = name; *byte; byte++)
			if (*byte < ' ' || *byte > '~')
				*byte = '?';
		answer_text(text, sizeof(text), backends, signal, "?");
		if (!ret)
			ret = table_add(&table, LEVEL_NORMAL, cells);
	}
	if (!ret && table.rows) {
		putchar('\n');
		table_print(&table, 0, false);
	}
	table_free(&table);
}

static int print_status(const char *line)
{
	struct json_object *status = answer_parse(line);
	bool colour = terminal_colour();
	int ret;

	if (!status)
		return unexpected(line);
	print_headline(status, colour);
	print_override(status);
	print_admissions(status);
	print_sizes(status);
	print_gate(status);
	print_processes(status);
	print_reasons(status);
	ret = print_resources(status, colour);
	print_writers(status);
	print_listeners(status);
	print_backends(status);
	json_object_put(status);
	if (ret)
		complain("out of memory");
	return ret ? EX_OSERR : EX_OK;
}

/* As it came, which it only may if it is what it should be. */
static int print_line(const char *line)
{
	struct json_object *status = answer_parse(line);

	if (!status)
		return unexpected(line);
	json_object_put(status);
	puts(line);
	return EX_OK;
}

static int run_status(const char *socket, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	char *line;
	int option, ret;

	while ((option = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (option != 'j')
			return other_option(&command_status, option);
		json = true;
	}
	if (optind < argc)
		return usage_error(&command_status, "unexpected argument \"%s\"", argv[optind]);
	ret = connection_ask(socket, "status\n", &line);
	if (ret)
		return unreachable(socket, ret);
	ret = json ? print_line(line) : print_status(line);
	free(line);
	return ret;
}

const struct command command_status = {
	.name = "status",
	.arguments = "[--json]",
	.summary = "Show the level, why, and every resource with its thresholds",
	.help = "  -j, --json  the daemon's own line of JSON\n"
		"  -h, --help  this text\n\n"
		"LEAVE is the value at which a resource steps down from the level it is at.\n"
		"Exit: 0; 69 when the daemon cannot be asked.\n",
	.run = run_status,
};
