/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A socket file: made with the right mode from the first moment, in place of one that a dead
 * daemon left, never in place of anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/apart.h"
#include "common/log.h"
#include "publish/unix_socket.h"

#define PLACE_MS 5000

/* The daemon removes its socket as the user it becomes, which takes writing the directory. */
static void give_open(int directory, const char *path, const char *name)
{
	const struct passwd *user = name[0] ? getpwnam(name) : NULL;

	if (fchmod(directory, 0755))
		log_warning("%s: cannot set mode 0755: %s", path, strerror(errno));
	if (user && !geteuid() && fchown(directory, user->pw_uid, user->pw_gid))
		log_warning("%s: cannot give it to user %s: %s", path, name, strerror(errno));
}

/* One that a service manager made for us, so far root's: it bears our name. */
static bool has_our_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && !strcmp(slash + 1, "spoolgate");
}

/*
 * By its descriptor: what is above it may be another user's, who may have put a link or another
 * directory in its place by now. OWNER is whose it still is.
 */
static void give_directory(const char *path, uid_t owner, const char *name)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (directory < 0)
		return;
	if (!fstat(directory, &st) && st.st_uid == owner)
		give_open(directory, path, name);
	close(directory);
}

static int make_directory(const struct unix_socket *made, const char *user)
{
	char path[sizeof(made->address.sun_path)];
	char *slash;
	int error;

	memcpy(path, made->address.sun_path, sizeof(path));
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	*slash = '\0';
	if (!mkdir(path, 0755)) {
		give_directory(path, geteuid(), user);
	} else if (errno != EEXIST) {
		error = -errno;
		log_error("%s: cannot make the socket's directory: %s", path, strerror(-error));
		return error;
	} else if (has_our_name(path)) {
		give_directory(path, 0, user);
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

static int clear_place(const struct sockaddr_un *address)
{
	const char *path = address->sun_path;
	struct stat there;
	int ret;

	if (lstat(path, &there)) {
		ret = errno == ENOENT ? 0 : -errno;
		goto out;
	}
	if (!S_ISSOCK(there.st_mode)) {
		log_error("%s: is there and is not a socket: not touched", path);
		return -EEXIST;
	}
	ret = probe_socket(address);
	if (ret == -EADDRINUSE) {
		log_error("%s: another program answers there", path);
		return ret;
	}
	if (!ret && unlink(path) && errno != ENOENT)
		ret = -errno;
out:
	if (ret)
		log_error("%s: cannot take the place: %s", path, strerror(-ret));
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
		log_warning("%s: user \"%s\" does not exist: the socket keeps the daemon's own",
			    rule->path, rule->owner);
	if (rule->group[0] && !group)
		log_warning("%s: group \"%s\" does not exist: the socket keeps the daemon's own",
			    rule->path, rule->group);
	*uid = user ? user->pw_uid : (uid_t)-1; /* getpwnam() has one buffer for all answers */
	if (rule->group[0])
		*gid = group ? group->gr_gid : (gid_t)-1;
	else
		*gid = default_group(rule);
}

/* FILE is the socket's own inode: its directory may be another user's, who may put a link there. */
static int give_socket(int file, const struct unix_socket_rule *rule)
{
	uid_t uid;
	gid_t gid;
	int error;

	find_owner(rule, &uid, &gid);
	if ((uid == (uid_t)-1 && gid == (gid_t)-1) || !fchownat(file, "", uid, gid, AT_EMPTY_PATH))
		return 0;
	error = -errno;
	log_warning("%s: cannot give it to owner \"%s\", group \"%s\": %s", rule->path, rule->owner,
		    rule->group, strerror(-error));
	return rule->strict ? error : 0;
}

/* What has been bound, for as long as it is there. */
static int take_note(struct unix_socket *made, const struct unix_socket_rule *rule)
{
	int file = open(rule->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int ret;

	if (file < 0)
		return -errno;
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

	ret = make_directory(made, rule->user);
	if (!ret)
		ret = clear_place(&made->address);
	if (ret)
		return ret;
	ret = bind_as(made->fd, &made->address, rule->mode);
	if (!ret)
		ret = take_note(made, rule);
	if (!ret && listen(made->fd, rule->backlog))
		ret = -errno;
	if (ret)
		log_error("%s: cannot listen: %s", rule->path, strerror(-ret));
	return ret;
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
