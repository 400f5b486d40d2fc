/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files that read the configuration; nobody else includes it.
 *
 *   config_file.c   the bytes of the file
 *   config_lex.c    bytes → tokens
 *   config_text.c   tokens → a text without surprises for libconfuse
 *   config_tree.c   libconfuse: that text → its tree of blocks and values
 *   config_limits.c, config_mail.c, config_networks.c, config_gates.c, config_listeners.c,
 *   config_rules.c
 *                   the tree → struct config
 */
#ifndef COMMON_CONFIG_PARTS_H
#define COMMON_CONFIG_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include <confuse.h>

#include "common/config.h"

#define CONFIG_REPLY_LONGEST 200 /* bytes: RFC 5321 allows 512 with what mail servers add */

#define CONFIG_BYTES  (1 << 20) /* the largest file read */
#define CONFIG_STRING PATH_MAX	/* bytes of the longest word or string, its NUL included */
#define CONFIG_DEPTH  8		/* blocks within blocks; the configuration has three */

/* How a value is quoted in an error: enough to know it by. */
#define CONFIG_QUOTE "'%.80s'"

/* Where the first thing that is wrong is described. */
struct config_problem {
	const char *file;
	char *text;
	size_t size;
	bool found;
};

/*
 * Describe what is wrong in LINE (0: with the file as a whole), as "what is wrong;
 * allowed: what is". Only the first problem is kept. Always returns -EINVAL.
 */
int config_problem(struct config_problem *problem, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Read the whole of FILE into *BYTES (to be freed). Returns 0, -EINVAL or the open's errno. */
int config_file_read(char **bytes, size_t *length, struct config_problem *problem);

enum config_token {
	TOKEN_WORD,   /* bare: enforce */
	TOKEN_STRING, /* quoted: "10%" */
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_EQUAL,
	TOKEN_COMMA,
	TOKEN_END,
	TOKENS,
};

struct config_lex {
	const char *at;
	const char *end;
	unsigned int line;	    /* of AT */
	char string[CONFIG_STRING]; /* of the last word or string, quotes and escapes undone */
	struct config_problem *problem;
};

/* The next token, or -EINVAL. No token spans lines. */
int config_lex_next(struct config_lex *lex);

/* Written in place of `{}`, for libconfuse tells nobody of an empty list. No string can hold it. */
#define CONFIG_EMPTY_LIST "\x01"

/* The configuration as libconfuse reads it, line for line the original. */
struct config_text {
	char *text;
	/* The line in which each block opens, in the order in which the blocks close. */
	unsigned int *opened;
	size_t blocks;
};

int config_text_make(struct config_text *text, const char *bytes, size_t length,
		     struct config_problem *problem);
void config_text_free(struct config_text *text);

/* One value as given, with the line it stands in. */
struct config_value {
	unsigned int line;
	char text[];
};

/*
 * Parse TEXT to *TREE (to be cfg_free()d). Every block's `line` is the one it opens
 * in. Names are checked here; values are not. Returns 0, -EINVAL or -ENOMEM.
 */
int config_tree_parse(cfg_t **tree, const struct config_text *text, struct config_problem *problem);

/* How many values KEY of BLOCK was given: -1 if it is not there, 0 for an empty list. */
int config_count(cfg_t *block, const char *key);
const struct config_value *config_value(cfg_t *block, const char *key, unsigned int index);

/* The one value of KEY: NULL if it is not there. -EINVAL if it is a list of none or several. */
int config_single(cfg_t *block, const char *key, const struct config_value **value,
		  struct config_problem *problem);

/* The block KEY in PARENT; NULL if it is not there. */
cfg_t *config_block(cfg_t *parent, const char *key);

/* Take what the resource blocks in PARENT ("filesystem" or "memory") say over THRESHOLDS. */
int config_limits(cfg_t *parent, const char *section, struct thresholds *thresholds,
		  struct config_problem *problem);

/* Take the internal networks that TREE names over CONFIG's. */
int config_networks(cfg_t *tree, struct config *config, struct config_problem *problem);

/* Take the gates that TREE names. */
int config_gates(cfg_t *tree, struct config *config, struct config_problem *problem);

/* TEXT is "4xx 4.y.z TEXT" in plain ASCII, of CONFIG_REPLY_LONGEST bytes at most. */
bool config_is_reply(const char *text);

/*
 * Take the `listen` blocks of TREE. To be called last: they are checked against the admission
 * and the state socket.
 */
int config_listeners(cfg_t *tree, struct config *config, struct config_problem *problem);

/* The name of a user or group in CONFIG_NAME bytes; left as it is where KEY is not given. */
int config_name(cfg_t *block, const char *key, char *name, struct config_problem *problem);

/* The `mode` of a socket; left as it is where it is not given. */
int config_mode(cfg_t *block, mode_t *mode, struct config_problem *problem);

/* The `mail` of a filesystem's block; left as it is where it is not given. */
int config_mail(cfg_t *block, enum config_mail *mail, struct config_problem *problem);

/* Whatever the file has not said of its filesystems follows from their paths and the queues'. */
void config_mail_settle(struct config *config);

/* Take everything else that TREE says over CONFIG, which holds the defaults. */
int config_rules(cfg_t *tree, struct config *config, struct config_problem *problem);

#endif
