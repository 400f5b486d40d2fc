/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the placer knows from the start, and does with privileges: the sockets that were configured
 * then. What the daemon asks later is by number, so that who gets hold of the daemon can have
 * those sockets made again, and nothing else.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish/filer_internal.h"

#define LINKS_MOST 8

int filer_known_take(struct filer_known *known, const struct filer_placer *placer)
{
	if (placer->count > FILER_SOCKETS)
		return -E2BIG;
	known->count = placer->count;
	known->raise = placer->raise;
	for (unsigned int i = 0; i < placer->count; i++) {
		const struct unix_socket_rule *rule = &placer->rules[i];

		snprintf(known->names[i].path, FILER_PATH, "%s", rule->path);
		snprintf(known->names[i].owner, CONFIG_NAME, "%s", rule->owner);
		snprintf(known->names[i].group, CONFIG_NAME, "%s", rule->group);
		snprintf(known->names[i].user, CONFIG_NAME, "%s", rule->user);
		known->rules[i] = *rule;
		known->rules[i].path = known->names[i].path;
		known->rules[i].owner = known->names[i].owner;
		known->rules[i].group = known->names[i].group;
		known->rules[i].user = known->names[i].user;
		unix_socket_know(&known->rules[i]); /* while a name service may be waited for */
	}
	return 0;
}

unsigned int filer_known_find(const struct filer_known *known, const struct unix_socket_rule *rule)
{
	for (unsigned int i = 0; i < known->count; i++) {
		const struct unix_socket_rule *other = &known->rules[i];

		if (!strcmp(other->path, rule->path) && other->mode == rule->mode &&
		    !strcmp(other->owner, rule->owner) && !strcmp(other->group, rule->group))
			return i + 1;
	}
	return 0;
}

unsigned int filer_known_path(const struct filer_known *known, const char *path)
{
	for (unsigned int i = 0; i < known->count; i++)
		if (!strcmp(known->rules[i].path, path))
			return i + 1;
	return 0;
}

/*
 * Nobody but root may put something else in the place of what is in this directory. In a STICKY
 * one others may make what is not there, but not what is root's.
 */
static bool is_roots(const struct stat *st, bool *sticky)
{
	*sticky = st->st_mode & 022;
	return S_ISDIR(st->st_mode) && !st->st_uid && (!*sticky || st->st_mode & S_ISVTX);
}

/* PATH with what the link of its first LENGTH bytes points to in their place. */
static bool follow(char path[PATH_MAX], size_t length)
{
	char link[PATH_MAX], target[PATH_MAX], whole[3 * PATH_MAX];
	ssize_t size;

	snprintf(link, sizeof(link), "%.*s", (int)length, path);
	size = readlink(link, target, sizeof(target) - 1);
	if (size <= 0)
		return false;
	target[size] = '\0';
	*strrchr(link, '/') = '\0';
	if (target[0] == '/')
		link[0] = '\0';
	snprintf(whole, sizeof(whole), "%s/%s%s", link, target, path + length);
	if (strlen(whole) >= PATH_MAX)
		return false;
	strcpy(path, whole);
	return true;
}

bool filer_way_is_roots(const char *socket)
{
	char path[PATH_MAX], part[PATH_MAX];
	unsigned int links = 0;
	bool sticky;
	struct stat st;
	char *slash;

	snprintf(path, sizeof(path), "%s", socket);
	if (path[0] != '/' || lstat("/", &st) || !is_roots(&st, &sticky))
		return false;
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		bool is_directory = !strchr(slash + 1, '/');

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (lstat(part, &st))
			return is_directory && errno == ENOENT && !sticky;
		if (sticky && st.st_uid)
			return false;
		if (S_ISLNK(st.st_mode)) {
			if (st.st_uid || ++links > LINKS_MOST ||
			    !follow(path, (size_t)(slash - path)))
				return false;
			slash = path; /* all of it anew */
			sticky = false;
			continue;
		}
		if (is_directory)
			return S_ISDIR(st.st_mode);
		if (!is_roots(&st, &sticky))
			return false;
	}
	return true;
}
