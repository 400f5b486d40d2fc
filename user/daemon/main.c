/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgated: the command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/begin.h"
#include "common/log.h"
#include "daemon/daemon.h"
#include "daemon/memory.h"

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
	if (config_read(config, *file, error, sizeof(error))) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	return 0;
}

struct options {
	const char *file, *socket;
	bool check;
	bool done; /* there is nothing else to do */
};

/* Returns 0, or an exit status with the error told. */
static int read_options(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:s:nVh")) != -1) {
		switch (option) {
		case 'c':
			options->file = optarg;
			break;
		case 's':
			options->socket = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case 'V':
			puts("spoolgated " SPOOLGATE_VERSION);
			options->done = true;
			return 0;
		case 'h':
			fputs(usage, stdout);
			options->done = true;
			return 0;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "spoolgated: unexpected argument \"%s\"\n%s", argv[optind], usage);
	return EX_USAGE;
}

/* PATH, which may be NULL, as it is from everywhere; for good. */
static const char *absolute(const char *path)
{
	char *directory, *whole;

	if (!path || *path == '/')
		return path;
	directory = getcwd(NULL, 0);
	if (!directory || asprintf(&whole, "%s/%s", directory, path) < 0)
		whole = NULL;
	free(directory);
	return whole ? whole : path;
}

/* A working directory in a spool would keep that from being unmounted. */
static int leave_directory(struct options *options, struct config *config)
{
	options->file = absolute(options->file);
	options->socket = absolute(options->socket);
	if (options->socket && strlen(options->socket) >= sizeof(config->state.path)) {
		fprintf(stderr, "spoolgated: -s: a socket's path has at most %zu bytes\n",
			sizeof(config->state.path) - 1);
		return EX_USAGE;
	}
	if (options->socket)
		strcpy(config->state.path, options->socket);
	return chdir("/") ? EX_OSERR : 0;
}

/* What the sizes of messages are for does not show in the file where it does not say so. */
static void print_mail(const struct config *config)
{
	static const char *const words[] = {
		"takes no mail (mail = false)",
		"takes no mail, unless a queue directory is found on it: its path is one of logs",
		"may take mail: say mail = true, or false",
		"takes mail",
	};

	for (unsigned int i = 0; i < config->filesystem_count; i++)
		printf("filesystem \"%s\": %s\n", config->filesystems[i].path,
		       words[config->filesystems[i].mail - CONFIG_MAIL_NO]);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct config *config;
	int status;

	begin();
	log_init();
	status = read_options(&options, argc, argv);
	if (status || options.done)
		return status;
	if (!options.check)
		memory_begin_again(argv);
	config = calloc(1, sizeof(*config));
	if (!config)
		return EX_OSERR;
	status = read_config(config, &options.file);
	if (!status && !options.check)
		status = leave_directory(&options, config);
	if (!status && options.check)
		print_mail(config);
	if (status || options.check) {
		free(config);
		return status;
	}
	begin_apart();
	return daemon_run(config, options.file, options.socket);
}
