/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgate override: a level by hand, for a time. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/text.h"

#define DEFAULT_NS (3600 * NS_PER_S)
#define LONGEST_NS (7 * 24 * 3600 * NS_PER_S)
#define REASON	   127 /* bytes the daemon takes */

struct wish {
	const char *level, *time, *reason;
	int64_t ns;
};

static int check_wish(struct wish *wish)
{
	const struct command *command = &command_override;
	enum level level;

	if (!strcmp(wish->level, "off") && (wish->time || wish->reason))
		return usage_error(command, "\"off\" takes neither --for nor --reason");
	if (strcmp(wish->level, "off") && level_parse(wish->level, &level))
		return usage_error(command,
				   "unknown level \"%s\": allowed are normal, medium, high, off",
				   wish->level);
	wish->ns = DEFAULT_NS;
	if (wish->time &&
	    (duration_parse(wish->time, &wish->ns) || wish->ns < NS_PER_S || wish->ns > LONGEST_NS))
		return usage_error(
			command,
			"bad time \"%s\": allowed are 1s to 7d, a number with one of " TIME_UNITS
			", as in \"90s\", \"20m\", \"2h\"",
			wish->time);
	if (!wish->reason)
		wish->reason = "";
	if (strlen(wish->reason) > REASON || !text_is_clean(wish->reason, strlen(wish->reason)))
		return usage_error(command,
				   "bad reason: allowed are %d bytes of UTF-8 text without control "
				   "characters",
				   REASON);
	return 0;
}

/* Whole seconds, and rather one more than one less. */
static int64_t seconds_of(int64_t ns)
{
	return (ns + NS_PER_S - 1) / NS_PER_S;
}

static int judge_answer(const struct wish *wish, const char *answer)
{
	static const char not_allowed[] = "error not allowed";
	char time[64];

	if (!strncmp(answer, not_allowed, strlen(not_allowed))) {
		unexpected(answer);
		return EX_NOPERM;
	}
	if (strcmp(answer, "ok"))
		return unexpected(answer);
	if (!strcmp(wish->level, "off"))
		puts("override off");
	else
		printf("override %s for %s\n", wish->level,
		       value_format(time, sizeof(time), UNIT_TIME,
				    seconds_of(wish->ns) * NS_PER_S));
	return EX_OK;
}

static int send_wish(const char *socket, const struct wish *wish)
{
	char request[256], *answer;
	int ret;

	if (!strcmp(wish->level, "off"))
		snprintf(request, sizeof(request), "override off\n");
	else
		snprintf(request, sizeof(request), "override %s %lld %s\n", wish->level,
			 (long long)seconds_of(wish->ns), wish->reason);
	ret = connection_ask(socket, request, &answer);
	if (ret)
		return unreachable(socket, ret);
	ret = judge_answer(wish, answer);
	free(answer);
	return ret;
}

static int run_override(const char *socket, int argc, char **argv)
{
	static const struct option options[] = {
		{ "for", required_argument, NULL, 'f' },
		{ "reason", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct wish wish = { 0 };
	int option, ret;

	while ((option = getopt_long(argc, argv, "f:r:h", options, NULL)) != -1) {
		if (option == 'f')
			wish.time = optarg;
		else if (option == 'r')
			wish.reason = optarg;
		else
			return other_option(&command_override, option);
	}
	if (argc - optind != 1)
		return usage_error(&command_override,
				   argc == optind ? "no level given" : "more than one level given");
	wish.level = argv[optind];
	ret = check_wish(&wish);
	return ret ? ret : send_wish(socket, &wish);
}

const struct command command_override = {
	.name = "override",
	.arguments = "{normal|medium|high|off} [--for TIME] [--reason TEXT]",
	.summary = "Force a level by hand, for a time",
	.help = "  -f, --for TIME     1s to 7d, as in \"90s\", \"20m\", \"2h\" (1h)\n"
		"  -r, --reason TEXT  shown in the status and the log, not to senders\n"
		"  -h, --help         this text\n\n"
		"\"off\" ends an override. Only root and the configured admin may.\n"
		"Exit: 0; 77 when you may not; 69 when the daemon cannot be asked.\n",
	.run = run_override,
};
