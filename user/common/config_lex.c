/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tokens of the configuration. They are read here, ahead of libconfuse, because its
 * own lexer takes a comment inside a list for a value, counts a line of comment three
 * times, puts environment variables into strings, drops bytes it does not know without
 * a word, and after some errors starts its next file in the middle of a string.
 */
#include "common/config_parts.h"

#include <errno.h>
#include <string.h>

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == ':' || c == '%';
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == '\x7f';
}

static bool at_text(const struct config_lex *lex, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(lex->end - lex->at) >= length && !memcmp(lex->at, text, length);
}

static void skip_line(struct config_lex *lex)
{
	while (lex->at < lex->end && *lex->at != '\n')
		lex->at++;
}

static int skip_comment(struct config_lex *lex)
{
	unsigned int opened = lex->line;

	for (lex->at += 2; lex->at < lex->end; lex->at++) {
		if (at_text(lex, "*/")) {
			lex->at += 2;
			return 0;
		}
		if (*lex->at == '\n')
			lex->line++;
	}
	return config_problem(lex->problem, opened,
			      "comment is never closed; allowed: /* … */ before the end of file");
}

static int skip_blank(struct config_lex *lex)
{
	while (lex->at < lex->end) {
		if (*lex->at == '\n') {
			lex->line++;
			lex->at++;
		} else if (*lex->at == ' ' || *lex->at == '\t' || *lex->at == '\r') {
			lex->at++;
		} else if (*lex->at == '#' || at_text(lex, "//")) {
			skip_line(lex);
		} else if (at_text(lex, "/*")) {
			if (skip_comment(lex))
				return -EINVAL;
		} else {
			break;
		}
	}
	return 0;
}

static int too_long(struct config_lex *lex)
{
	return config_problem(lex->problem, lex->line, "value too long; allowed: up to %d bytes",
			      CONFIG_STRING - 1);
}

static int read_word(struct config_lex *lex)
{
	size_t length = 0;

	for (; lex->at < lex->end && is_word_byte(*lex->at); lex->at++) {
		if (length == CONFIG_STRING - 1)
			return too_long(lex);
		lex->string[length++] = *lex->at;
	}
	lex->string[length] = '\0';
	return TOKEN_WORD;
}

/* Takes the backslash away and leaves AT on the byte that is meant. */
static int undo_escape(struct config_lex *lex)
{
	char c;

	lex->at++;
	c = lex->at < lex->end ? *lex->at : '\n';
	if (c == '\\' || c == '"' || c == '\'')
		return 0;
	return config_problem(lex->problem, lex->line,
			      "backslash before something else in a string; allowed: "
			      "\\\\, \\\" and \\'");
}

static int read_string(struct config_lex *lex)
{
	char quote = *lex->at++;
	size_t length = 0;

	for (; lex->at < lex->end && *lex->at != '\n'; lex->at++) {
		if (*lex->at == quote) {
			lex->at++;
			lex->string[length] = '\0';
			return TOKEN_STRING;
		}
		if (*lex->at == '\\' && undo_escape(lex))
			return -EINVAL;
		if (is_control(*lex->at))
			return config_problem(lex->problem, lex->line,
					      "control byte 0x%02x in a string; allowed: text",
					      (unsigned char)*lex->at);
		if (length == CONFIG_STRING - 1)
			return too_long(lex);
		lex->string[length++] = *lex->at;
	}
	return config_problem(lex->problem, lex->line,
			      "string is not closed; allowed: \"…\" or '…' on one line");
}

static int read_other(struct config_lex *lex)
{
	static const char marks[] = "{}=,";
	static const int tokens[] = { TOKEN_OPEN, TOKEN_CLOSE, TOKEN_EQUAL, TOKEN_COMMA };
	unsigned char c = (unsigned char)*lex->at;
	const char *mark = c ? strchr(marks, c) : NULL;

	if (mark) {
		lex->at++;
		return tokens[mark - marks];
	}
	if (c > ' ' && c < 0x7f)
		return config_problem(lex->problem, lex->line,
				      "unexpected '%c'; allowed: letters, digits and any of "
				      "-_.:%% (put everything else in quotes)",
				      c);
	return config_problem(lex->problem, lex->line,
			      "unexpected byte 0x%02x; allowed: plain text (other bytes in "
			      "quotes or comments)",
			      c);
}

int config_lex_next(struct config_lex *lex)
{
	if (skip_blank(lex))
		return -EINVAL;
	if (lex->at == lex->end)
		return TOKEN_END;
	if (*lex->at == '"' || *lex->at == '\'')
		return read_string(lex);
	if (is_word_byte(*lex->at))
		return read_word(lex);
	return read_other(lex);
}
