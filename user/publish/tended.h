/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A listening unix socket that is kept at its path: somebody removes the file, mounts a filesystem
 * over it, or makes the chroot anew, and whoever asks there takes all mail. It is looked for, and
 * made again, by the filer alone: its filesystem may hang.
 */
#ifndef PUBLISH_TENDED_H
#define PUBLISH_TENDED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "publish/filer.h"

#define TENDED_WHAT   (CONFIG_NAME + 16)
#define TENDED_REASON 256

enum tended_why {
	TENDED_SAFETY, /* from time to time */
	TENDED_MOUNTS, /* mounts have changed: look sooner */
	TENDED_ASKED,  /* by the administrator: look, and try, whenever that was last */
};

struct tended {
	/* What its owner fills in. */
	char what[TENDED_WHAT]; /* in the log: "listen \"postfix\"" */
	const char *address;	/* in the log, and in the status: "unix:/PATH" */
	struct unix_socket_rule rule;
	struct unix_socket *socket;  /* that listens; its fd is -1 where none does */
	int (*begin)(void *context); /* SOCKET is another one: accept there. 0 or -errno */
	void *context;
	struct filer *filer; /* NULL: what it would do is done at once, here */

	/* tended.c's own. */
	struct unix_socket again; /* that is being placed */
	bool waiting;		  /* for the filer */
	bool late;		  /* so long that the log has it */
	bool lost;		  /* it is not there, and the log has it */
	enum unix_socket_found found;
	int error;	   /* of the last attempt that failed, which the log has; 0: none */
	int64_t looked_ns; /* when it was last looked for */
	int64_t tried_ns;  /* when it was last tried */
	enum tended_why why;
};

/* Look whether it is there, and try to make it where it is not. */
void tended_look(struct tended *tended, enum tended_why why, int64_t now);

/* It was opened, or could not be (ERROR), before there was anything to tend. */
void tended_begin(struct tended *tended, int error, int64_t now);

/* It is not to be found at its path. Who asks there gets no answer. */
bool tended_is_lost(const struct tended *tended);

/* Why it is not open or not there, in BUF. */
void tended_explain(const struct tended *tended, char buf[TENDED_REASON]);

/* Nothing is looked for any more. */
void tended_end(struct tended *tended);

#endif
