/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts log lines on stderr, for a person or for the journal. */
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "common/text.h"

#define LOG_LINE 1024 /* bytes of a line, its newline included */

/* Written by log_init() only. */
static bool to_journal;

static unsigned int lost; /* lines since the last that got through; a race miscounts, no more */

/* The journal's promise is "this very device and inode"; an inherited variable is not enough. */
void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		     !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

static const char *word_of(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "error: ";
	case LOG_WARNING:
		return "warning: ";
	default:
		return "";
	}
}

/* Where it could not be made so, it is asked first. A line is less than a page. */
static bool has_room(void)
{
	struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT;
}

/*
 * Nobody waits for who reads it, whoever else writes there: the journal's is a socket, and what is
 * none was made not to block (daemon/logger.c).
 */
static bool put_bytes(const char *bytes, size_t length)
{
	ssize_t put = send(STDERR_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (put < 0 && errno == ENOTSOCK && has_room())
		put = write(STDERR_FILENO, bytes, length);
	return put >= 0;
}

/* A log that cannot be written has nowhere to say so. */
static void put(const char *line, size_t length)
{
	char note[64];
	int size;

	if (lost) {
		size = snprintf(note, sizeof(note), "%s%u lines of log were lost\n",
				to_journal ? "<4>" : "warning: ", lost);
		if (put_bytes(note, (size_t)size))
			lost = 0;
	}
	if (!put_bytes(line, length))
		lost++;
}

static void log_line(int priority, const char *format, va_list args)
{
	char text[LOG_LINE + 4]; /* so that the line is cut at a whole character */
	char line[LOG_LINE];
	size_t length;
	int saved_errno = errno; /* %m needs it, and so may the caller */

	if (to_journal)
		snprintf(line, sizeof(line), "<%d>", priority);
	else
		snprintf(line, sizeof(line), "%s", word_of(priority));
	length = strlen(line);
	errno = saved_errno;
	vsnprintf(text, sizeof(text), format, args);
	/* Others chose some of it: a terminal must not be steered, the journal shows no blob. */
	text_clean(line + length, sizeof(line) - length, text, strlen(text));
	length = strlen(line);
	line[length++] = '\n'; /* in place of the NUL: there is always room */
	put(line, length);
	errno = saved_errno;
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_ERR, format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_WARNING, format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_NOTICE, format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(LOG_INFO, format, args);
	va_end(args);
}
