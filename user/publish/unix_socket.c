/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A socket file: made with the right mode from the first moment, in place of one that a dead
 * daemon left, never in place of anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/apart.h"
#include "common/log.h"
#include "common/user.h"
#include "publish/unix_socket.h"

#define PLACE_MS      5000
#define OWN_DIRECTORY "/run/spoolgate"
#define UNIX_PATH     sizeof(((struct sockaddr_un *)0)->sun_path)
#define NOBODY	      ((uid_t)-1) /* and chown(2) leaves it as it is */

/* Who tries again and again has told what is wrong, and tells what comes of it. */
#define say(rule, log, ...)               \
	do {                              \
		if (!(rule)->again)       \
			log(__VA_ARGS__); \
	} while (0)

/* The daemon removes its socket as the user it becomes, which takes writing the directory. */
static void give_open(int directory, const char *path, const struct unix_socket_rule *rule)
{
	uid_t uid = rule->user_uid;
	gid_t gid = rule->user_gid;

	if (!rule->known)
		user_find(rule->user, &uid, &gid);
	/* Given first: who may give and is not root may set the mode of what is their own. */
	if ((!geteuid() || rule->known) && fchown(directory, uid, gid))
		say(rule, log_warning, "%s: cannot give it to user %s: %s", path, rule->user,
		    strerror(errno));
	if (fchmod(directory, 0755))
		say(rule, log_warning, "%s: cannot set mode 0755: %s", path, strerror(errno));
}

static bool has_our_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && !strcmp(slash + 1, "spoolgate");
}

/*
 * By its descriptor: what is above it may be another user's, who may have put a link or another
 * directory in its place by now. OWNER is whose it still is.
 */
static void give_directory(const char *path, uid_t owner, const struct unix_socket_rule *rule)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (directory < 0)
		return;
	if (!fstat(directory, &st) && st.st_uid == owner)
		give_open(directory, path, rule);
	close(directory);
}

/*
 * The one directory that was there before and is taken over: a service manager made it for us, or a
 * start of ours when there was no user yet. Any other is somebody's, whatever its name.
 */
static void take_own(const char *path, const struct unix_socket_rule *rule)
{
	struct stat st;

	if (!strcmp(path, OWN_DIRECTORY) && !lstat(path, &st) && (st.st_mode & 07777) == 0755 &&
	    (!st.st_uid || user_is_stand_in(st.st_uid)))
		give_directory(path, st.st_uid, rule);
}

/* PATH is its directory's then: false where that is the root, which cannot be gone. */
static bool cut_name(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

static bool name_directory(char name[UNIX_PATH], const char *path)
{
	snprintf(name, UNIX_PATH, "%s", path);
	return cut_name(name);
}

/* What was somebody else's and is gone is not ours to make. */
static int check_directory(const struct unix_socket *made, const char *path)
{
	struct stat st;

	if (made->own_directory || has_our_name(path) || !stat(path, &st))
		return 0;
	return -errno;
}

static int make_directory(struct unix_socket *made, const struct unix_socket_rule *rule)
{
	char path[UNIX_PATH];
	int error;

	if (!name_directory(path, made->address.sun_path))
		return 0;
	error = rule->again ? check_directory(made, path) : 0;
	if (error)
		return error;
	if (!mkdir(path, 0755)) {
		made->own_directory = true;
		give_directory(path, geteuid(), rule);
	} else if (errno != EEXIST) {
		error = -errno;
		say(rule, log_error, "%s: cannot make the socket's directory: %s", path,
		    strerror(-error));
		return error;
	} else {
		take_own(path, rule);
	}
	return 0;
}

/* Does someone listen on the socket file that is there? 0: no, it is stale. */
static int probe_socket(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	if (ret == -ECONNREFUSED || ret == -ENOENT)
		return 0;
	/* EAGAIN is a full backlog, EPROTOTYPE another kind of socket: both are alive. */
	return ret == -EACCES || ret == -EPERM ? ret : -EADDRINUSE;
}

static int clear_place(const struct sockaddr_un *address, const struct unix_socket_rule *rule)
{
	const char *path = address->sun_path;
	struct stat there;
	int ret;

	if (lstat(path, &there)) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out;
	}
	if (!S_ISSOCK(there.st_mode)) {
		say(rule, log_error, "%s: is there and is not a socket: not touched", path);
		return -EEXIST;
	}
	ret = probe_socket(address);
	if (ret == -EADDRINUSE) {
		say(rule, log_error, "%s: another program answers there", path);
		return ret;
	}
	if (!ret && unlink(path) && errno != ENOENT)
		ret = -errno;
out:
	if (ret)
		say(rule, log_error, "%s: cannot take the place: %s", path, strerror(-ret));
	return ret;
}

/* Nobody can connect before listen(), so the mode may be the final one from the first moment. */
static int bind_as(int fd, const struct sockaddr_un *address, mode_t mode)
{
	mode_t mask = umask(0777 & ~mode);
	int ret = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

	umask(mask);
	return ret;
}

/* -1, which leaves it as it is, unless we are root and the user is there: then its primary one. */
static gid_t default_group(const struct unix_socket_rule *rule)
{
	const struct passwd *user;

	if (!rule->users_group || !rule->user[0] || geteuid())
		return (gid_t)-1;
	user = getpwnam(rule->user);
	return user ? user->pw_gid : (gid_t)-1;
}

/* Names that are not known are warned of, and -1 is what leaves them as they are. */
static void find_owner(const struct unix_socket_rule *rule, uid_t *uid, gid_t *gid)
{
	const struct passwd *user = rule->owner[0] ? getpwnam(rule->owner) : NULL;
	const struct group *group = rule->group[0] ? getgrnam(rule->group) : NULL;

	if (rule->owner[0] && !user)
		say(rule, log_warning,
		    "%s: user \"%s\" does not exist: the socket keeps the daemon's own", rule->path,
		    rule->owner);
	if (rule->group[0] && !group)
		say(rule, log_warning,
		    "%s: group \"%s\" does not exist: the socket keeps the daemon's own",
		    rule->path, rule->group);
	*uid = user ? user->pw_uid : (uid_t)-1; /* getpwnam() has one buffer for all answers */
	if (rule->group[0])
		*gid = group ? group->gr_gid : (gid_t)-1;
	else
		*gid = default_group(rule);
}

void unix_socket_know(struct unix_socket_rule *rule)
{
	user_find(rule->user, &rule->user_uid, &rule->user_gid);
	find_owner(rule, &rule->uid, &rule->gid);
	/* As it is made by root: the rest is root's, whoever makes it. */
	if (rule->uid == NOBODY && !geteuid())
		rule->uid = 0;
	if (rule->gid == (gid_t)-1 && !geteuid())
		rule->gid = getegid();
	rule->strict = !geteuid();
	rule->known = true;
}

/* FILE is the socket's own inode: its directory may be another user's, who may put a link there. */
static int give_socket(int file, const struct unix_socket_rule *rule)
{
	uid_t uid = rule->uid;
	gid_t gid = rule->gid;
	int error;

	if (!rule->known)
		find_owner(rule, &uid, &gid);
	if ((uid == NOBODY && gid == (gid_t)-1) || !fchownat(file, "", uid, gid, AT_EMPTY_PATH))
		return 0;
	error = -errno;
	say(rule, log_warning, "%s: cannot give it to owner \"%s\", group \"%s\": %s", rule->path,
	    rule->owner, rule->group, strerror(-error));
	return rule->strict ? error : 0;
}

/* 0: nothing is known, and no two are the same then. */
static dev_t device_of(const char *directory)
{
	struct stat st;

	return stat(directory, &st) ? 0 : st.st_dev;
}

/* What has been bound, for as long as it is there. */
static int take_note(struct unix_socket *made, const struct unix_socket_rule *rule)
{
	int file = open(rule->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char directory[UNIX_PATH];
	struct stat st;
	int ret;

	if (file < 0)
		return -errno;
	made->beside = name_directory(directory, rule->path) ? device_of(directory) : 0;
	ret = fstat(file, &st) ? -errno : 0;
	if (!ret && !S_ISSOCK(st.st_mode))
		ret = -ENOTSOCK;
	if (!ret) {
		made->device = st.st_dev;
		made->inode = st.st_ino;
		ret = give_socket(file, rule);
	}
	close(file);
	return ret;
}

int unix_socket_place(struct unix_socket *made, const struct unix_socket_rule *rule)
{
	int ret;

	ret = make_directory(made, rule);
	if (!ret)
		ret = clear_place(&made->address, rule);
	if (ret)
		return ret;
	ret = bind_as(made->fd, &made->address, rule->mode);
	if (!ret)
		ret = take_note(made, rule);
	if (!ret && listen(made->fd, rule->backlog))
		ret = -errno;
	if (ret)
		say(rule, log_error, "%s: cannot listen: %s", rule->path, strerror(-ret));
	return ret;
}

/* Of the directory of the file at PATH, or of the nearest above it that there is. */
static dev_t device_beside(const char *path)
{
	char directory[UNIX_PATH];
	dev_t device = 0;

	snprintf(directory, sizeof(directory), "%s", path);
	while (!device && cut_name(directory))
		device = device_of(directory);
	return device;
}

enum unix_socket_found unix_socket_find(const struct unix_socket *made)
{
	const char *path = made->address.sun_path;
	bool there = true;
	struct stat st;
	dev_t beside;

	if (lstat(path, &st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			return SOCKET_HERE;
		there = false;
	}
	if (there && st.st_dev == made->device && st.st_ino == made->inode)
		return SOCKET_HERE;
	beside = device_beside(path);
	if (beside && made->beside && beside != made->beside)
		return SOCKET_HIDDEN;
	return there ? SOCKET_REPLACED : SOCKET_REMOVED;
}

int unix_socket_new(struct unix_socket *made, const char *path)
{
	memset(made, 0, sizeof(*made));
	made->address.sun_family = AF_UNIX;
	strncpy(made->address.sun_path, path, sizeof(made->address.sun_path) - 1);
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return made->fd < 0 ? -errno : 0;
}

void unix_socket_remove(struct unix_socket *made)
{
	const char *path = made->address.sun_path;
	struct stat there;

	if (made->inode && !lstat(path, &there) && there.st_dev == made->device &&
	    there.st_ino == made->inode)
		unlink(path);
	made->inode = 0;
}

struct placing {
	struct unix_socket made;
	const struct unix_socket_rule *rule;
};

static int place_here(void *data)
{
	struct placing *placing = data;
	int ret = unix_socket_place(&placing->made, placing->rule);

	if (ret)
		unix_socket_remove(&placing->made);
	return ret;
}

/* The socket is ours and the process's: what that binds is bound. */
int unix_socket_place_apart(struct unix_socket *made, const struct unix_socket_rule *rule)
{
	struct placing placing = { .made = *made, .rule = rule };
	int ret = apart(place_here, &placing, sizeof(placing), made->fd, PLACE_MS);

	made->device = placing.made.device;
	made->inode = placing.made.inode;
	made->beside = placing.made.beside;
	made->own_directory = placing.made.own_directory;
	return ret;
}

void unix_socket_close(struct unix_socket *made)
{
	if (made->fd < 0)
		return;
	unix_socket_remove(made);
	close(made->fd);
	made->fd = -1;
}
