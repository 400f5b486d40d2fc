/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The grammar of the configuration, which libconfuse takes more loosely than an
 * administrator would want: a block that is never closed ends at the end of the file,
 * and a quoted name reaches into other blocks ("memory|stall"). What passes is written
 * out again for libconfuse: names bare, values in single quotes (which it takes
 * literally), no comments, and every token in the line it came from.
 */
#include "common/config_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was read last decides what may come next. */
enum state {
	AT_NAME,    /* of an option or block, or the end of this block */
	AFTER_NAME, /* '=', '{', or a title */
	AFTER_TITLE,
	AT_VALUE, /* or the start of a list */
	AT_ITEM,  /* or the end of the list */
	AFTER_ITEM,
	STATES,
	REFUSED = STATES,
};

static const char *const wanted[STATES] = {
	[AT_NAME] = "the name of an option or block (without quotes), or '}'",
	[AFTER_NAME] = "'=', '{', or a block's title and '{'",
	[AFTER_TITLE] = "'{'",
	[AT_VALUE] = "a value, or a list as in { \"10%\", \"2G\" }",
	[AT_ITEM] = "a value, or '}'",
	[AFTER_ITEM] = "',' or '}'",
};

/* clang-format off */
static const enum state next_state[STATES][TOKENS] = {
	/*                 word         string       {         }        =         ,        end */
	[AT_NAME]     = { AFTER_NAME,  REFUSED,     REFUSED,  AT_NAME, REFUSED,  REFUSED, AT_NAME },
	[AFTER_NAME]  = { AFTER_TITLE, AFTER_TITLE, AT_NAME,  REFUSED, AT_VALUE, REFUSED, REFUSED },
	[AFTER_TITLE] = { REFUSED,     REFUSED,     AT_NAME,  REFUSED, REFUSED,  REFUSED, REFUSED },
	[AT_VALUE]    = { AT_NAME,     AT_NAME,     AT_ITEM,  REFUSED, REFUSED,  REFUSED, REFUSED },
	[AT_ITEM]     = { AFTER_ITEM,  AFTER_ITEM,  REFUSED,  AT_NAME, REFUSED,  REFUSED, REFUSED },
	[AFTER_ITEM]  = { REFUSED,     REFUSED,     REFUSED,  AT_NAME, REFUSED,  AT_ITEM, REFUSED },
};
/* clang-format on */

static const char *const token_names[TOKENS] = {
	[TOKEN_OPEN] = "'{'",  [TOKEN_CLOSE] = "'}'",	    [TOKEN_EQUAL] = "'='",
	[TOKEN_COMMA] = "','", [TOKEN_END] = "end of file",
};

struct block {
	unsigned int line;
	char name[32];
};

struct writer {
	struct config_lex lex;
	enum state state;
	int last;	   /* the token before this one */
	unsigned int line; /* how far the output is */
	struct block blocks[CONFIG_DEPTH];
	unsigned int depth;
	FILE *out;
	struct config_text *text;
};

static int refuse(struct writer *writer, int token)
{
	struct config_problem *problem = writer->lex.problem;
	unsigned int line = writer->lex.line;

	if (token_names[token])
		return config_problem(problem, line, "unexpected %s; allowed: %s",
				      token_names[token], wanted[writer->state]);
	return config_problem(problem, line, "unexpected " CONFIG_QUOTE "; allowed: %s",
			      writer->lex.string, wanted[writer->state]);
}

static int open_block(struct writer *writer)
{
	if (writer->depth == CONFIG_DEPTH)
		return config_problem(writer->lex.problem, writer->lex.line,
				      "block within too many others; allowed: %d deep",
				      CONFIG_DEPTH);
	writer->blocks[writer->depth++].line = writer->lex.line;
	return 0;
}

/* Remembers the line it opened in. The array doubles whenever its count is a power of two. */
static int close_block(struct writer *writer)
{
	struct config_text *text = writer->text;

	if (!writer->depth)
		return config_problem(writer->lex.problem, writer->lex.line,
				      "unexpected '}'; allowed: one for each '{'");
	if (!(text->blocks & (text->blocks - 1))) {
		size_t room = text->blocks ? 2 * text->blocks : 1;
		unsigned int *opened = reallocarray(text->opened, room, sizeof(*opened));

		if (!opened)
			return -ENOMEM;
		text->opened = opened;
	}
	text->opened[text->blocks++] = writer->blocks[--writer->depth].line;
	return 0;
}

static int check_end(const struct writer *writer)
{
	const struct block *block;

	if (!writer->depth)
		return 0;
	block = &writer->blocks[writer->depth - 1];
	return config_problem(writer->lex.problem, block->line,
			      "block '%s' is never closed; allowed: '}' before the end of the file",
			      block->name);
}

/* What the token does to the blocks we are in. */
static int keep_blocks(struct writer *writer, int token)
{
	switch (token) {
	case TOKEN_WORD:
		/* Noted before it is known to be a block's: the next brace will need it. */
		if (writer->state == AT_NAME && writer->depth < CONFIG_DEPTH)
			snprintf(writer->blocks[writer->depth].name, sizeof(writer->blocks[0].name),
				 "%.31s", writer->lex.string);
		return 0;
	case TOKEN_OPEN:
		return writer->state == AT_VALUE ? 0 : open_block(writer);
	case TOKEN_CLOSE:
		return writer->state == AT_NAME ? close_block(writer) : 0;
	case TOKEN_END:
		return check_end(writer);
	default:
		return 0;
	}
}

static void write_quoted(FILE *out, const char *string)
{
	putc('\'', out);
	for (; *string; string++) {
		if (*string == '\'' || *string == '\\')
			putc('\\', out);
		putc(*string, out);
	}
	putc('\'', out);
}

static void write_token(struct writer *writer, int token)
{
	static const char marks[TOKENS] = {
		[TOKEN_OPEN] = '{', [TOKEN_CLOSE] = '}', [TOKEN_EQUAL] = '=', [TOKEN_COMMA] = ','
	};

	for (; writer->line < writer->lex.line; writer->line++)
		putc('\n', writer->out);
	if (writer->state == AT_ITEM && writer->last == TOKEN_OPEN && token == TOKEN_CLOSE)
		write_quoted(writer->out, CONFIG_EMPTY_LIST);
	if (marks[token])
		putc(marks[token], writer->out);
	else if (writer->state == AT_NAME)
		fputs(writer->lex.string, writer->out);
	else
		write_quoted(writer->out, writer->lex.string);
	putc(' ', writer->out);
}

static int write_all(struct writer *writer)
{
	int token, error;

	do {
		token = config_lex_next(&writer->lex);
		if (token < 0)
			return token;
		if (next_state[writer->state][token] == REFUSED)
			return refuse(writer, token);
		error = keep_blocks(writer, token);
		if (error)
			return error;
		if (token != TOKEN_END)
			write_token(writer, token);
		writer->state = next_state[writer->state][token];
		writer->last = token;
	} while (token != TOKEN_END);
	/* libconfuse wants at least one byte. */
	putc('\n', writer->out);
	return 0;
}

static int check_nul(const char *bytes, size_t length, struct config_problem *problem)
{
	const char *nul = memchr(bytes, '\0', length);
	unsigned int line = 1;

	if (!nul)
		return 0;
	for (; bytes < nul; bytes++)
		line += *bytes == '\n';
	return config_problem(problem, line, "NUL byte; allowed: text");
}

int config_text_make(struct config_text *text, const char *bytes, size_t length,
		     struct config_problem *problem)
{
	struct writer writer = {
		.lex = { .at = bytes, .end = bytes + length, .line = 1, .problem = problem },
		.state = AT_NAME,
		.last = TOKEN_END,
		.line = 1,
		.text = text,
	};
	size_t size;
	int error;

	memset(text, 0, sizeof(*text));
	error = check_nul(bytes, length, problem);
	if (error)
		return error;
	writer.out = open_memstream(&text->text, &size);
	if (!writer.out)
		return -ENOMEM;
	error = write_all(&writer);
	if (fclose(writer.out) && !error)
		error = -ENOMEM;
	if (error)
		config_text_free(text);
	return error;
}

void config_text_free(struct config_text *text)
{
	free(text->text);
	free(text->opened);
	memset(text, 0, sizeof(*text));
}
