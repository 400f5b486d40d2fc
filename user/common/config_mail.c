/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which filesystems take mail: a message has to fit into those. A tight /var/log is a reason to
 * take none, once its level says so; before, it is none to refuse a large one for the spool.
 */
#include "common/config_parts.h"

#include <string.h>

bool config_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (!strcmp(directory, "/"))
		return true;
	return !strncmp(path, directory, length) && (!path[length] || path[length] == '/');
}

int config_mail(cfg_t *block, enum config_mail *mail, struct config_problem *problem)
{
	const struct config_value *value;
	int error = config_single(block, "mail", &value, problem);

	if (error || !value)
		return error;
	if (!strcmp(value->text, "true"))
		*mail = CONFIG_MAIL_YES;
	else if (!strcmp(value->text, "false"))
		*mail = CONFIG_MAIL_NO;
	else
		return config_problem(problem, value->line,
				      CONFIG_QUOTE " does not fit 'mail'; allowed: true, false",
				      value->text);
	return 0;
}

/* "/var/log", "/srv/logs/mail": a part of the path is called so. */
static bool is_log(const char *path)
{
	while (*path) {
		size_t length = strcspn(++path, "/");

		if ((length == 3 && !strncmp(path, "log", 3)) ||
		    (length == 4 && !strncmp(path, "logs", 4)))
			return true;
		path += length;
	}
	return false;
}

/* The filesystem that PATH is below of, by the longest path of all; NULL: none. */
static struct config_filesystem *find_filesystem(struct config *config, const char *path)
{
	struct config_filesystem *found = NULL;

	for (unsigned int i = 0; i < config->filesystem_count; i++) {
		struct config_filesystem *filesystem = &config->filesystems[i];

		if (config_is_below(path, filesystem->path) &&
		    (!found || strlen(filesystem->path) > strlen(found->path)))
			found = filesystem;
	}
	return found;
}

static bool is_spool(const char *path)
{
	if (!strcmp(path, "/var/spool"))
		return true;
	for (size_t i = 0; i < CONFIG_SPOOLS; i++)
		if (config_is_below(path, config_spools[i]))
			return true;
	return false;
}

void config_mail_settle(struct config *config)
{
	for (unsigned int i = 0; i < config->queue_count; i++) {
		struct config_filesystem *filesystem =
			find_filesystem(config, config->queues[i].path);

		if (filesystem && filesystem->mail == CONFIG_MAIL_UNKNOWN)
			filesystem->mail = CONFIG_MAIL_YES;
	}
	for (unsigned int i = 0; i < config->filesystem_count; i++) {
		struct config_filesystem *filesystem = &config->filesystems[i];

		if (filesystem->mail != CONFIG_MAIL_UNKNOWN)
			continue;
		if (is_spool(filesystem->path))
			filesystem->mail = CONFIG_MAIL_YES;
		else if (is_log(filesystem->path))
			filesystem->mail = CONFIG_MAIL_LOG;
	}
}

bool config_takes_mail(const struct config *config, unsigned int index)
{
	enum config_mail best = CONFIG_MAIL_UNKNOWN;

	for (unsigned int i = 0; i < config->filesystem_count; i++)
		if (config->filesystems[i].mail > best)
			best = config->filesystems[i].mail;
	return config->filesystems[index].mail == best;
}
