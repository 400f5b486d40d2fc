/* SPDX-License-Identifier: GPL-2.0-only */
/* What mail servers' helpers have to read of SMTP. */
#include "mta/mail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mta/asker.h"

static const char digits[] = "0123456789";

int64_t mail_parameter_size(const char *parameter)
{
	static const char name[] = "SIZE=";
	const char *number = parameter + strlen(name);
	int64_t size = 0;
	size_t length;

	if (strncasecmp(parameter, name, strlen(name)) != 0)
		return SIZE_UNKNOWN;
	length = strspn(number, digits);
	if (!length || number[length])
		return SIZE_UNKNOWN;
	for (size_t i = 0; i < length; i++)
		if (__builtin_mul_overflow(size, 10, &size) ||
		    __builtin_add_overflow(size, number[i] - '0', &size))
			return INT64_MAX;
	return size;
}

int64_t mail_larger_size(int64_t one, int64_t other)
{
	return one == SIZE_UNKNOWN || (other != SIZE_UNKNOWN && other > one) ? other : one;
}

bool mail_is_command(const char *command)
{
	return !strncasecmp(command, "MAIL FROM:", strlen("MAIL FROM:"));
}

/*
 * What is after the address: it can be quoted and have blanks and '>' in it, and parameters may
 * have '<' and '>' too (AUTH=<>, RFC 4954). One without brackets has its end at a blank.
 */
static const char *after_address(const char *command)
{
	const char *at = command + strlen("MAIL FROM:");
	bool quoted = false;

	at += strspn(at, " \t");
	if (*at != '<')
		return at + strcspn(at, " \t");
	for (at++; *at && (quoted || *at != '>'); at++) {
		if (*at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
	}
	return *at ? at + 1 : at;
}

int64_t mail_command_size(const char *command)
{
	const char *at = after_address(command);
	int64_t size = SIZE_UNKNOWN;

	while (*(at += strspn(at, " \t"))) {
		char parameter[64];
		size_t length = strcspn(at, " \t");

		if (length < sizeof(parameter)) {
			memcpy(parameter, at, length);
			parameter[length] = '\0';
			size = mail_larger_size(size, mail_parameter_size(parameter));
		}
		at += length;
	}
	return size;
}

/* The length of "4.3.1" at the beginning of TEXT, 0 when there is none. */
static size_t enhanced_length(const char *text)
{
	const char *at = text;

	if (*at++ != '4')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t length = *at == '.' ? strspn(at + 1, digits) : 0;

		if (!length || length > 3)
			return 0;
		at += 1 + length;
	}
	return *at == ' ' || !*at ? (size_t)(at - text) : 0;
}

int mail_reply_parse(const char *line, struct mail_reply *reply)
{
	size_t length = strlen(line);
	size_t enhanced;

	for (size_t i = 0; i < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			return -EINVAL;
	if (line[0] != '4' || strspn(line, digits) != 3 || (line[3] && line[3] != ' ') ||
	    length >= sizeof(reply->text))
		return -EINVAL;
	memcpy(reply->code, line, 3);
	reply->code[3] = '\0';
	line += 3 + strspn(line + 3, " ");
	enhanced = enhanced_length(line);
	memcpy(reply->enhanced, line, enhanced);
	reply->enhanced[enhanced] = '\0';
	line += enhanced;
	strcpy(reply->text, line + strspn(line, " "));
	return 0;
}

char *mail_text_escape(char *buf, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + (*text == '%' ? 2 : 1) < size; text++) {
		if (*text == '%')
			buf[used++] = '%';
		buf[used++] = *text;
	}
	buf[used] = '\0';
	return buf;
}
