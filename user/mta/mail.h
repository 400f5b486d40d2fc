/* SPDX-License-Identifier: GPL-2.0-only */
/* What mail servers' helpers have to read of SMTP. Pure functions. */
#ifndef MTA_MAIL_H
#define MTA_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The SIZE of one parameter of MAIL, "SIZE=20000", in any case. SIZE_UNKNOWN when it is another
 * parameter or no number; INT64_MAX for a number that is too large for any disk.
 */
int64_t mail_parameter_size(const char *parameter);

/* Of a SIZE said twice, servers take the last; the larger one promises nothing too little. */
int64_t mail_larger_size(int64_t one, int64_t other);

/* The same out of a whole command, "MAIL FROM:<a@example.org> SIZE=20000 BODY=8BITMIME". */
int64_t mail_command_size(const char *command);

/* Is it a MAIL command at all? */
bool mail_is_command(const char *command);

/* A reply in its parts. */
struct mail_reply {
	char code[4];	   /* "452" */
	char enhanced[16]; /* "4.3.1", or "" where it has none */
	char text[512];	   /* "Insufficient system resources", may be "" */
};

/*
 * Split "452 4.3.1 Insufficient system resources". Returns 0, or -EINVAL when it is not a
 * reply that defers: one line of printable ASCII, beginning with 4xx.
 */
int mail_reply_parse(const char *line, struct mail_reply *reply);

/* TEXT with each '%' doubled, since mail servers take it for a format. Returns BUF. */
char *mail_text_escape(char *buf, size_t size, const char *text);

#endif
