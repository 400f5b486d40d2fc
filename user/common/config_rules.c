/* SPDX-License-Identifier: GPL-2.0-only */
/* Everything that is not a threshold: mode, paths, networks, the admission, the state socket. */
#include "common/config_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DELAY_LONGEST 300 /* seconds: the patience a sender's server must have with a reply */

/* Senders give up waiting for a server that stays half shut. */
#define RAMP_LONGEST_NS (3600 * NS_PER_S)

/* More often would be noise, and rarer is what "off" says. */
#define STUCK_SHORTEST_NS (60 * NS_PER_S)
#define STUCK_LONGEST_NS  (30 * 24 * 3600 * NS_PER_S)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int read_mode(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(tree, "mode", &value, problem);

	if (error || !value)
		return error;
	if (!strcmp(value->text, "enforce"))
		config->mode = MODE_ENFORCE;
	else if (!strcmp(value->text, "observe"))
		config->mode = MODE_OBSERVE;
	else
		return config_problem(problem, value->line,
				      "unknown mode " CONFIG_QUOTE "; allowed: enforce, observe",
				      value->text);
	return 0;
}

/* A user or group, as the system's own tools take them; whether it exists is not asked here. */
int config_name(cfg_t *block, const char *key, char *name, struct config_problem *problem)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-";
	const struct config_value *value;
	int error = config_single(block, key, &value, problem);

	if (error || !value)
		return error;
	if (value->text[0] == '-' || strlen(value->text) >= CONFIG_NAME ||
	    value->text[strspn(value->text, bytes)])
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no name for '%s'; allowed: up to %d "
						   "letters, digits and any of _.- (no - first)",
				      value->text, key, CONFIG_NAME - 1);
	strcpy(name, value->text);
	return 0;
}

/* The title of BLOCK as a path, in PATH_MAX bytes. */
static int read_path(cfg_t *block, char *path, unsigned int *line, struct config_problem *problem)
{
	const char *title = cfg_title(block);
	size_t length = strlen(title);

	*line = (unsigned int)block->line;
	if (title[0] != '/')
		return config_problem(problem, *line,
				      "%s " CONFIG_QUOTE " is not absolute; allowed: a path "
				      "that begins with '/'",
				      block->name, title);
	while (length > 1 && title[length - 1] == '/')
		length--;
	if (length >= PATH_MAX)
		return config_problem(problem, *line, "path of a %s too long; allowed: %d",
				      block->name, PATH_MAX - 1);
	memcpy(path, title, length);
	path[length] = '\0';
	return 0;
}

static int given_twice(const char *kind, const char *path, unsigned int first, unsigned int line,
		       struct config_problem *problem)
{
	return config_problem(problem, line,
			      "%s " CONFIG_QUOTE
			      " is given twice (first in line %u); allowed: once",
			      kind, path, first);
}

static void set_defaults(struct thresholds *resources)
{
	for (int id = 0; id < RESOURCE_IDS; id++)
		resources[id] = resource_type(id)->defaults;
}

static int read_filesystem(cfg_t *block, struct config *config, struct config_problem *problem)
{
	struct config_filesystem *filesystem = &config->filesystems[config->filesystem_count];
	int error = read_path(block, filesystem->path, &filesystem->line, problem);

	if (error)
		return error;
	for (unsigned int i = 0; i < config->filesystem_count; i++)
		if (!strcmp(config->filesystems[i].path, filesystem->path))
			return given_twice("filesystem", filesystem->path,
					   config->filesystems[i].line, filesystem->line, problem);
	set_defaults(filesystem->resources);
	filesystem->mail = CONFIG_MAIL_UNKNOWN;
	config->filesystem_count++;
	error = config_mail(block, &filesystem->mail, problem);
	return error ? error : config_limits(block, "filesystem", filesystem->resources, problem);
}

static int read_queue(cfg_t *block, struct config *config, struct config_problem *problem)
{
	struct config_queue *queue = &config->queues[config->queue_count];
	int error = read_path(block, queue->path, &queue->line, problem);

	if (error)
		return error;
	for (unsigned int i = 0; i < config->queue_count; i++)
		if (!strcmp(config->queues[i].path, queue->path))
			return given_twice("queue", queue->path, config->queues[i].line,
					   queue->line, problem);
	set_defaults(queue->resources);
	config->queue_count++;
	return config_limits(block, "queue", queue->resources, problem);
}

/* The tree holds no more blocks than CONFIG has room for: config_tree.c has counted them. */
static int read_titled(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	unsigned int filesystems = cfg_size(tree, "filesystem"), queues = cfg_size(tree, "queue");
	int error = 0;

	for (unsigned int i = 0; !error && i < filesystems && i < CONFIG_FILESYSTEMS; i++)
		error = read_filesystem(cfg_getnsec(tree, "filesystem", i), config, problem);
	for (unsigned int i = 0; !error && i < queues && i < CONFIG_QUEUES; i++)
		error = read_queue(cfg_getnsec(tree, "queue", i), config, problem);
	if (!error)
		config_mail_settle(config);
	return error;
}

static int read_verdict(const struct config_value *value, struct config_verdict *verdict,
			struct config_problem *problem)
{
	static const char delay[] = "delay ";
	const char *seconds = value->text + strlen(delay);

	verdict->delay_s = 0;
	if (!strcmp(value->text, "accept")) {
		verdict->kind = VERDICT_ACCEPT;
		return 0;
	}
	if (!strcmp(value->text, "defer")) {
		verdict->kind = VERDICT_DEFER;
		return 0;
	}
	if (!strncmp(value->text, delay, strlen(delay)) && *seconds && strlen(seconds) <= 3 &&
	    !seconds[strspn(seconds, "0123456789")]) {
		verdict->kind = VERDICT_DELAY;
		verdict->delay_s = (unsigned int)atoi(seconds);
		if (verdict->delay_s >= 1 && verdict->delay_s <= DELAY_LONGEST)
			return 0;
	}
	return config_problem(problem, value->line,
			      CONFIG_QUOTE
			      " is no admission; allowed: \"accept\", \"delay SECONDS\" "
			      "(1 to %d), \"defer\"",
			      value->text, DELAY_LONGEST);
}

/* Verdict kinds are in order of severity, and so are delays. */
static bool is_milder(const struct config_verdict *a, const struct config_verdict *b)
{
	return a->kind != b->kind ? a->kind < b->kind : a->delay_s < b->delay_s;
}

static int read_level(cfg_t *block, enum level level, struct config *config,
		      struct config_problem *problem)
{
	for (int id = 0; id < CLASSES; id++) {
		const struct config_verdict *below = &config->admission[level - 1][id];
		struct config_verdict *verdict = &config->admission[level][id];
		const struct config_value *value = NULL;
		int error = 0;

		if (block)
			error = config_single(block, class_name(id), &value, problem);
		if (!error && value)
			error = read_verdict(value, verdict, problem);
		if (error)
			return error;
		if (!is_milder(verdict, below))
			continue;
		if (value)
			return config_problem(problem, value->line,
					      "'%s' is treated better at %s than at %s; allowed: "
					      "the same or worse",
					      class_name(id), level_name(level),
					      level_name(level - 1));
		/* A default must not open at high what the file closes at medium. */
		*verdict = *below;
	}
	return 0;
}

/* The digits of an enhanced status code's part, 1 to 3 of them; 0 if there are none. */
static size_t status_part(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length <= 3 ? length : 0;
}

bool config_is_reply(const char *reply)
{
	const char *at = reply;
	size_t length;

	if (strlen(reply) > CONFIG_REPLY_LONGEST || at[0] != '4' || !is_digit(at[1]) ||
	    !is_digit(at[2]))
		return false;
	at += 3;
	if (strncmp(at, " 4.", 3) != 0)
		return false;
	at += 3;
	length = status_part(at);
	if (!length || at[length] != '.')
		return false;
	at += length + 1;
	length = status_part(at);
	if (!length || at[length] != ' ' || at[length + 1] <= ' ')
		return false;
	for (; *at; at++)
		if (*at < ' ' || *at > '~')
			return false;
	return true;
}

static int read_reply(cfg_t *block, struct config *config, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "reply", &value, problem);

	if (error || !value)
		return error;
	if (!config_is_reply(value->text))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no reply; allowed: \"4xx 4.y.z TEXT\" in "
						   "plain ASCII, up to %d bytes",
				      value->text, CONFIG_REPLY_LONGEST);
	strcpy(config->reply, value->text);
	return 0;
}

/* A time from AT_LEAST_NS to AT_MOST_NS, in words ALLOWED; "off" is 0. */
static int read_period(cfg_t *block, const char *key, int64_t *ns, int64_t at_least_ns,
		       int64_t at_most_ns, const char *allowed, struct config_problem *problem)
{
	const struct config_value *value;
	int64_t read = 0;
	int error = config_single(block, key, &value, problem);

	if (error || !value)
		return error;
	if (strcmp(value->text, "off") != 0 &&
	    (duration_parse(value->text, &read) || read < at_least_ns || read > at_most_ns))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " does not fit '%s'; allowed: %s, in " TIME_UNITS
						   ", or \"off\"",
				      value->text, key, allowed);
	*ns = read;
	return 0;
}

static int read_admission(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	cfg_t *block = config_block(tree, "admission");
	int error = 0;

	if (!block)
		return 0;
	for (int level = LEVEL_MEDIUM; level < LEVELS && !error; level++)
		error = read_level(config_block(block, level_name(level)), level, config, problem);
	if (!error)
		error = read_reply(block, config, problem);
	if (!error)
		error = read_period(block, "ramp", &config->ramp_ns, 0, RAMP_LONGEST_NS,
				    "a time from \"0s\" to \"1h\"", problem);
	return error;
}

static int read_address(cfg_t *block, struct config *config, struct config_problem *problem)
{
	static const char prefix[] = "unix:/";
	const struct config_value *value;
	int error = config_single(block, "address", &value, problem);

	if (error || !value)
		return error;
	/* The prefix's slash belongs to the path; the path may not end in one. */
	if (strncmp(value->text, prefix, strlen(prefix)) != 0 ||
	    value->text[strlen(value->text) - 1] == '/' ||
	    strlen(value->text) - strlen("unix:") >= sizeof(config->state.path))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no address of the state socket; allowed: "
						   "\"unix:/PATH\", PATH up to %zu bytes",
				      value->text, sizeof(config->state.path) - 1);
	strcpy(config->state.path, value->text + strlen("unix:"));
	return 0;
}

int config_mode(cfg_t *block, mode_t *mode, struct config_problem *problem)
{
	const struct config_value *value;
	size_t length;
	int error = config_single(block, "mode", &value, problem);

	if (error || !value)
		return error;
	length = strlen(value->text);
	if (length < 3 || length > 4 || value->text[strspn(value->text, "01234567")] ||
	    (length == 4 && value->text[0] != '0'))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE
				      " is no mode; allowed: octal \"0000\" to \"0777\"",
				      value->text);
	*mode = (mode_t)strtoul(value->text, NULL, 8);
	return 0;
}

static int read_state(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	cfg_t *block = config_block(tree, "state");
	int error;

	if (!block)
		return 0;
	error = read_address(block, config, problem);
	if (!error)
		error = config_mode(block, &config->state.mode, problem);
	if (!error)
		error = config_name(block, "group", config->state.group, problem);
	if (!error)
		error = config_name(block, "admin", config->state.admin, problem);
	return error;
}

/* As systemctl shows it (ControlGroup=). "/" in a container is the container's. */
static bool is_cgroup(const char *path)
{
	size_t length;

	if (path[0] != '/')
		return false;
	if (!path[1])
		return true;
	while (*path == '/') {
		length = strcspn(++path, "/");
		if (!length || !strncmp(path, ".", length) || !strncmp(path, "..", length))
			return false;
		path += length;
	}
	return !*path;
}

static int read_cgroup(cfg_t *memory, struct config_cgroup *cgroup, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(memory, "cgroup", &value, problem);

	if (error)
		return error;
	if (value && (!is_cgroup(value->text) || strlen(value->text) >= sizeof(cgroup->path)))
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " is no cgroup; allowed: its path, as in "
						   "\"/system.slice/postfix.service\"",
				      value->text);
	if (value)
		strcpy(cgroup->path, value->text);
	return config_limits(memory, "memory", cgroup->resources, problem);
}

/* The host's resources. */
static int read_host(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	cfg_t *memory = config_block(tree, "memory"), *io = config_block(tree, "io");
	int error = 0;

	if (memory)
		error = config_limits(memory, "memory", config->host, problem);
	if (!error && memory)
		error = read_cgroup(memory, &config->memory_cgroup, problem);
	if (!error && io)
		error = config_limits(io, "io", config->host, problem);
	return error;
}

int config_rules(cfg_t *tree, struct config *config, struct config_problem *problem)
{
	int error;

	error = read_mode(tree, config, problem);
	if (!error)
		error = config_name(tree, "user", config->user, problem);
	if (!error)
		error = read_period(tree, "stuck", &config->stuck_ns, STUCK_SHORTEST_NS,
				    STUCK_LONGEST_NS, "a time from \"1min\" to \"30d\"", problem);
	if (!error)
		error = read_titled(tree, config, problem);
	if (!error)
		error = read_host(tree, config, problem);
	if (!error)
		error = config_networks(tree, config, problem);
	if (!error)
		error = read_admission(tree, config, problem);
	if (!error)
		error = config_gates(tree, config, problem);
	if (!error)
		error = read_state(tree, config, problem);
	if (!error)
		error = config_listeners(tree, config, problem);
	return error;
}
