/* SPDX-License-Identifier: GPL-2.0-only */
/* The sample configuration: as it is installed, and with its settings and examples in use. */
#include "config_reading.h"

/* Run from the top of the tree, as `make check` does. */
#define SAMPLE	    "share/spoolgate.conf"
#define SAMPLE_MOST 16384

static void read_sample(char *sample, size_t size)
{
	FILE *in = fopen(SAMPLE, "r");

	assert_non_null(in);
	memset(sample, 0, size);
	assert_in_range(fread(sample, 1, size, in), 1, size - 1);
	fclose(in);
}

/* A setting is a line with a # and no blank after it: take that away. In place. */
static void activate(char *text)
{
	char *to = text;

	for (char *line = text, *end; *line; line = end) {
		size_t tabs = strspn(line, "\t");

		end = line + strcspn(line, "\n");
		end += *end == '\n';
		if (line[tabs] == '#' && !strchr(" #\n", line[tabs + 1])) {
			memmove(to, line, tabs);
			to += tabs;
			line += tabs + 1;
		}
		memmove(to, line, (size_t)(end - line));
		to += end - line;
	}
	*to = '\0';
}

/* It is installed where it is read: then it must change nothing, what is searched for included. */
static void test_sample_is_the_default(void **state)
{
	(void)state;
	if (config_read(&config, SAMPLE, message, sizeof(message)))
		fail_msg("%s", message);
	config_default(&before);
	strcpy(before.file, SAMPLE);
	assert_true(config.found);
	assert_memory_equal(&config, &before, sizeof(config));
}

/* Where thresholds stand in the file is no part of what they are. */
static void forget_lines(struct thresholds resources[RESOURCE_IDS])
{
	for (int id = 0; id < RESOURCE_IDS; id++)
		for (int level = 0; level < LEVELS; level++)
			resources[id].lines[level] = resources[id].leave_lines[level] = 0;
}

static void test_sample_settings_are_the_default(void **state)
{
	char sample[SAMPLE_MOST];

	(void)state;
	read_sample(sample, sizeof(sample));
	activate(sample);
	take(sample);
	config_default(&before);
	assert_int_equal(config.filesystem_count, 2);
	assert_string_equal(config.filesystems[1].path, "/var/log");
	for (unsigned int i = 0; i < config.filesystem_count; i++)
		forget_lines(config.filesystems[i].resources);
	forget_lines(config.host);
	forget_lines(config.memory_cgroup.resources);
	for (unsigned int i = 0; i < config.filesystem_count; i++)
		assert_memory_equal(config.filesystems[i].resources,
				    before.filesystems[0].resources,
				    sizeof(before.filesystems[0].resources));
	assert_int_equal(config.queue_count, 1);
	assert_int_equal(config.listener_count, 2);
	assert_int_equal(config.gate_count, 1);
	/* That much is examples. */
	memcpy(before.filesystems, config.filesystems, sizeof(config.filesystems));
	memcpy(before.queues, config.queues, sizeof(config.queues));
	memcpy(before.listeners, config.listeners, sizeof(config.listeners));
	memcpy(before.gates, config.gates, sizeof(config.gates));
	before.filesystem_count = config.filesystem_count;
	before.queue_count = config.queue_count;
	before.listener_count = config.listener_count;
	before.gate_count = config.gate_count;
	before.found = false;
	strcpy(before.file, file);
	assert_memory_equal(&config, &before, sizeof(config));
}

/* In the blocks there are examples, too. */
static void test_sample_examples_can_be_used(void **state)
{
	char sample[SAMPLE_MOST];

	(void)state;
	read_sample(sample, sizeof(sample));
	activate(sample);
	activate(sample);
	take(sample);
	assert_threshold(&config.filesystems[0].resources[RESOURCE_FREE_SPACE].leave[LEVEL_HIGH],
			 "6% 2576980377B");
	assert_string_equal(config.memory_cgroup.path, "/system.slice/system-postfix.slice");
	assert_threshold(&config.host[RESOURCE_OOM_KILL].enter[LEVEL_HIGH], "0");
}

static void test_sample_is_complete(void **state)
{
	static const char *const keys[] = {
		"\nmode =",
		"\nuser =",
		"\nstuck =",
		"\tramp =",
		"\nfilesystem ",
		"\nqueue ",
		"\nmemory {",
		"\tcgroup =",
		"\nio {",
		"\nclasses {",
		"\tinternal =",
		"\nadmission {",
		"\tmedium {",
		"\thigh {",
		"\tinbound =",
		"\tsubmission =",
		"\treply =",
		"\nstate {",
		"\taddress =",
		"\tmode =",
		"\tgroup =",
		"\tadmin =",
		"\tmedium =",
		"\thigh =",
		"\tleave-medium =",
		"\tleave-high =",
		"\tsustain =",
		"\tdwell =",
		"\nlisten ",
		"\tprotocol =",
		"\towner =",
		"\ttimeout =",
		"\ngate {",
		"\tports =",
		"\tsubmission-ports =",
		"\tlease =",
		"\thost =",
		"\tnetns =",
	};
	char sample[SAMPLE_MOST], key[64];

	(void)state;
	read_sample(sample, sizeof(sample));
	activate(sample);
	activate(sample);
	for (size_t i = 0; i < LENGTH(keys); i++)
		if (!strstr(sample, keys[i]))
			fail_msg("%s has no '%s'", SAMPLE, keys[i]);
	for (int id = 0; id < RESOURCE_IDS; id++) {
		snprintf(key, sizeof(key), "\t%s {", resource_type(id)->key);
		assert_non_null(strstr(sample, key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample_is_the_default),
		cmocka_unit_test(test_sample_settings_are_the_default),
		cmocka_unit_test(test_sample_examples_can_be_used),
		cmocka_unit_test(test_sample_is_complete),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
