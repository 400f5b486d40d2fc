/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a configuration file: a configuration as the manual has it, or an error with its
 * line.
 *
 * Parses: user/common/config.c user/common/config_file.c user/common/config_gates.c
 * Parses: user/common/config_lex.c user/common/config_limits.c user/common/config_listeners.c
 * Parses: user/common/config_mail.c user/common/config_networks.c user/common/config_rules.c
 * Parses: user/common/config_text.c user/common/config_tree.c
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/config.h"
#include "common/text.h"
#include "fuzz.h"

#define DAY_NS (86400 * NS_PER_S)

static char file[64]; /* the name of what is read */

static void check_path(const char *path)
{
	check(path[0] == '/' && strlen(path) < PATH_MAX);
	check(!path[1] || path[strlen(path) - 1] != '/');
}

static void check_name(const char *name)
{
	check(strlen(name) < CONFIG_NAME && name[0] != '-' && !strpbrk(name, " /:\n"));
}

static void check_reply(const char *reply, const char *begins)
{
	check(!strncmp(reply, begins, strlen(begins)) && strlen(reply) <= 200);
	for (; *reply; reply++)
		check(*reply >= ' ' && *reply <= '~');
}

static void check_threshold(const struct threshold *threshold, const struct resource_type *type)
{
	check(threshold->count <= THRESHOLD_VALUES);
	for (unsigned int i = 0; i < threshold->count; i++) {
		const struct quantity *quantity = &threshold->any_of[i];

		check(quantity->number >= 0);
		if (quantity->kind == QUANTITY_SHARE)
			check(quantity->number <= PPM &&
			      (type->has_size || type->unit == UNIT_SHARE));
		else if (quantity->kind == QUANTITY_SIZE)
			check(type->unit == UNIT_BYTES);
		else if (quantity->kind == QUANTITY_TIME)
			check(type->unit == UNIT_TIME);
		else
			check(type->unit == UNIT_COUNT);
	}
}

static int64_t of_size(const struct threshold *threshold, enum resource_id id, int64_t size)
{
	return threshold_resolve(threshold, resource_type(id), size);
}

static void check_resource(const struct thresholds *thresholds, enum resource_id id)
{
	const struct resource_type *type = resource_type(id);

	check(thresholds->sustain_ns >= 0 && thresholds->sustain_ns <= DAY_NS);
	check(thresholds->dwell_ns >= 0 && thresholds->dwell_ns <= DAY_NS);
	for (int level = LEVEL_MEDIUM; level < LEVELS; level++) {
		const struct threshold *enter = &thresholds->enter[level];
		const struct threshold *leave = &thresholds->leave[level];

		check_threshold(enter, type);
		check_threshold(leave, type);
		check(enter->count || !leave->count);
		/* Of a single value each, left on the relaxed side. */
		if (enter->count != 1 || leave->count != 1 ||
		    enter->any_of[0].kind != leave->any_of[0].kind)
			continue;
		if (type->less_is_worse)
			check(of_size(leave, id, GIB) >= of_size(enter, id, GIB));
		else
			check(of_size(leave, id, GIB) <= of_size(enter, id, GIB));
	}
}

static void check_resources(const struct thresholds resources[RESOURCE_IDS])
{
	for (int id = 0; id < RESOURCE_IDS; id++)
		check_resource(&resources[id], id);
}

static void check_objects(const struct config *config)
{
	check(config->filesystem_count >= 1 && config->filesystem_count <= CONFIG_FILESYSTEMS);
	for (unsigned int i = 0; i < config->filesystem_count; i++) {
		check_path(config->filesystems[i].path);
		check(config->filesystems[i].mail != CONFIG_MAIL_NO ||
		      !config_takes_mail(config, i));
		check(config->filesystems[i].mail != CONFIG_MAIL_YES ||
		      config_takes_mail(config, i));
		check_resources(config->filesystems[i].resources);
		for (unsigned int j = 0; j < i; j++)
			check(strcmp(config->filesystems[i].path, config->filesystems[j].path));
	}
	check(config->queue_count <= CONFIG_QUEUES);
	for (unsigned int i = 0; i < config->queue_count; i++) {
		check_path(config->queues[i].path);
		check_resources(config->queues[i].resources);
		for (unsigned int j = 0; j < i; j++)
			check(strcmp(config->queues[i].path, config->queues[j].path));
	}
	check_resources(config->host);
	check_resources(config->memory_cgroup.resources);
	check(!config->memory_cgroup.path[0] || config->memory_cgroup.path[0] == '/');
	check(!strstr(config->memory_cgroup.path, "/../"));
}

static void check_networks(const struct config *config)
{
	check(config->internal_count <= CONFIG_NETWORKS);
	for (unsigned int i = 0; i < config->internal_count; i++) {
		struct config_network again;
		char text[NETWORK_TEXT];

		network_format(text, sizeof(text), &config->internal[i]);
		check(!network_parse(text, &again));
		check(!memcmp(&again, &config->internal[i], sizeof(again)));
	}
}

static void check_gates(const struct config *config)
{
	check(config->gate_count <= CONFIG_GATES);
	for (unsigned int i = 0; i < config->gate_count; i++) {
		const struct config_gate *gate = &config->gates[i];

		check(gate->port_count >= 1 && gate->port_count <= CONFIG_GATE_PORTS);
		for (unsigned int j = 0; j < gate->port_count; j++) {
			check(gate->ports[j].number && gate->ports[j].class != CLASS_INTERNAL);
			for (unsigned int k = 0; k < j; k++)
				check(gate->ports[k].number != gate->ports[j].number);
		}
		check_reply(gate->reply, "421 4.");
		/* The daemon renews it every 5 s. */
		check(gate->lease_ns >= 10 * NS_PER_S && gate->lease_ns <= 300 * NS_PER_S);
		check(!gate->netns[0] || gate->netns[0] == '/');
		check(text_is_clean(gate->host, strlen(gate->host)));
		for (unsigned int j = 0; j < i; j++)
			check(strcmp(gate->netns, config->gates[j].netns));
	}
}

static void check_listener(const struct config *config, const struct config_listener *listener)
{
	check(listener->name[0] && listener->address[0] && listener->line);
	check_name(listener->name);
	check_name(listener->owner);
	check_name(listener->group);
	check((unsigned int)listener->protocol < PROTOCOLS);
	check(!(listener->mode & ~0777u));
	check(!listener->timeout_ns ||
	      (listener->timeout_ns >= NS_PER_S && listener->timeout_ns <= 3600 * NS_PER_S));
	if (listener->socket.ss_family == AF_UNIX)
		check(!strncmp(listener->address, "unix:/", 6) &&
		      strcmp(listener->address + 5, config->state.path));
	else
		check(!strncmp(listener->address, "inet:", 5) && !listener->owner[0]);
	for (int level = 0; level < LEVELS; level++)
		for (int id = 0; id < CLASSES; id++)
			check(!listener->timeout_ns ||
			      config->admission[level][id].delay_s * NS_PER_S <
				      listener->timeout_ns);
}

static void check_listeners(const struct config *config)
{
	check(config->listener_count <= CONFIG_LISTENERS);
	for (unsigned int i = 0; i < config->listener_count; i++) {
		check_listener(config, &config->listeners[i]);
		for (unsigned int j = 0; j < i; j++)
			check(strcmp(config->listeners[i].address, config->listeners[j].address));
	}
}

/* A class is never better off at a higher level. */
static void check_admission(const struct config *config)
{
	for (int id = 0; id < CLASSES; id++) {
		check(config->admission[LEVEL_NORMAL][id].kind == VERDICT_ACCEPT);
		for (int level = LEVEL_MEDIUM; level < LEVELS; level++) {
			const struct config_verdict *verdict = &config->admission[level][id];

			check(verdict->kind >= config->admission[level - 1][id].kind);
			check((verdict->kind == VERDICT_DELAY) == (verdict->delay_s > 0));
			check(verdict->delay_s <= 300);
		}
	}
	check_reply(config->reply, "4");
	check(config->ramp_ns >= 0 && config->ramp_ns <= 3600 * NS_PER_S);
	check(!config->stuck_ns ||
	      (config->stuck_ns >= 60 * NS_PER_S && config->stuck_ns <= 30 * DAY_NS));
}

/* What the rest of the program relies on without looking again. */
static void check_config(const struct config *config)
{
	check(config->mode == MODE_ENFORCE || config->mode == MODE_OBSERVE);
	check(!strcmp(config->file, file));
	check_objects(config);
	check_networks(config);
	check_gates(config);
	check_listeners(config);
	check_admission(config);
	check(config->state.path[0] == '/' && !(config->state.mode & ~0777u));
	check_name(config->state.group);
	check_name(config->state.admin);
	check_name(config->user);
}

static unsigned long line_of(const char *error, const char **rest)
{
	unsigned long line;
	char *end;

	check(!strncmp(error, file, strlen(file)) && error[strlen(file)] == ':');
	line = strtoul(error + strlen(file) + 1, &end, 10);
	check(end[0] == ':' && end[1] == ' ' && end[2]);
	*rest = end;
	return line;
}

/* FILE:LINE: what is wrong, in one line that a terminal can show. */
static void check_refusal(const char *error, const uint8_t *data, size_t size)
{
	unsigned long lines = 1;
	const char *rest;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	check(line_of(error, &rest) >= 1 && line_of(error, &rest) <= lines);
	for (; *error; error++)
		check((unsigned char)*error >= ' ' && *error != 0x7f);
}

static int read_text(struct config *config, const uint8_t *data, size_t size, const char *before,
		     char *error, size_t error_size)
{
	int fd = memfd_create("config", MFD_CLOEXEC), ret;

	check(fd >= 0 && write(fd, before, strlen(before)) == (ssize_t)strlen(before));
	check(write(fd, data, size) == (ssize_t)size);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	ret = config_read(config, file, error, error_size);
	close(fd);
	return ret;
}

static void check_same(const struct thresholds *one, const struct thresholds *other)
{
	check(!memcmp(one->enter, other->enter, sizeof(one->enter)));
	check(!memcmp(one->leave, other->leave, sizeof(one->leave)));
	check(one->sustain_ns == other->sustain_ns && one->dwell_ns == other->dwell_ns);
}

/* A line before it all moves the lines, and nothing else. */
static void check_moved(const struct config *config, const uint8_t *data, size_t size,
			const char *error)
{
	static struct config moved;
	const char *rest, *moved_rest;
	char moved_error[8192] = "";
	int ret = read_text(&moved, data, size, "# one\n", moved_error, sizeof(moved_error));

	check(ret == (*error ? -EINVAL : 0));
	if (ret) {
		check(line_of(moved_error, &moved_rest) == line_of(error, &rest) + 1);
		check(strstr(rest, "first ") || !strcmp(rest, moved_rest));
		return;
	}
	check(moved.filesystem_count == config->filesystem_count);
	check(!memcmp(moved.admission, config->admission, sizeof(moved.admission)));
	for (int id = 0; id < RESOURCE_IDS; id++)
		check_same(&moved.host[id], &config->host[id]);
	for (unsigned int i = 0; i < moved.gate_count; i++)
		check(moved.gates[i].line == config->gates[i].line + 1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What is no file, or too large a one, is refused as a whole. */
static void check_file(const char *name, int error, const char *why)
{
	static struct config config;
	char text[512], expected[512];

	check(config_read(&config, name, text, sizeof(text)) == error);
	snprintf(expected, sizeof(expected), "%s: %s", name, why);
	check(!strcmp(text, expected));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct config config;
	int fd = memfd_create("large", MFD_CLOEXEC);

	(void)argc;
	(void)argv;
	config_default(&config);
	check_config(&config);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	check(fd >= 0 && !ftruncate(fd, (1 << 20) + 1));
	check_file(file, -EINVAL, "is too large; allowed: up to 1024 KiB");
	close(fd);
	check_file(file, -ENOENT, "cannot be opened: No such file or directory");
	check_file("/proc/self/mem", -EIO, "cannot be read: Input/output error");
	check_file("/", -EINVAL, "is a directory; allowed: a regular file");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config, before;
	char error[8192] = "";
	int ret;

	memset(&config, 0x5a, sizeof(config));
	memcpy(&before, &config, sizeof(config));
	ret = read_text(&config, data, size, "", error, sizeof(error));
	if (ret) {
		check(ret == -EINVAL);
		check(!memcmp(&config, &before, sizeof(config)));
		check_refusal(error, data, size);
	} else {
		check(!*error);
		check_config(&config);
	}
	check_moved(&config, data, size, error);
	return 0;
}
