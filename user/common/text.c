/* SPDX-License-Identifier: GPL-2.0-only */
/* Foreign bytes made safe to show. */
#include <stdint.h>
#include <string.h>

#include "common/text.h"

/* The smallest code point that needs a sequence of so many bytes: below it is overlong. */
static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };

static size_t lead_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	if (lead >= 0xf0 && lead < 0xf5)
		return 4;
	return 0;
}

size_t utf8_length(const char *text, size_t size)
{
	const unsigned char *byte = (const unsigned char *)text;
	size_t length = size ? lead_length(byte[0]) : 0;
	uint32_t point;

	if (length <= 1)
		return length;
	if (length > size)
		return 0;
	point = byte[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (byte[i] & 0x3f);
	}
	if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	return length;
}

/* C1 (U+0080 … U+009F) can steer a terminal as C0 does. */
bool text_is_control(const char *text, size_t length)
{
	unsigned char byte = (unsigned char)text[0];

	if (length == 1)
		return byte < 0x20 || byte == 0x7f;
	return length == 2 && byte == 0xc2 && (unsigned char)text[1] < 0xa0;
}

bool text_is_clean(const char *text, size_t length)
{
	for (size_t at = 0, step; at < length; at += step) {
		step = utf8_length(text + at, length - at);
		if (!step || text_is_control(text + at, step))
			return false;
	}
	return true;
}

char *text_clean(char *buf, size_t size, const char *text, size_t length)
{
	size_t used = 0, step;

	for (size_t at = 0; at < length; at += step) {
		size_t shown;
		bool bad;

		step = utf8_length(text + at, length - at);
		bad = !step || text_is_control(text + at, step);
		if (!step)
			step = 1;
		shown = bad ? 1 : step;
		if (used + shown >= size)
			break;
		memcpy(buf + used, bad ? "?" : text + at, shown);
		used += shown;
	}
	if (size)
		buf[used] = '\0';
	return buf;
}

bool path_is_in_tmp(const char *path)
{
	return !strncmp(path, "/tmp/", 5) || !strncmp(path, "/var/tmp/", 9);
}
