/* SPDX-License-Identifier: GPL-2.0-only */
/* The override on disk. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/apart.h"
#include "common/log.h"
#include "common/user.h"
#include "daemon/override.h"
#include "publish/filer.h"

#define LOAD_MS 1000

static int name_beside(char name[PATH_MAX], const char *socket)
{
	int length = snprintf(name, PATH_MAX, "%s.override", socket);

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

void override_save(struct filer *filer, const char *socket, const struct override *override,
		   int64_t now)
{
	struct json_object *object;
	char name[PATH_MAX], what[PATH_MAX + 64];

	if (name_beside(name, socket))
		return;
	if (!override->active) {
		snprintf(what, sizeof(what),
			 "the former override comes back at a restart, remove %s", name);
		filer_write(filer, name, NULL, what);
		return;
	}
	snprintf(what, sizeof(what), "the override is not kept over a restart: %s", name);
	object = override_object(override, time(NULL), now);
	if (object)
		filer_write(filer, name, json_object_to_json_string(object), what);
	else
		log_warning("%s: %s", what, strerror(ENOMEM));
	json_object_put(object);
}

struct loading {
	const char *socket;
	uid_t uid; /* whom we become */
	gid_t gid;
	int64_t now;
	struct override override;
};

static bool see_directory(const char *name, struct stat *st)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", name);
	slash = strrchr(directory, '/');
	if (!slash)
		return false;
	slash[slash == directory] = '\0';
	return !stat(directory, st);
}

/* Only a file of root's, our own, or the directory's owner is believed. */
static bool is_believed(const char *name, const struct stat *file, const struct loading *loading)
{
	struct stat directory;

	return !file->st_uid || file->st_uid == geteuid() || file->st_uid == loading->uid ||
	       user_is_stand_in(file->st_uid) ||
	       (see_directory(name, &directory) && file->st_uid == directory.st_uid);
}

static struct json_object *read_file(const char *name, const struct loading *loading, int *error)
{
	struct json_object *object = NULL;
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0) {
		*error = -errno;
		return NULL;
	}
	*error = -EINVAL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size < 4096 &&
	    is_believed(name, &st, loading)) {
		if (st.st_size)
			object = json_object_from_fd(fd);
		else
			*error = -ENOENT; /* there is one to write to, and none in it */
	}
	close(fd);
	return object;
}

/*
 * In a directory of root's a user can make no file: there is one for the filer to write to, where
 * nobody but root may have put anything in its place.
 */
static void prepare(const char *name, const struct loading *loading)
{
	struct stat st;
	int fd;

	if (geteuid() || !see_directory(name, &st) || st.st_uid || st.st_mode & 022 ||
	    !filer_way_is_roots(loading->socket))
		return;
	fd = open(name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1)
		(void)!fchown(fd, loading->uid, loading->gid);
	close(fd);
}

static int load(void *data)
{
	struct loading *loading = data;
	struct json_object *object;
	char name[PATH_MAX];
	int error;

	error = name_beside(name, loading->socket);
	if (error)
		return error;
	object = read_file(name, loading, &error);
	prepare(name, loading);
	if (!object)
		return error;
	error = override_parse(&loading->override, object, time(NULL), loading->now);
	json_object_put(object);
	return error;
}

int override_load(const struct config *config, struct override *override, int64_t now)
{
	struct loading loading = { .socket = config->state.path, .now = now };
	int error;

	user_find(config->user, &loading.uid, &loading.gid);
	error = apart(load, &loading, sizeof(loading), -1, LOAD_MS);

	*override = loading.override;
	return error;
}
