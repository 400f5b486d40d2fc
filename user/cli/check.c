/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate check: the admission, and an exit code that scripts and monitoring understand. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nagios.h"
#include "common/address.h"

struct question {
	const char *words[3]; /* class, size, address; NULL from the first that is not there */
	bool nagios, fail_open;
};

/* Nothing gets into the request that would end it and begin another. */
static int check_words(const struct question *question)
{
	const char *size = question->words[1], *address = question->words[2];
	char taken[ADDRESS_TEXT];
	enum class class;

	if (question->words[0] && class_parse(question->words[0], &class) &&
	    strcmp(question->words[0], "client") != 0)
		return usage_error(
			&command_check,
			"unknown class \"%s\": allowed are inbound, submission, internal, client",
			question->words[0]);
	if (size && (!*size || size[strspn(size, "0123456789")] || strlen(size) > 19))
		return usage_error(&command_check, "bad size \"%s\": allowed are bytes", size);
	if (!address || !strcmp(address, "unknown"))
		return 0;
	if (!address_take(taken, address, strlen(address)))
		return usage_error(
			&command_check,
			"bad address \"%s\": allowed are IPv4 and IPv6 addresses, local, unknown",
			address);
	return 0;
}

static bool begins(const char *answer, const char *word)
{
	size_t length = strlen(word);

	return !strncmp(answer, word, length) && (!answer[length] || answer[length] == ' ');
}

/* -1 when it is no admission. */
static int admission_code(const char *answer)
{
	if (begins(answer, "accept") || begins(answer, "delay"))
		return EX_OK;
	return begins(answer, "defer") ? EX_TEMPFAIL : -1;
}

/* Without the daemon: open, if that was wanted. CODE is how it failed. */
static int fail(const struct question *question, int code)
{
	if (!question->fail_open)
		return code;
	complain("accepting, as --fail-open says");
	puts("accept");
	return EX_OK;
}

#define REQUEST 128

static void make_request(char request[REQUEST], const struct question *question)
{
	const char *const *words = question->words;

	snprintf(request, REQUEST, "admission %s%s%s%s%s\n", words[0] ? words[0] : "inbound",
		 words[1] ? " " : "", words[1] ? words[1] : "", words[2] ? " " : "",
		 words[2] ? words[2] : "");
}

static int ask_admission(const char *socket, const struct question *question)
{
	char request[REQUEST], *answer;
	int code, ret;

	make_request(request, question);
	ret = connection_ask(socket, request, &answer);
	if (ret)
		return fail(question, unreachable(socket, ret));
	code = admission_code(answer);
	if (code < 0)
		code = fail(question, unexpected(answer));
	else
		puts(answer);
	free(answer);
	return code;
}

/* A plugin that says 64 is taken for one that has crashed. */
static int ask_as_plugin(const char *socket, const struct question *question, int bad_words)
{
	char request[REQUEST];

	if (!bad_words && question->fail_open)
		bad_words = usage_error(&command_check, "--nagios takes no --fail-open");
	if (bad_words)
		return NAGIOS_UNKNOWN;
	if (!question->words[0])
		return nagios_check(socket);
	make_request(request, question);
	return nagios_admission(socket, request, question->words[0]);
}

static int ask(const char *socket, const struct question *question)
{
	int bad_words = check_words(question);

	if (question->nagios)
		return ask_as_plugin(socket, question, bad_words);
	return bad_words ? bad_words : ask_admission(socket, question);
}

static int run_check(const char *socket, int argc, char **argv)
{
	static const struct option options[] = {
		{ "nagios", no_argument, NULL, 'n' },
		{ "fail-open", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct question question = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'n')
			question.nagios = true;
		else if (option == 'o')
			question.fail_open = true;
		else
			return other_option(&command_check, option);
	}
	if (argc - optind > 3)
		return usage_error(&command_check, "unexpected argument \"%s\"", argv[optind + 3]);
	for (int i = 0; optind + i < argc; i++)
		question.words[i] = argv[optind + i];
	return ask(socket, &question);
}

const struct command command_check = {
	.name = "check",
	.arguments = "[CLASS [SIZE [ADDRESS]]] [--fail-open | --nagios]",
	.summary = "Print what would be answered to mail, with an exit code for scripts",
	.help = "CLASS is inbound (if not said), submission, internal, or client: what ADDRESS makes\n"
		"it; SIZE the message's bytes; ADDRESS its client's, local, or unknown.\n\n"
		"      --fail-open  accept when the daemon cannot be asked\n"
		"      --nagios     as a monitoring plugin: a line on the level, and values; or on\n"
		"                   the admission of CLASS\n"
		"  -h, --help       this text\n\n"
		"Exit: 0 accept or delay; 75 defer; 69 when the daemon cannot be asked (0 with\n"
		"--fail-open). With --nagios: 0 normal or accept, 1 medium or delay, 2 high or\n"
		"defer, 3 unknown.\n",
	.run = run_check,
};
