/* SPDX-License-Identifier: GPL-2.0-only */
/* filter-spoolgate: OpenSMTPD asks spoolgated at MAIL. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/begin.h"
#include "common/log.h"
#include "mta/confine.h"
#include "mta/filter.h"

static const char usage[] = "Usage: filter-spoolgate [-s SOCKET] [-n NETWORK[,NETWORK]...] [-hV]\n";

static const char help[] =
	"A filter for OpenSMTPD: asks spoolgated at MAIL whether to take more mail.\n\n"
	"  -s SOCKET    the daemon's state socket (" SPOOLGATE_SOCKET ")\n"
	"  -n NETWORKS  the internal networks (127.0.0.0/8,::1/128), as in spoolgate.conf\n"
	"  -h           this text\n"
	"  -V           the version\n";

struct options {
	const char *socket;
	const char *networks; /* NULL: the default ones */
};

/* Returns -1 to go on, or the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "s:n:hV")) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'n':
			options->networks = optarg;
			break;
		case 'h':
			printf("%s%s", usage, help);
			return EX_OK;
		case 'V':
			puts("filter-spoolgate " SPOOLGATE_VERSION);
			return EX_OK;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "filter-spoolgate: unexpected argument \"%s\"\n%s", argv[optind], usage);
	return EX_USAGE;
}

static int prepare(struct asker *asker, const struct options *options)
{
	char problem[256];
	int ret = asker_open(asker, options->socket);

	if (ret) {
		fprintf(stderr, "filter-spoolgate: -s %s: %s\n", options->socket, strerror(-ret));
		return EX_USAGE;
	}
	if (options->networks &&
	    asker_networks(asker, options->networks, problem, sizeof(problem))) {
		fprintf(stderr, "filter-spoolgate: -n: %s\n", problem);
		asker_close(asker);
		return EX_USAGE;
	}
	return EX_OK;
}

/*
 * smtpd ends when a filter does. So nothing ends it but the end of input: also not the SIGTERM
 * that a service manager sends to all processes of smtpd at once.
 */
static void keep_running(void)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* smtpd gives it a user of its own, unless its configuration says root. */
static void confine(void)
{
	struct confine_user user;

	confine_find(&user, NULL);
	if (confine_become(&user))
		log_warning("staying root: %s", strerror(errno));
	confine_filter();
}

int main(int argc, char **argv)
{
	struct options options = { .socket = SPOOLGATE_SOCKET };
	struct filter *filter;
	int ret;

	begin();
	ret = read_options(argc, argv, &options);
	if (ret >= 0)
		return ret;
	log_init();
	filter = calloc(1, sizeof(*filter));
	if (!filter) {
		fputs("filter-spoolgate: out of memory\n", stderr);
		return EX_OSERR;
	}
	filter->in = STDIN_FILENO;
	filter->out = STDOUT_FILENO;
	ret = prepare(&filter->asker, &options);
	if (ret == EX_OK) {
		keep_running();
		confine();
		set_nonblocking(filter->in);
		set_nonblocking(filter->out);
		filter_run(filter);
		asker_close(&filter->asker);
	}
	free(filter);
	return ret;
}
