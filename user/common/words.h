/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words that the configuration, the sockets, the command line and the log
 * share: levels, classes and protocols. One spelling each, in one place.
 */
#ifndef COMMON_WORDS_H
#define COMMON_WORDS_H

enum level {
	LEVEL_NORMAL,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVELS,
};

/* Who wants to hand us mail. */
enum class {
	CLASS_INBOUND,	  /* strangers */
	CLASS_SUBMISSION, /* authenticated users */
	CLASS_INTERNAL,	  /* the networks named in `classes { internal = … }` */
	CLASSES,
};

/* What a `listen` block can speak. */
enum protocol {
	PROTOCOL_POSTFIX_POLICY, /* Postfix's policy delegation */
	PROTOCOL_SOCKETMAP,	 /* Sendmail's socket map */
	PROTOCOLS,
};

/* "normal", "inbound", … Never NULL for a value of the enum. */
const char *level_name(enum level level);
const char *class_name(enum class class);
const char *protocol_name(enum protocol protocol);

/* Why no mail can be written, by its errno: "No space left on device". */
const char *cause_words(int error);

/* 0, or -EINVAL when TEXT is none of the words (they are case-sensitive). */
int level_parse(const char *text, enum level *level);
int class_parse(const char *text, enum class *class);
int protocol_parse(const char *text, enum protocol *protocol);

#endif
