/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate watch: the present state, then a line or a command per change. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "common/clock.h"

struct view {
	bool json;
	const char *command;
};

static void show_line(struct json_object *status)
{
	char when[32] = "", level[16], mode[32], admissions[256], reason[CLI_TEXT];
	time_t now = time(NULL);
	struct tm here;

	if (localtime_r(&now, &here))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &here);
	answer_text(level, sizeof(level), status, "level", "?");
	answer_text(mode, sizeof(mode), status, "mode", "?");
	answer_item(reason, sizeof(reason), answer_member(status, "reasons", json_type_array), 0);
	printf("%s  %-6s  %s%s%s%s\n", when, level,
	       answer_admissions(admissions, sizeof(admissions), status),
	       strcmp(mode, "observe") ? "" : " (observe)", reason[0] ? "  " : "", reason);
}

static int set_text(const char *name, struct json_object *object, const char *key)
{
	char text[CLI_TEXT];

	return setenv(name, answer_text(text, sizeof(text), object, key, ""), 1);
}

static int set_environment(struct json_object *status)
{
	struct json_object *admission = answer_member(status, "admission", json_type_object);
	struct json_object *reasons = answer_member(status, "reasons", json_type_array);
	char text[CLI_TEXT];

	answer_item(text, sizeof(text), reasons, 0);
	if (set_text("SPOOLGATE_LEVEL", status, "level") ||
	    set_text("SPOOLGATE_SINCE", status, "since") ||
	    set_text("SPOOLGATE_MODE", status, "mode") ||
	    set_text("SPOOLGATE_INBOUND", admission, "inbound") ||
	    set_text("SPOOLGATE_SUBMISSION", admission, "submission") ||
	    set_text("SPOOLGATE_INTERNAL", admission, "internal") ||
	    setenv("SPOOLGATE_REASON", text, 1))
		return -errno;
	return 0;
}

static void report_end(int status)
{
	if (WIFSIGNALED(status))
		complain("the command was killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		complain("the command ended with exit code %d", WEXITSTATUS(status));
}

/* What the daemon says is only ever in the environment, never in the command's text. */
static int run_shell(const char *command, struct json_object *status)
{
	int ended;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		complain("cannot start the command: %s", strerror(errno));
		return EX_OSERR;
	}
	if (!pid) {
		if (!set_environment(status))
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &ended, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	report_end(ended);
	return EX_OK;
}

static int show(const struct view *view, const char *line)
{
	struct json_object *status = answer_parse(line);
	int ret = EX_OK;

	if (!status)
		return unexpected(line);
	if (view->command)
		ret = run_shell(view->command, status);
	else if (view->json)
		puts(line);
	else
		show_line(status);
	json_object_put(status);
	if (fflush(stdout)) /* main.c says why */
		return EX_IOERR;
	return ret;
}

static int follow(const char *socket, const struct view *view)
{
	int64_t deadline = monotonic_ns() + CLI_PATIENCE_NS;
	struct connection connection;
	const char *line;
	int code = EX_OK, ret = connection_open(&connection, socket, deadline);

	if (ret)
		return unreachable(socket, ret);
	ret = connection_send(&connection, "watch\n", deadline);
	while (!ret && code == EX_OK) {
		ret = connection_line(&connection, &line, deadline);
		deadline = INT64_MAX; /* of the first line only */
		if (!ret)
			code = show(view, line);
	}
	connection_close(&connection);
	return ret ? unreachable(socket, ret) : code;
}

static int run_watch(const char *socket, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "exec", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct view view = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "je:h", options, NULL)) != -1) {
		if (option == 'j')
			view.json = true;
		else if (option == 'e')
			view.command = optarg;
		else
			return other_option(&command_watch, option);
	}
	if (optind < argc)
		return usage_error(&command_watch, "unexpected argument \"%s\"", argv[optind]);
	if (view.json && view.command)
		return usage_error(&command_watch, "--json and --exec exclude each other");
	return follow(socket, &view);
}

const struct command command_watch = {
	.name = "watch",
	.arguments = "[--json | --exec CMD]",
	.summary = "Print the state, then a line for each change",
	.help = "  -j, --json      the daemon's own lines of JSON\n"
		"  -e, --exec CMD  run CMD (with /bin/sh -c) instead of printing a line, with\n"
		"                  SPOOLGATE_LEVEL, SPOOLGATE_SINCE, SPOOLGATE_MODE,\n"
		"                  SPOOLGATE_INBOUND, SPOOLGATE_SUBMISSION, SPOOLGATE_INTERNAL\n"
		"                  and SPOOLGATE_REASON in its environment\n"
		"  -h, --help      this text\n\n"
		"The present state comes first. One CMD runs at a time: while it runs, changes wait.\n"
		"Exit: 69 when the daemon cannot be asked or goes away.\n",
	.run = run_watch,
};
