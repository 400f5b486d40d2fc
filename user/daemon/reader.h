/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reload's reader: the file may be on a disk that hangs, and who is named in it is asked of a
 * name service that may. So a process of its own reads it, which keeps what reading a file of
 * root's takes, and ends; requests are answered meanwhile by the configuration that is in force.
 */
#ifndef DAEMON_READER_H
#define DAEMON_READER_H

#include "common/child.h"
#include "common/config.h"

struct reading {
	int error;	/* 0 or -errno */
	char text[512]; /* what is wrong */
	uid_t admin;	/* answers_admin() */
	struct config config;
};

struct reader {
	struct child child;
	const char *file;
	/* READING is good for this call; NULL: there is none. */
	void (*told)(void *context, const struct reading *reading);
	void (*late)(void *context); /* it takes long, and READING may yet come */
	void *context;
	struct event *event, *deadline;
};

/* Make READER's child one for its FILE, before the keeper is started. It becomes USER. */
void reader_child(struct reader *reader, int (*shed)(const char *user), const char *user);

int reader_attach(struct reader *reader, struct event_base *base);

/* Read. Returns 0, or -errno: -EBUSY when it does already. */
int reader_ask(struct reader *reader);

void reader_stop(struct reader *reader);

#endif
