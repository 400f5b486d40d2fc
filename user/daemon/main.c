/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgated: the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/daemon.h"

static const char usage[] =
	"usage: spoolgated [-c FILE] [-s SOCKET] [-n] [-V]\n"
	"\n"
	"Watch mail spools and memory, and tell mail servers whether to take more mail.\n"
	"Runs in the foreground and logs to stderr.\n"
	"\n"
	"  -c FILE    read this configuration (default: " CONFIG_FILE " if it is\n"
	"             there, else the embedded one)\n"
	"  -s SOCKET  listen here, whatever the configuration says\n"
	"  -n         check the configuration and exit: 0, or 78 and what is wrong\n"
	"  -V         print the version\n"
	"  -h         print this\n";

/* Returns 0, or an exit status with the error told. */
static int read_config(struct config *config, const char **file)
{
	char error[512];

	if (!*file && !access(CONFIG_FILE, F_OK))
		*file = CONFIG_FILE;
	if (!*file) {
		config_default(config);
		return 0;
	}
	if (config_read(config, *file, NULL, error, sizeof(error))) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *file = NULL, *socket = NULL;
	struct config *config;
	bool check = false;
	int option, status;

	log_init();
	while ((option = getopt(argc, argv, "c:s:nVh")) != -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 's':
			socket = optarg;
			break;
		case 'n':
			check = true;
			break;
		case 'V':
			puts("spoolgated " SPOOLGATE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "spoolgated: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return EX_USAGE;
	}
	config = calloc(1, sizeof(*config));
	if (!config)
		return EX_OSERR;
	if (socket && strlen(socket) >= sizeof(config->state.path)) {
		fprintf(stderr, "spoolgated: -s: a socket's path has at most %zu bytes\n",
			sizeof(config->state.path) - 1);
		free(config);
		return EX_USAGE;
	}
	status = read_config(config, &file);
	if (status || check) {
		free(config);
		return status;
	}
	if (socket)
		strcpy(config->state.path, socket);
	return daemon_run(config, file, socket);
}
