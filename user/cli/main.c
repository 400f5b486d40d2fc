/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate: ask the daemon, and tell it. The table of commands. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "common/begin.h"
#include "common/config.h"

static const struct command *const commands[] = {
	&command_status,
	&command_check,
	&command_watch,
	&command_override,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

void complain(const char *format, ...)
{
	va_list list;

	fflush(stdout);
	fputs("spoolgate: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int usage_error(const struct command *command, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "spoolgate %s: ", command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nUsage: spoolgate [-s SOCKET] %s %s\n", command->name,
		command->arguments);
	return EX_USAGE;
}

int other_option(const struct command *command, int option)
{
	if (option != 'h') {
		fprintf(stderr, "Usage: spoolgate [-s SOCKET] %s %s\n", command->name,
			command->arguments);
		return EX_USAGE;
	}
	printf("Usage: spoolgate [-s SOCKET] %s %s\n%s.\n\n%s", command->name, command->arguments,
	       command->summary, command->help);
	return EX_OK;
}

static void print_commands(FILE *file)
{
	fputs("Commands:\n", file);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
	fputs("`spoolgate COMMAND --help` says more.\n", file);
}

static void print_help(void)
{
	fputs("Usage: spoolgate [-s SOCKET] COMMAND [ARGUMENT]...\n"
	      "Ask spoolgated how hard its host is pressed, and what it answers to mail.\n\n"
	      "  -s, --socket SOCKET  the daemon's state socket (" CONFIG_SOCKET ")\n"
	      "  -h, --help           this text\n"
	      "  -V, --version        the version\n\n",
	      stdout);
	print_commands(stdout);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int run_command(const char *socket, int argc, char **argv)
{
	const struct command *command = argc ? find_command(argv[0]) : NULL;

	if (!command) {
		if (argc)
			complain("unknown command \"%s\"", argv[0]);
		else
			complain("no command");
		print_commands(stderr);
		return EX_USAGE;
	}
	argv[0] = (char *)"spoolgate"; /* the name in getopt's own messages */
	optind = 0;
	return command->run(socket, argc, argv);
}

/* Output that did not get where it should (a full disk) is not success. */
static int finish(int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	fprintf(stderr, "spoolgate: cannot write the output: %s\n", strerror(errno));
	return code ? code : EX_IOERR;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const char *socket = CONFIG_SOCKET;
	int option;

	begin();
	while ((option = getopt_long(argc, argv, "+s:hV", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket = optarg;
			break;
		case 'h':
			print_help();
			return finish(EX_OK);
		case 'V':
			puts("spoolgate " SPOOLGATE_VERSION);
			return finish(EX_OK);
		default:
			fputs("`spoolgate --help` says what there is.\n", stderr);
			return EX_USAGE;
		}
	}
	return finish(run_command(socket, argc - optind, argv + optind));
}
