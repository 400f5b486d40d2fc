/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as what the daemon says to the commands of `spoolgate`: text that a terminal and a
 * monitoring program can show, and an exit code that the manual has.
 *
 * Parses: user/cli/answer.c user/cli/status.c user/cli/nagios.c user/cli/table.c
 * Parses: user/cli/connection.c
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "common/clock.h"
#include "common/text.h"
#include "teller.h"

/* As main.c has them. */
void complain(const char *format, ...)
{
	va_list list;

	fputs("spoolgate: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int usage_error(const struct command *command, const char *format, ...)
{
	(void)command;
	(void)format;
	check(!"asked as the manual has it");
	return EX_USAGE;
}

int other_option(const struct command *command, int option)
{
	(void)command;
	(void)option;
	check(!"asked as the manual has it");
	return EX_USAGE;
}

struct said {
	int code;
	char *out, *errors;
	size_t out_size, errors_size;
};

static void run(struct said *said, const struct command *command, const char *option,
		const char *argument)
{
	char name[] = "spoolgate", *argv[] = { name, (char *)option, (char *)argument, NULL };
	FILE *out = stdout, *errors = stderr;

	stdout = open_memstream(&said->out, &said->out_size);
	stderr = open_memstream(&said->errors, &said->errors_size);
	optind = 0;
	said->code = command->run(teller.path, 1 + !!option + !!argument, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = errors;
}

/* Whole lines of text. Returns how many. */
static unsigned int check_lines(const char *text, size_t size)
{
	unsigned int lines = 0;

	check(!size || text[size - 1] == '\n');
	while (size) {
		size_t length = (size_t)((const char *)memchr(text, '\n', size) - text);

		check(text_is_clean(text, length));
		text += length + 1;
		size -= length + 1;
		lines++;
	}
	return lines;
}

/* Where it failed it said why, in one line of stderr, and nothing that could be taken for an
 * answer. */
static unsigned int check_said(const struct said *said, int most)
{
	unsigned int lines = check_lines(said->out, said->out_size);
	unsigned int errors = check_lines(said->errors, said->errors_size);

	check(said->code >= 0 && (said->code <= most || said->code == EX_UNAVAILABLE));
	if (said->code == EX_UNAVAILABLE)
		check(errors == 1);
	return lines;
}

static void end(struct said *said)
{
	free(said->out);
	free(said->errors);
}

static void check_status(void)
{
	struct said said;

	run(&said, &command_status, NULL, NULL);
	check((check_said(&said, EX_OK) > 0) == !said.code);
	end(&said);
	run(&said, &command_status, "--json", NULL);
	check(check_said(&said, EX_OK) == !said.code);
	check(said.code || said.out[0] == '{');
	end(&said);
}

static void check_watch(void)
{
	struct said said;

	run(&said, &command_watch, NULL, NULL);
	check_said(&said, -1);
	end(&said);
	run(&said, &command_watch, "--json", NULL);
	check_said(&said, -1);
	end(&said);
}

static void check_check(void)
{
	struct said said;
	unsigned int lines;

	run(&said, &command_check, "inbound", "1000");
	lines = check_said(&said, EX_TEMPFAIL);
	check(lines == (said.code != EX_UNAVAILABLE));
	check(said.code || !strncmp(said.out, "accept", 6) || !strncmp(said.out, "delay", 5));
	check(said.code != EX_TEMPFAIL || !strncmp(said.out, "defer", 5));
	check(!said.code || said.code == EX_TEMPFAIL || said.code == EX_UNAVAILABLE);
	end(&said);
	run(&said, &command_check, "--fail-open", NULL);
	lines = check_said(&said, EX_TEMPFAIL);
	check(lines == 1 && (!said.code || said.code == EX_TEMPFAIL));
	end(&said);
}

/* One line, whatever comes, with values behind a single bar. */
static void check_nagios(const char *class)
{
	struct said said;
	const char *bar;

	run(&said, &command_check, "--nagios", class);
	check(check_said(&said, 3) == 1 && said.code <= 3 && !said.errors_size);
	check(!strncmp(said.out, "SPOOLGATE ", 10));
	bar = strchr(said.out, '|');
	check(!bar || !strchr(bar + 1, '|'));
	end(&said);
}

static void check_override(void)
{
	struct said said;

	run(&said, &command_override, "high", NULL);
	check(check_said(&said, EX_NOPERM) == !said.code);
	check(!said.code || said.code == EX_UNAVAILABLE || said.code == EX_NOPERM);
	end(&said);
}

/* Any words in a table, on terminals of all widths: a line a row, and no word is torn. */
static void check_table(const char *heard, size_t length)
{
	static const size_t widths[] = { 0, 1, 20, 40, 80 };
	struct table table = { .columns = 3, .elastic = 1, .coloured = 0 };
	char word[64];
	const char *const cells[] = { "NAME", word, word };

	for (size_t i = 0; i < 4; i++) {
		size_t at = length * i / 4;

		text_clean(word, sizeof(word), heard + at, length - at);
		check(!table_add(&table, LEVEL_HIGH, cells));
	}
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		char *out;
		size_t size;
		FILE *terminal = stdout;

		stdout = open_memstream(&out, &size);
		table_print(&table, widths[i], false);
		fclose(stdout);
		stdout = terminal;
		check(check_lines(out, size) == 4);
		free(out);
	}
	table_free(&table);
}

/* Who does not answer is not waited for, and is told of. */
static void check_deadlines(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct connection first, second;
	static char much[512 * 1024];
	const char *line;

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s.x", teller.path);
	check(connection_open(&first, address.sun_path, 0) == -ENOENT);
	memset(much, 'x', sizeof(much) - 1);
	check(connection_open(&first, much, 0) == -ENAMETOOLONG);
	check(!bind(listener, (struct sockaddr *)&address, sizeof(address)) &&
	      !listen(listener, 0));
	check(!connection_open(&first, address.sun_path, monotonic_ns()));
	check(connection_open(&second, address.sun_path, monotonic_ns() + NS_PER_S / 20) ==
	      -ETIMEDOUT);
	check(connection_send(&first, much, monotonic_ns() + NS_PER_S / 20) == -ETIMEDOUT);
	check(connection_line(&first, &line, monotonic_ns() + NS_PER_S / 20) == -ETIMEDOUT);
	close(listener);
	connection_close(&first);
	unlink(address.sun_path);
	for (int error = 1; error < 140; error++) {
		connection_trouble(much, CLI_TEXT, address.sun_path, -error);
		check(text_is_clean(much, strlen(much)));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	teller_begin(-1);
	check_deadlines();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char heard[TELLER_MOST + 1];

	if (size > TELLER_MOST)
		return 0;
	check_table(heard, teller_set(data, size, heard));
	check_status();
	check_watch();
	check_check();
	check_nagios(NULL);
	check_nagios("inbound");
	check_override();
	return 0;
}
