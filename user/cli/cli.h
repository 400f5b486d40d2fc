/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of `spoolgate` share. Each command is a file and a row in main.c. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/units.h"
#include "common/words.h"

#define CLI_PATIENCE_NS (5 * NS_PER_S) /* for one question: connecting, asking, hearing */
#define CLI_TEXT	512	       /* bytes of a text to show, its NUL included */

struct command {
	const char *name;
	const char *arguments; /* as they follow the name in the usage */
	const char *summary;   /* one line for the list of commands */
	const char *help;      /* its options and exit codes */
	/* ARGV[0] is the program's name; getopt is set to begin anew. Returns the exit code. */
	int (*run)(const char *socket, int argc, char **argv);
};

extern const struct command command_status;
extern const struct command command_check;
extern const struct command command_watch;
extern const struct command command_override;

/* main.c: "spoolgate: …" on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same and where to find help. Returns EX_USAGE. */
int usage_error(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What getopt_long() returned and COMMAND does not know: -h, or an error. Returns the exit code. */
int other_option(const struct command *command, int option);

/* connection.c: the state socket from the other side. */
struct connection {
	int fd;
	char *bytes; /* what has come; its first LINE bytes are the line returned last */
	size_t size, used, line;
};

#define CONNECTION_LINE (1 << 20) /* bytes of a reply: more is nothing of ours */

/* DEADLINE is monotonic, INT64_MAX for none. All return 0 or -errno unless said otherwise. */
int connection_open(struct connection *connection, const char *socket, int64_t deadline);
int connection_send(struct connection *connection, const char *request, int64_t deadline);
/*
 * The next line without its newline, valid until the next call; -ENODATA at the end, -EBADMSG when
 * it is no text.
 */
int connection_line(struct connection *connection, const char **line, int64_t deadline);
void connection_close(struct connection *connection);
/* One question, one answer (malloc'ed), within CLI_PATIENCE_NS. */
int connection_ask(const char *socket, const char *request, char **answer);
/* Why it cannot be reached, for a person. Returns BUF. */
char *connection_trouble(char *buf, size_t size, const char *socket, int error);
/* The same on stderr. Returns EX_UNAVAILABLE. */
int unreachable(const char *socket, int error);
/* The daemon's "error …" (or what is no answer of ours) on stderr. Returns EX_UNAVAILABLE. */
int unexpected(const char *answer);

#endif
