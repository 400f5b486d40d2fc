/* SPDX-License-Identifier: GPL-2.0-only */
/* The state socket's file: whose place it takes, whose not, and who may connect. */
#include <grp.h>
#include <pwd.h>

#include "state_server.h"

/* Where a directory that is made is replaced by a link at once, as its parent's owner can. */
static const char *link_to;

/* In place of libc's. */
int mkdir(const char *path, mode_t mode)
{
	char moved[128];
	int ret = mkdirat(AT_FDCWD, path, mode);

	if (ret || !link_to)
		return ret;
	snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(rename(path, moved), 0);
	return symlink(link_to, path);
}

/* Opens and closes it here; returns what state_open() said, and MADE as it was then. */
static int open_here(struct server *server, struct stat *made)
{
	struct event_base *base = event_base_new();
	const struct state_source source = { .context = NULL };
	struct state *state = NULL;
	int ret = state_open(&state, base, &server->config, &source);

	if (!ret && made)
		assert_int_equal(stat(server->path, made), 0);
	state_close(state, NULL);
	event_base_free(base);
	return ret;
}

static int bind_here(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_stale_is_replaced(void **state)
{
	struct server *server = *state;
	int fd = bind_here(server->path, SOCK_STREAM);
	struct stat made;

	listen(fd, 1);
	close(fd);
	assert_int_equal(access(server->path, F_OK), 0);
	assert_int_equal(open_here(server, &made), 0);
	assert_int_equal(access(server->path, F_OK), -1);
}

static void test_busy_is_left(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	assert_int_equal(open_here(server, NULL), -EADDRINUSE);
	fd = dial(server);
	ping_ns(fd);
	close(fd);
	server_stop(server);
}

/* Its backlog full, it does not answer, but lives. */
static void test_full_backlog_is_left(void **state)
{
	struct server *server = *state;
	int fd = bind_here(server->path, SOCK_STREAM), first;

	listen(fd, 0);
	first = dial(server);
	assert_int_equal(open_here(server, NULL), -EADDRINUSE);
	assert_int_equal(access(server->path, F_OK), 0);
	close(first);
	close(fd);
}

static void test_other_kind_of_socket_is_left(void **state)
{
	struct server *server = *state;
	int fd = bind_here(server->path, SOCK_DGRAM);

	assert_int_equal(open_here(server, NULL), -EADDRINUSE);
	assert_int_equal(access(server->path, F_OK), 0);
	close(fd);
}

static void test_file_is_left(void **state)
{
	struct server *server = *state;
	int fd = open(server->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct stat after;

	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(open_here(server, NULL), -EEXIST);
	assert_int_equal(stat(server->path, &after), 0);
	assert_true(S_ISREG(after.st_mode));
	assert_int_equal(after.st_size, 8);
}

/* Not even one to a stale socket: whoever made it meant something by it. */
static void test_link_is_left(void **state)
{
	struct server *server = *state;
	char target[128];

	snprintf(target, sizeof(target), "%s/target", server->directory);
	close(bind_here(target, SOCK_STREAM));
	assert_int_equal(symlink(target, server->path), 0);
	assert_int_equal(open_here(server, NULL), -EEXIST);
	assert_int_equal(access(target, F_OK), 0);
	unlink(target);
}

static void test_mode_and_group(void **state)
{
	struct server *server = *state;
	struct group *group = getgrnam("mail");
	struct stat made;

	server->config.state.mode = 0620;
	if (!geteuid() && group)
		strcpy(server->config.state.group, "mail");
	assert_int_equal(open_here(server, &made), 0);
	assert_int_equal(made.st_mode & 07777, 0620);
	if (!geteuid() && group)
		assert_int_equal(made.st_gid, group->gr_gid);
}

static void test_unknown_group_is_a_warning(void **state)
{
	struct server *server = *state;
	struct stat made;

	strcpy(server->config.state.group, "no-such-group-here");
	assert_int_equal(open_here(server, &made), 0);
	assert_int_equal(made.st_gid, getegid());
	assert_int_equal(made.st_mode & 07777, 0660);
}

static void test_directory(void **state)
{
	struct server *server = *state;
	char directory[sizeof(server->directory) + 4];
	struct stat made;
	mode_t mask = umask(077);

	snprintf(directory, sizeof(directory), "%s/run", server->directory);
	snprintf(server->path, sizeof(server->path), "%s/state.sock", directory);
	strcpy(server->config.state.path, server->path);
	assert_int_equal(open_here(server, NULL), 0);
	assert_int_equal(umask(mask), 077);
	assert_int_equal(stat(directory, &made), 0);
	assert_int_equal(made.st_mode & 07777, 0755);
	rmdir(directory);
	snprintf(server->config.state.path, sizeof(server->config.state.path), "%s/a/b/state.sock",
		 server->directory);
	assert_int_equal(open_here(server, NULL), -ENOENT);
}

/* Nor is the directory given away that a link in the place of ours names. */
static void test_directory_behind_a_link_is_left(void **state)
{
	struct server *server = *state;
	char victim[sizeof(server->directory) + 8], made[sizeof(victim)], moved[sizeof(victim) + 8];
	struct stat after;

	snprintf(victim, sizeof(victim), "%s/victim", server->directory);
	snprintf(made, sizeof(made), "%s/run", server->directory);
	snprintf(moved, sizeof(moved), "%s.moved", made);
	assert_int_equal(mkdirat(AT_FDCWD, victim, 0700), 0);
	snprintf(server->config.state.path, sizeof(server->config.state.path), "%s/state.sock",
		 made);
	strcpy(server->config.user, "nobody");
	link_to = victim;
	open_here(server, NULL);
	link_to = NULL;
	assert_int_equal(stat(victim, &after), 0);
	assert_int_equal(after.st_mode & 07777, 0700);
	assert_int_equal(after.st_uid, geteuid());
	assert_int_equal(unlink(made), 0);
	rmdir(moved);
	rmdir(victim);
}

/* One of our name is somebody's all the same: no directory that was there is taken over. */
static void test_directory_of_our_name(void **state)
{
	struct server *server = *state;
	char directory[sizeof(server->directory) + 16];
	struct stat after;

	need_root();
	snprintf(directory, sizeof(directory), "%s/spoolgate", server->directory);
	snprintf(server->config.state.path, sizeof(server->config.state.path), "%s/state.sock",
		 directory);
	strcpy(server->config.user, "nobody");
	assert_int_equal(mkdirat(AT_FDCWD, directory, 0700), 0);
	assert_int_equal(open_here(server, NULL), 0);
	assert_int_equal(stat(directory, &after), 0);
	assert_int_equal(after.st_mode & 07777, 0700);
	assert_int_equal(after.st_uid, 0);
	assert_int_equal(chown(directory, 1, 1), 0);
	assert_int_equal(open_here(server, NULL), 0);
	assert_int_equal(stat(directory, &after), 0);
	assert_int_equal(after.st_uid, 1);
	rmdir(directory);
}

/* At its end it removes its own, not what another daemon put there meanwhile. */
static void test_successor_is_left(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	unlink(server->path);
	fd = bind_here(server->path, SOCK_STREAM);
	server_stop(server);
	assert_int_equal(access(server->path, F_OK), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_stale_is_replaced),
		state_test(test_busy_is_left),
		state_test(test_full_backlog_is_left),
		state_test(test_other_kind_of_socket_is_left),
		state_test(test_file_is_left),
		state_test(test_link_is_left),
		state_test(test_mode_and_group),
		state_test(test_unknown_group_is_a_warning),
		state_test(test_directory),
		state_test(test_directory_behind_a_link_is_left),
		state_test(test_directory_of_our_name),
		state_test(test_successor_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
