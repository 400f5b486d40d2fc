/* SPDX-License-Identifier: GPL-2.0-only */
/* The request line of the state socket, taken apart. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "publish/request.h"

#define BLANK	 " \t"
#define REQUESTS "admission, ended, status, watch, override, page, ping"
#define SHOWN	 33 /* bytes of a foreign word that an error repeats, the NUL included */

struct parser {
	struct request *request;
	char *rest; /* what has not been read yet, without leading blanks */
	char *error;
};

static int wrong(struct parser *parser, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(struct parser *parser, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(parser->error, REQUEST_ERROR, format, list);
	va_end(list);
	return -EINVAL;
}

/* As above, for a word of the client's: shown clean and cut. */
static int wrong_word(struct parser *parser, const char *what, const char *word,
		      const char *allowed)
{
	char shown[SHOWN];

	text_clean(shown, sizeof(shown), word, strlen(word));
	return wrong(parser, "%s \"%s\": %s", what, shown, allowed);
}

/* The next word, or NULL at the end. */
static char *next_word(struct parser *parser)
{
	char *word = parser->rest;
	size_t length = strcspn(word, BLANK);

	if (!length)
		return NULL;
	parser->rest += length;
	if (*parser->rest)
		*parser->rest++ = '\0';
	parser->rest += strspn(parser->rest, BLANK);
	return word;
}

/* Digits only: strtoll would take signs and blanks. The largest there is stands for all above. */
static int parse_digits(const char *word, int64_t *number)
{
	int64_t sum = 0;

	if (!*word || word[strspn(word, "0123456789")])
		return -EINVAL;
	for (; *word; word++)
		if (__builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, *word - '0', &sum))
			sum = INT64_MAX;
	*number = sum;
	return 0;
}

static int parse_nothing_more(struct parser *parser)
{
	const char *word = next_word(parser);

	return word ? wrong_word(parser, "unexpected word", word, "the request ends before it") : 0;
}

/* Exim's $message_size is -1 when the sender did not say: as any below 0 the same as no SIZE. */
static int parse_size(struct parser *parser, const char *word)
{
	int64_t below;

	if (!parse_digits(word, &parser->request->size) ||
	    (*word == '-' && !parse_digits(word + 1, &below)))
		return 0;
	return wrong_word(parser, "bad size", word, "allowed are bytes, from 0 on");
}

static int parse_address(struct parser *parser, const char *word)
{
	if (address_take(parser->request->address, word, strlen(word)) || !strcmp(word, "unknown"))
		return 0;
	return wrong_word(parser, "bad address", word,
			  "allowed are IPv4 and IPv6 addresses, local, unknown");
}

static int parse_class(struct parser *parser, const char *word)
{
	parser->request->by_address = !strcmp(word, "client");
	if (parser->request->by_address || !class_parse(word, &parser->request->class))
		return 0;
	return wrong_word(parser, "unknown class", word,
			  "allowed are inbound, submission, internal, client");
}

static int parse_admission(struct parser *parser, enum request_kind kind)
{
	struct request *request = parser->request;
	const char *word = next_word(parser);
	int ret = 0;

	request->kind = kind;
	request->class = CLASS_INBOUND;
	request->by_address = false;
	request->size = -1;
	request->address[0] = '\0';
	if (word)
		ret = parse_class(parser, word);
	word = next_word(parser);
	/* A size that is empty leaves no word: the address comes next then. */
	if (word && !ret && !address_take(request->address, word, strlen(word))) {
		ret = parse_size(parser, word);
		word = next_word(parser);
		if (word && !ret)
			ret = parse_address(parser, word);
	}
	return ret ? ret : parse_nothing_more(parser);
}

static int parse_reason(struct parser *parser)
{
	size_t length = strlen(parser->rest);

	if (length > REQUEST_REASON)
		return wrong(parser, "reason of %zu bytes: allowed are %d", length, REQUEST_REASON);
	if (!text_is_clean(parser->rest, length))
		return wrong(parser,
			     "bad reason: allowed is UTF-8 text without control characters");
	parser->request->reason = parser->rest;
	return 0;
}

static int parse_override(struct parser *parser)
{
	struct request *request = parser->request;
	const char *word = next_word(parser);

	request->kind = REQUEST_OVERRIDE;
	request->seconds = 0;
	request->reason = "";
	if (word && !strcmp(word, "off")) {
		request->kind = REQUEST_OVERRIDE_OFF;
		return parse_nothing_more(parser);
	}
	if (!word)
		return wrong(parser, "override of what: allowed are normal, medium, high, off");
	if (level_parse(word, &request->level))
		return wrong_word(parser, "unknown level", word,
				  "allowed are normal, medium, high, off");
	word = next_word(parser);
	if (!word)
		return 0;
	if (parse_digits(word, &request->seconds) || request->seconds < 1 ||
	    request->seconds > REQUEST_OVERRIDE_S)
		return wrong_word(parser, "bad time", word,
				  "allowed are seconds, 1 to 604800 (7 days)");
	return parse_reason(parser);
}

static int parse_bare(struct parser *parser, enum request_kind kind)
{
	parser->request->kind = kind;
	return parse_nothing_more(parser);
}

int request_parse(struct request *request, char *line, size_t length, char error[REQUEST_ERROR])
{
	struct parser parser = { .request = request, .rest = line, .error = error };
	const char *word;

	if (memchr(line, '\0', length))
		return wrong(&parser, "NUL byte in the request: allowed is text");
	line[length] = '\0';
	parser.rest += strspn(line, BLANK);
	word = next_word(&parser);
	if (!word)
		return wrong(&parser, "empty request: allowed are " REQUESTS);
	if (!strcmp(word, "admission"))
		return parse_admission(&parser, REQUEST_ADMISSION);
	if (!strcmp(word, "ended"))
		return parse_admission(&parser, REQUEST_ENDED);
	if (!strcmp(word, "status"))
		return parse_bare(&parser, REQUEST_STATUS);
	if (!strcmp(word, "watch"))
		return parse_bare(&parser, REQUEST_WATCH);
	if (!strcmp(word, "override"))
		return parse_override(&parser);
	if (!strcmp(word, "page"))
		return parse_bare(&parser, REQUEST_PAGE);
	if (!strcmp(word, "ping"))
		return parse_bare(&parser, REQUEST_PING);
	return wrong_word(&parser, "unknown request", word, "allowed are " REQUESTS);
}
