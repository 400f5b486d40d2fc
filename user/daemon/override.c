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

/* Whose the directory of NAME is: the user's that we will be, by the time we are to write there. */
static uid_t owner_of_directory(const char *name)
{
	char directory[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(directory, sizeof(directory), "%s", name);
	slash = strrchr(directory, '/');
	if (!slash)
		return 0;
	slash[slash == directory] = '\0';
	return stat(directory, &st) ? 0 : st.st_uid;
}

/* Only a file of root's, our own, or the directory's owner is believed. */
static struct json_object *read_file(const char *name, int *error)
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
	    (!st.st_uid || st.st_uid == geteuid() || st.st_uid == owner_of_directory(name)))
		object = json_object_from_fd(fd);
	close(fd);
	return object;
}

struct loading {
	const char *socket;
	int64_t now;
	struct override override;
};

static int load(void *data)
{
	struct loading *loading = data;
	struct json_object *object;
	char name[PATH_MAX];
	int error;

	error = name_beside(name, loading->socket);
	if (error)
		return error;
	object = read_file(name, &error);
	if (!object)
		return error;
	error = override_parse(&loading->override, object, time(NULL), loading->now);
	json_object_put(object);
	return error;
}

int override_load(const char *socket, struct override *override, int64_t now)
{
	struct loading loading = { .socket = socket, .now = now };
	int error = apart(load, &loading, sizeof(loading), -1, LOAD_MS);

	*override = loading.override;
	return error;
}
