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

#define LONGEST_S (7 * 24 * 3600)
#define LOAD_MS	  1000

static int name_beside(char name[PATH_MAX], const char *socket)
{
	int length = snprintf(name, PATH_MAX, "%s.override", socket);

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int64_t left_s(const struct override *override, int64_t now)
{
	int64_t left_ns = override->until_ns - now;

	return left_ns > 0 ? (left_ns + NS_PER_S - 1) / NS_PER_S : 0;
}

/* Wall-clock time: our monotonic one would do as well, but nobody could read it. */
static struct json_object *object_of(const struct override *override, int64_t now)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	json_object_object_add(object, "level",
			       json_object_new_string(level_name(override->level)));
	json_object_object_add(object, "until",
			       json_object_new_int64(time(NULL) + left_s(override, now)));
	json_object_object_add(object, "reason", json_object_new_string(override->reason));
	json_object_object_add(object, "by", json_object_new_string(override->by));
	return object;
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
	object = object_of(override, now);
	if (object)
		filer_write(filer, name, json_object_to_json_string(object), what);
	else
		log_warning("%s: %s", what, strerror(ENOMEM));
	json_object_put(object);
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text = json_object_get_string(json_object_object_get(object, key));

	return text ? text : "";
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
	struct override *override = &loading->override;
	struct json_object *object;
	char name[PATH_MAX];
	int64_t seconds;
	int error;

	error = name_beside(name, loading->socket);
	if (error)
		return error;
	object = read_file(name, &error);
	if (!object)
		return error;
	error = level_parse(text_of(object, "level"), &override->level);
	seconds = json_object_get_int64(json_object_object_get(object, "until")) - time(NULL);
	snprintf(override->reason, sizeof(override->reason), "%s", text_of(object, "reason"));
	snprintf(override->by, sizeof(override->by), "%s", text_of(object, "by"));
	json_object_put(object);
	if (error || seconds > LONGEST_S)
		return -EINVAL;
	if (seconds <= 0)
		return -ENOENT;
	override->until_ns = loading->now + seconds * NS_PER_S;
	override->active = true;
	return 0;
}

int override_load(const char *socket, struct override *override, int64_t now)
{
	struct loading loading = { .socket = socket, .now = now };
	int error = apart(load, &loading, sizeof(loading), -1, LOAD_MS);

	*override = loading.override;
	return error;
}
