/* SPDX-License-Identifier: GPL-2.0-only */
/* The names of levels, classes and protocols, and back. */
#include "common/words.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const level_names[LEVELS] = {
	[LEVEL_NORMAL] = "normal",
	[LEVEL_MEDIUM] = "medium",
	[LEVEL_HIGH] = "high",
};

static const char *const class_names[CLASSES] = {
	[CLASS_INBOUND] = "inbound",
	[CLASS_SUBMISSION] = "submission",
	[CLASS_INTERNAL] = "internal",
};

static const char *const protocol_names[PROTOCOLS] = {
	[PROTOCOL_POSTFIX_POLICY] = "postfix-policy",
	[PROTOCOL_SOCKETMAP] = "socketmap",
};

/* A damaged value must not take the daemon down while it explains itself. */
static const char *name_of(const char *const names[], unsigned int count, unsigned int index)
{
	return index < count ? names[index] : "unknown";
}

static int index_of(const char *const names[], unsigned int count, const char *text)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(names[i], text))
			return (int)i;
	return -EINVAL;
}

const char *level_name(enum level level)
{
	return name_of(level_names, LEVELS, level);
}

const char *class_name(enum class class)
{
	return name_of(class_names, CLASSES, class);
}

const char *protocol_name(enum protocol protocol)
{
	return name_of(protocol_names, PROTOCOLS, protocol);
}

int level_parse(const char *text, enum level *level)
{
	int index = index_of(level_names, LEVELS, text);

	if (index < 0)
		return index;
	*level = (enum level)index;
	return 0;
}

int class_parse(const char *text, enum class *class)
{
	int index = index_of(class_names, CLASSES, text);

	if (index < 0)
		return index;
	*class = (enum class)index;
	return 0;
}

int protocol_parse(const char *text, enum protocol *protocol)
{
	int index = index_of(protocol_names, PROTOCOLS, text);

	if (index < 0)
		return index;
	*protocol = (enum protocol)index;
	return 0;
}

const char *cause_words(int error)
{
	/* Nobody's connection timed out: a write was waited for in vain. */
	return error == ETIMEDOUT ? "its disk does not complete a write" : strerror(error);
}
