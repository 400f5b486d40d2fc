/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration as a whole: its defaults, and reading a file over them. */
#include "common/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/apart.h"
#include "common/config_parts.h"

#define SPOOL_MS 1000

/*
 * Whatever is not named is accepted. Internal mail is, even at high: a content filter
 * that cannot hand its mail back stops the queue from draining.
 */
static const struct config_verdict admission[LEVELS][CLASSES] = {
	[LEVEL_MEDIUM] = { [CLASS_INBOUND] = { .kind = VERDICT_DEFER } },
	[LEVEL_HIGH] = { [CLASS_INBOUND] = { .kind = VERDICT_DEFER },
			 [CLASS_SUBMISSION] = { .kind = VERDICT_DEFER } },
};

/*
 * On a whole host any user can have their own processes killed. A kill in the mail server's
 * cgroup is its own.
 */
static const struct threshold any_kill = { 1, { { QUANTITY_COUNT, 0 } } };

static void set_thresholds(struct thresholds *thresholds)
{
	for (int id = 0; id < RESOURCE_IDS; id++)
		thresholds[id] = resource_type(id)->defaults;
}

static void add_filesystem(struct config *config, const char *path, enum config_mail mail)
{
	struct config_filesystem *filesystem = &config->filesystems[config->filesystem_count++];

	strcpy(filesystem->path, path);
	filesystem->mail = mail;
	set_thresholds(filesystem->resources);
}

const char *const config_spools[CONFIG_SPOOLS] = {
	"/var/spool/postfix",
	"/var/spool/exim4",
	"/var/spool/smtpd",
	"/var/spool/mqueue",
};

struct search {
	size_t first, end; /* of the spools that are looked for */
	bool found[CONFIG_SPOOLS];
};

static int look_for(void *data)
{
	struct search *search = data;
	struct stat st;

	for (size_t i = search->first; i < search->end; i++)
		search->found[i] = !stat(config_spools[i], &st) && S_ISDIR(st.st_mode);
	return 0;
}

/*
 * A spool that does not answer is there, and will be shown as stalled: one look for all of them,
 * and when it does not come back one for each.
 */
static void find_spools(struct search *found)
{
	*found = (struct search){ .end = CONFIG_SPOOLS };
	if (!apart(look_for, found, sizeof(*found), -1, SPOOL_MS))
		return;
	for (size_t i = 0; i < CONFIG_SPOOLS; i++) {
		struct search one = { .first = i, .end = i + 1 };

		found->found[i] = apart(look_for, &one, sizeof(one), -1, SPOOL_MS) || one.found[i];
	}
}

static void add_filesystems(struct config *config)
{
	struct search found;

	find_spools(&found);
	for (size_t i = 0; i < CONFIG_SPOOLS; i++)
		if (found.found[i])
			add_filesystem(config, config_spools[i], CONFIG_MAIL_YES);
	if (!config->filesystem_count)
		add_filesystem(config, "/var/spool", CONFIG_MAIL_YES);
	add_filesystem(config, "/var/log", CONFIG_MAIL_LOG);
	config->found = true;
}

/* All but the filesystems, which must be looked for. */
static void set_defaults(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->mode = MODE_ENFORCE;
	set_thresholds(config->host);
	set_thresholds(config->memory_cgroup.resources);
	config->memory_cgroup.resources[RESOURCE_OOM_KILL].enter[LEVEL_HIGH] = any_kill;
	config->internal_count = NETWORK_LOOPBACKS;
	memcpy(config->internal, network_loopback, sizeof(network_loopback));
	memcpy(config->admission, admission, sizeof(admission));
	config->ramp_ns = 60 * NS_PER_S;
	config->stuck_ns = 3600 * NS_PER_S;
	strcpy(config->reply, "452 4.3.1 Insufficient system resources");
	strcpy(config->state.path, CONFIG_SOCKET);
	config->state.mode = 0660;
	strcpy(config->user, "spoolgate");
}

void config_default(struct config *config)
{
	set_defaults(config);
	add_filesystems(config);
}

/* From the bytes of the file to the configuration; what does not fit into memory is left unsaid. */
static int read_bytes(struct config *config, const char *bytes, size_t length,
		      struct config_problem *problem)
{
	struct config_text text;
	cfg_t *tree;
	int error;

	error = config_text_make(&text, bytes, length, problem);
	if (error)
		return error;
	error = config_tree_parse(&tree, &text, problem);
	config_text_free(&text);
	if (error)
		return error;
	error = config_rules(tree, config, problem);
	cfg_free(tree);
	return error;
}

static int read_file(struct config *config, struct config_problem *problem)
{
	char *bytes;
	size_t length;
	int error;

	error = config_file_read(&bytes, &length, problem);
	if (error)
		return error;
	error = read_bytes(config, bytes, length, problem);
	free(bytes);
	return error;
}

int config_read(struct config *config, const char *file, char *error, size_t error_size)
{
	struct config_problem problem = { .file = file, .text = error, .size = error_size };
	struct config *read = malloc(sizeof(*read));
	int result = -ENOMEM;

	if (read) {
		set_defaults(read);
		result = read_file(read, &problem);
	}
	if (result) {
		config_problem(&problem, 0, "cannot be read: %s", strerror(-result));
	} else {
		/* The embedded default's, and only then are they looked for. */
		if (!read->filesystem_count)
			add_filesystems(read);
		snprintf(read->file, sizeof(read->file), "%s", file);
		*config = *read;
	}
	free(read);
	return result;
}
