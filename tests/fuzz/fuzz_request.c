/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes to the state socket: a line for each line, whatever is in it, and no more after one
 * that is too long.
 *
 * Parses: user/publish/request.c user/publish/state_request.c
 */
#include "common/text.h"
#include "common/class.h"
#include "publish/page.h"
#include "publish/request.h"
#include "publish/state.h"
#include "talk.h"

static int inside(const char *text, const char *line, size_t length)
{
	return text >= line && text + strlen(text) <= line + length;
}

static void check_admission(const struct request *request)
{
	check((unsigned int)request->class < CLASSES && request->size >= -1);
	check(!request->address[0] || address_is(request->address));
}

static void check_override(const struct request *request, const char *line, size_t length)
{
	check((unsigned int)request->level < LEVELS);
	check(request->seconds >= 0 && request->seconds <= REQUEST_OVERRIDE_S);
	check(!*request->reason || inside(request->reason, line, length));
	check(strlen(request->reason) <= REQUEST_REASON &&
	      text_is_clean(request->reason, strlen(request->reason)));
}

/* One line without its end. */
static void parse(const uint8_t *data, size_t size)
{
	char error[REQUEST_ERROR] = "", *line = text_of(data, size);
	struct request request;

	if (request_parse(&request, line, size, error))
		check(*error && strlen(error) < REQUEST_ERROR &&
		      text_is_clean(error, strlen(error)));
	else if (request.kind == REQUEST_ADMISSION || request.kind == REQUEST_ENDED)
		check_admission(&request);
	else if (request.kind == REQUEST_OVERRIDE)
		check_override(&request, line, size);
	else
		check((unsigned int)request.kind <= REQUEST_PING);
	free(line);
}

/* What is said to each, in words that tell of what was understood. */
static const char *say_admission(void *context, enum class class, int64_t size, const char *address)
{
	(void)context;
	check((unsigned int)class < CLASSES && size >= -1);
	if (size >= 1000000)
		return "defer 452 4.3.1 Insufficient system resources";
	return address ? "delay 10" : "accept";
}

/* It takes this for a class of C++: */
/* clang-format off */
static enum class say_class(void *context, bool authenticated, const char *address)
{
	(void)context;
	check(!authenticated && (!address || address_is(address)));
	return class_of(network_loopback, NETWORK_LOOPBACKS, authenticated, address);
}
/* clang-format on */

static void hear_ended(void *context, enum class class, int64_t size, const char *address)
{
	(void)context;
	check((unsigned int)class < CLASSES && size >= -1);
	check(!address || *address);
}

static int say_page(void *context)
{
	return page_descriptor(context);
}

static char *say_status(void *context)
{
	(void)context;
	return strdup("{}\n");
}

static int say_override(void *context, enum level level, int64_t seconds, const char *reason,
			uid_t uid)
{
	(void)context;
	check((unsigned int)level < LEVELS && seconds >= 0 && seconds <= REQUEST_OVERRIDE_S);
	check(uid == geteuid() && strlen(reason) <= REQUEST_REASON);
	if (level == LEVEL_MEDIUM)
		return -EPERM;
	return level == LEVEL_HIGH ? -ENOMEM : 0;
}

static int say_override_off(void *context, uid_t uid)
{
	(void)context;
	check(uid == geteuid());
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct state_source source = { .admission = say_admission,
					      .ended = hear_ended,
					      .class = say_class,
					      .page = say_page,
					      .status = say_status,
					      .override = say_override,
					      .override_off = say_override_off };
	static struct config config = { .state.mode = 0600 };
	struct state *state;
	struct page *page;

	(void)argc;
	(void)argv;
	talk_begin();
	check(!page_open(&page, 0));
	source.context = page;
	strcpy(config.state.path, talk.path);
	check(!state_open(&state, talk.base, &config, &source));
	return 0;
}

/* One for each line up to the first that is too long. */
static unsigned int count_answers(const uint8_t *data, size_t size)
{
	unsigned int count = 0;
	bool fits = true;

	while (size && fits) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;
		size_t bare = length - (length && data[length - 1] == '\r');

		fits = bare <= STATE_LINE;
		if (fits)
			parse(data, bare);
		count++;
		data += length + !!end;
		size -= length + !!end;
	}
	return count;
}

static bool is_answer(const char *line)
{
	static const char *const answers[] = {
		"accept", "delay 10", "ok",
		"pong",	  "{}",	      "defer 452 4.3.1 Insufficient system resources"
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (!strcmp(line, answers[i]))
			return true;
	return !strncmp(line, "error ", strlen("error ")) && text_is_clean(line, strlen(line));
}

static unsigned int count_heard(void)
{
	unsigned int count = 0;

	for (char *line = talk.heard, *end; *line; line = end + 1, count++) {
		end = strchr(line, '\n');
		check(end);
		*end = '\0';
		check(is_answer(line));
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int answers;

	if (size > 8 * 1024) /* what is held of what a client sent */
		return 0;
	answers = count_answers(data, size);
	talk_over(data, size, 0);
	check(count_heard() == answers);
	talk_over(data, size, talk_cut(data, size));
	check(count_heard() == answers);
	return 0;
}
