/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate-milter: Sendmail and Postfix ask spoolgated at MAIL. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/begin.h"
#include "common/log.h"
#include "mta/confine.h"
#include "mta/milter.h"
#include "mta/milter_tend.h"

/*
 * Sendmail waits 10 s for an answer (T=R:10s) and Postfix 30 s (milter_command_timeout), unless
 * told otherwise. A second goes to asking, another one to a busy host.
 */
#define LONGEST_DELAY_S 8
#define DELAY_LIMIT_S	300 /* as the configuration's */

static const char usage[] =
	"Usage: spoolgate-milter [-s SOCKET] -l ADDRESS [-m MODE] [-g GROUP] "
	"[-u USER]\n"
	"                        [-n NETWORK[,NETWORK]...] [-t SECONDS] [-hV]\n";

static const char help[] =
	"A milter for Sendmail and Postfix: asks spoolgated at MAIL whether to take more mail.\n\n"
	"  -s SOCKET    the daemon's state socket (" SPOOLGATE_SOCKET ")\n"
	"  -l ADDRESS   where the mail server finds us: unix:/PATH, inet:PORT@HOST, inet6:PORT@HOST\n"
	"  -m MODE      of a unix socket, octal (0660)\n"
	"  -g GROUP     of a unix socket\n"
	"  -u USER      whom to become after start\n"
	"  -n NETWORKS  the internal networks (127.0.0.0/8,::1/128), as in spoolgate.conf\n"
	"  -t SECONDS   the longest delay: less than the mail server waits for us (8)\n"
	"  -h           this text\n"
	"  -V           the version\n";

struct options {
	const char *socket, *address, *mode, *group, *user, *networks, *delay;
};

static int complain(int code, const char *what, const char *about, const char *why)
{
	fprintf(stderr, "spoolgate-milter: %s %s: %s\n", what, about, why);
	return code;
}

static const char **option_value(struct options *options, int option)
{
	switch (option) {
	case 's':
		return &options->socket;
	case 'l':
		return &options->address;
	case 'm':
		return &options->mode;
	case 'g':
		return &options->group;
	case 'u':
		return &options->user;
	case 'n':
		return &options->networks;
	default:
		return &options->delay;
	}
}

/* Returns -1 to go on, or the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "s:l:m:g:u:n:t:hV")) != -1) {
		switch (option) {
		case 'h':
			printf("%s\n%s", usage, help);
			return EX_OK;
		case 'V':
			puts("spoolgate-milter " SPOOLGATE_VERSION);
			return EX_OK;
		case '?':
			fputs(usage, stderr);
			return EX_USAGE;
		default:
			*option_value(options, option) = optarg;
		}
	}
	if (optind < argc)
		return complain(EX_USAGE, "unexpected argument", argv[optind], "there are none");
	if (!options->address) {
		fprintf(stderr, "spoolgate-milter: no -l ADDRESS\n%s", usage);
		return EX_USAGE;
	}
	return -1;
}

static bool number_parse(const char *text, int base, unsigned long most, unsigned long *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*number = strtoul(text, &end, base);
	return !*end && *number <= most;
}

static int set_socket(struct milter_socket *socket, const struct options *options)
{
	unsigned long mode = 0660;
	const struct group *group = NULL;
	char problem[512];

	if (milter_socket_parse(socket, options->address, problem, sizeof(problem)))
		return complain(EX_USAGE, "-l", options->address, problem);
	if (options->mode && !number_parse(options->mode, 8, 0777, &mode))
		return complain(EX_USAGE, "-m", options->mode, "allowed: octal, up to 0777");
	if (options->group) {
		group = getgrnam(options->group);
		if (!group)
			return complain(EX_NOUSER, "-g", options->group, "no such group");
	}
	socket->mode = (mode_t)mode;
	socket->group = group ? group->gr_gid : (gid_t)-1;
	return EX_OK;
}

static int set_milter(struct milter *milter, const struct options *options)
{
	unsigned long longest = LONGEST_DELAY_S;
	char problem[256];
	int ret;

	if (options->delay &&
	    (!number_parse(options->delay, 10, DELAY_LIMIT_S, &longest) || !longest))
		return complain(EX_USAGE, "-t", options->delay, "allowed: 1 to 300 seconds");
	milter->longest_delay_s = (unsigned int)longest;
	ret = asker_open(&milter->asker, options->socket);
	if (ret)
		return complain(EX_USAGE, "-s", options->socket, strerror(-ret));
	if (options->networks &&
	    asker_networks(&milter->asker, options->networks, problem, sizeof(problem)))
		return complain(EX_USAGE, "-n", options->networks, problem);
	return set_socket(&milter->socket, options);
}

/* A descriptor for each session of the mail server. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct milter *milter, const struct options *options)
{
	struct confine_user user;
	char problem[512];
	int ret;

	if (!confine_find(&user, options->user))
		return complain(EX_NOUSER, "-u", options->user, "no such user");
	ret = milter_socket_open(&milter->socket, user.uid, problem, sizeof(problem));
	if (ret == -EROFS)
		return complain(EX_UNAVAILABLE, "cannot listen on", problem,
				"Read-only file system (the systemd unit's ProtectSystem= and "
				"ProtectHome= make /etc, /usr and /home so: ReadWritePaths= in a "
				"drop-in, or another path)");
	if (ret)
		return complain(EX_UNAVAILABLE, "cannot listen on", problem, strerror(-ret));
	if (!milter->socket.path)
		log_warning(
			"%s: whoever reaches this port, as every user of this host, can speak "
			"for the mail server and promise away the room of others; use unix:/PATH",
			options->address);
	ret = confine_become(&user);
	if (!ret && !user.name && user.uid != (uid_t)-1)
		log_warning(
			"running as user id %u, which nobody has, and not as root: name one by -u",
			(unsigned int)user.uid);
	return ret ? complain(EX_NOPERM, "-u", user.name, strerror(-ret)) : EX_OK;
}

int main(int argc, char **argv)
{
	struct options options = { .socket = SPOOLGATE_SOCKET };
	struct milter *milter;
	int ret;

	begin();
	ret = read_options(argc, argv, &options);
	if (ret >= 0)
		return ret;
	begin_apart();
	log_init();
	milter = calloc(1, sizeof(*milter));
	if (!milter)
		return complain(EX_OSERR, "cannot start", "", strerror(ENOMEM));
	ret = set_milter(milter, &options);
	if (ret == EX_OK)
		ret = start(milter, &options);
	if (ret != EX_OK)
		return ret;
	raise_limit();
	confine_milter();
	log_notice("listening on %s, asking spoolgated at %s", options.address, options.socket);
	milter->end_fd = milter_tend_start(&milter->socket);
	ret = milter_run(milter);
	if (ret)
		log_error("cannot go on: %s", strerror(-ret));
	ret = ret ? EX_UNAVAILABLE : EX_OK;
	milter_socket_remove(&milter->socket);
	return ret == EX_OK && milter_tend_ended() ? EX_TEMPFAIL : ret;
}
