/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libconfuse: what blocks and options there are (the resources' from their table), and
 * the tree that a text gives.
 */
#include "common/config_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct reading {
	const struct config_text *text;
	struct config_problem *problem;
	size_t closed; /* blocks so far */
};

/* libconfuse hands its callbacks no pointer of the caller's. Set during config_tree_parse() only.
 */
static struct reading *reading;

struct hint {
	const char *format; /* how libconfuse's message begins */
	const char *allowed;
};

static const struct hint hints[] = {
	{ "missing equal sign", "NAME = VALUE" },
	{ "missing opening brace", "NAME { … }" },
	{ "missing title", "NAME \"TITLE\" { … }" },
	{ "found duplicate title", "one block for each" },
};

static void list_names(char *names, size_t size, const cfg_t *block)
{
	size_t length = 0;

	names[0] = '\0';
	for (const cfg_opt_t *option = block->opts; option->name && length < size; option++)
		length += (size_t)snprintf(names + length, size - length, "%s%s",
					   length ? ", " : "", option->name);
}

static void report_unknown(const cfg_t *block, const char *message)
{
	unsigned int line = (unsigned int)block->line;
	char names[256];

	list_names(names, sizeof(names), block);
	if (block->title)
		config_problem(reading->problem, line, "%s in '%s \"%.80s\"'; allowed: %s", message,
			       block->name, block->title, names);
	else if (strcmp(block->name, "root") != 0)
		config_problem(reading->problem, line, "%s in '%s'; allowed: %s", message,
			       block->name, names);
	else
		config_problem(reading->problem, line, "%s; allowed: %s", message, names);
}

static void report(cfg_t *block, const char *format, va_list args)
{
	char message[160];

	vsnprintf(message, sizeof(message), format, args);
	if (!strncmp(format, "no such option", strlen("no such option"))) {
		report_unknown(block, message);
		return;
	}
	for (size_t i = 0; i < LENGTH(hints); i++) {
		if (!strncmp(format, hints[i].format, strlen(hints[i].format))) {
			config_problem(reading->problem, (unsigned int)block->line,
				       "%s; allowed: %s", message, hints[i].allowed);
			return;
		}
	}
	config_problem(reading->problem, (unsigned int)block->line, "%s", message);
}

/*
 * Keep a value with its line. A new assignment has emptied the option, so a first value
 * to an option that had one is a second assignment; `def.number`, which options of our
 * type have no other use for, holds the line of the first.
 */
static int keep_value(cfg_t *block, cfg_opt_t *option, const char *text, void *result)
{
	size_t size = strlen(text) + 1;
	struct config_value *value;

	if (option->nvalues == 1 && option->def.number) {
		config_problem(reading->problem, (unsigned int)block->line,
			       "'%s' is given twice (first in line %ld); allowed: once in a block",
			       option->name, option->def.number);
		return -1;
	}
	value = malloc(sizeof(*value) + size);
	if (!value)
		return -1;
	value->line = (unsigned int)block->line;
	memcpy(value->text, text, size);
	option->def.number = block->line;
	*(struct config_value **)result = value;
	return 0;
}

/* How many blocks of that name a parent may have. */
static unsigned int limit_of(const cfg_opt_t *option)
{
	if (!strcmp(option->name, "gate"))
		return CONFIG_GATES;
	if (!(option->flags & CFGF_TITLE))
		return 1;
	if (!strcmp(option->name, "listen"))
		return CONFIG_LISTENERS;
	return strcmp(option->name, "queue") ? CONFIG_FILESYSTEMS : CONFIG_QUEUES;
}

/* A block is complete: give it the line it opened in, and see that it is not one too many. */
static int close_block(cfg_t *parent, cfg_opt_t *option)
{
	unsigned int count = cfg_opt_size(option);
	unsigned int line = reading->text->opened[reading->closed++];
	unsigned int limit = limit_of(option);

	(void)parent;
	cfg_opt_getnsec(option, count - 1)->line = (int)line;
	if (count <= limit)
		return 0;
	if (limit == 1)
		config_problem(reading->problem, line,
			       "block '%s' is given twice (first in line %d); allowed: once",
			       option->name, cfg_opt_getnsec(option, 0)->line);
	else
		config_problem(reading->problem, line, "too many '%s' blocks; allowed: %u",
			       option->name, limit);
	return -1;
}

static cfg_opt_t option_of(const char *name)
{
	return (cfg_opt_t){
		.name = name,
		.type = CFGT_PTR,
		.flags = CFGF_LIST | CFGF_NODEFAULT,
		.parsecb = keep_value,
		.freecb = free,
	};
}

/* All blocks are CFGF_MULTI: a second one must show, and an absent one must stay absent. */
static cfg_opt_t block_of(const char *name, cfg_opt_t *options, cfg_flag_t flags)
{
	return (cfg_opt_t){
		.name = name,
		.type = CFGT_SEC,
		.flags = CFGF_MULTI | flags,
		.subopts = options,
		.validcb = close_block,
	};
}

static void resource_blocks(cfg_opt_t *blocks, const char *section, cfg_opt_t *options)
{
	for (int id = 0; id < RESOURCE_IDS; id++)
		if (!strcmp(resource_type(id)->section, section))
			*blocks++ = block_of(resource_type(id)->key, options, CFGF_NONE);
}

/* Options end at the first without a name, so every array has one more than it needs. */
static cfg_t *make_root(void)
{
	cfg_opt_t limits[] = { option_of("medium"),
			       option_of("high"),
			       option_of("leave-medium"),
			       option_of("leave-high"),
			       option_of("sustain"),
			       option_of("dwell"),
			       CFG_END() };
	cfg_opt_t filesystem[RESOURCE_IDS + 2] = { option_of("mail"), CFG_END() };
	cfg_opt_t queue[RESOURCE_IDS + 1] = { CFG_END() };
	cfg_opt_t memory[RESOURCE_IDS + 2] = { option_of("cgroup"), CFG_END() };
	cfg_opt_t io[RESOURCE_IDS + 1] = { CFG_END() };
	cfg_opt_t classes[] = { option_of("internal"), CFG_END() };
	cfg_opt_t verdicts[CLASSES + 1] = { CFG_END() };
	cfg_opt_t admission[] = { block_of(level_name(LEVEL_MEDIUM), verdicts, CFGF_NONE),
				  block_of(level_name(LEVEL_HIGH), verdicts, CFGF_NONE),
				  option_of("reply"), option_of("ramp"), CFG_END() };
	cfg_opt_t state[] = { option_of("address"), option_of("mode"), option_of("group"),
			      option_of("admin"), CFG_END() };
	cfg_opt_t gate[] = { option_of("ports"), option_of("submission-ports"),
			     option_of("lease"), option_of("reply"),
			     option_of("host"),	 option_of("netns"),
			     CFG_END() };
	cfg_opt_t listener[] = {
		option_of("protocol"), option_of("address"), option_of("mode"), option_of("owner"),
		option_of("group"),    option_of("timeout"), CFG_END()
	};
	cfg_opt_t root[] = {
		option_of("mode"),
		option_of("user"),
		option_of("stuck"),
		block_of("filesystem", filesystem, CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		block_of("queue", queue, CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		block_of("memory", memory, CFGF_NONE),
		block_of("io", io, CFGF_NONE),
		block_of("classes", classes, CFGF_NONE),
		block_of("admission", admission, CFGF_NONE),
		block_of("gate", gate, CFGF_NONE),
		block_of("state", state, CFGF_NONE),
		block_of("listen", listener, CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_END(),
	};

	for (int id = 0; id < CLASSES; id++)
		verdicts[id] = option_of(class_name(id));
	resource_blocks(filesystem + 1, "filesystem", limits);
	resource_blocks(queue, "queue", limits);
	resource_blocks(memory + 1, "memory", limits);
	resource_blocks(io, "io", limits);
	return cfg_init(root, CFGF_NONE); /* which copies all of it */
}

int config_tree_parse(cfg_t **tree, const struct config_text *text, struct config_problem *problem)
{
	struct reading now = { .text = text, .problem = problem };
	cfg_t *root = make_root();
	int result;

	if (!root)
		return -ENOMEM;
	cfg_set_error_function(root, report);
	reading = &now;
	result = cfg_parse_buf(root, text->text);
	reading = NULL;
	if (result == CFG_SUCCESS) {
		*tree = root;
		return 0;
	}
	cfg_free(root);
	/* libconfuse explains all it refuses; without an explanation it ran out of memory. */
	return problem->found ? -EINVAL : -ENOMEM;
}

int config_count(cfg_t *block, const char *key)
{
	cfg_opt_t *option = cfg_getopt(block, key);
	unsigned int count = cfg_opt_size(option);

	if (!count)
		return -1;
	if (count == 1 && !strcmp(config_value(block, key, 0)->text, CONFIG_EMPTY_LIST))
		return 0;
	return (int)count;
}

const struct config_value *config_value(cfg_t *block, const char *key, unsigned int index)
{
	return cfg_getnptr(block, key, index);
}

int config_single(cfg_t *block, const char *key, const struct config_value **value,
		  struct config_problem *problem)
{
	int count = config_count(block, key);

	*value = config_value(block, key, 0);
	if (count < 0 || count == 1)
		return 0;
	return config_problem(problem, (*value)->line, "'%s' is a list of %d; allowed: one value",
			      key, count);
}

cfg_t *config_block(cfg_t *parent, const char *key)
{
	return cfg_opt_getnsec(cfg_getopt(parent, key), 0);
}
