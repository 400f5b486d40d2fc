/* SPDX-License-Identifier: GPL-2.0-only */
/* What filer.c (the daemon's end) and filer_process.c (the process) share. */
#ifndef PUBLISH_FILER_INTERNAL_H
#define PUBLISH_FILER_INTERNAL_H

#include "common/config.h"
#include "publish/filer.h"

enum filer_operation {
	FILER_WRITE,
	FILER_UNLINK,
	FILER_REMOVE,
	FILER_FIND,
	FILER_PLACE, /* with the socket's descriptor */
};

#define FILER_PATH    256
#define FILER_SOCKETS (CONFIG_LISTENERS + 1) /* the state socket is one */

struct filer_request {
	enum filer_operation operation;
	uint32_t serial;
	struct unix_socket socket;
	unsigned int known; /* which of the placer's rules it is, from 1 on; 0: none */
	mode_t mode;
	int backlog;
	bool again, users_group;
	char owner[CONFIG_NAME], group[CONFIG_NAME], user[CONFIG_NAME];
	char path[FILER_PATH];
	char what[FILER_PATH];
	char text[FILER_TEXT];
};

/* What the placer knows, and the daemon knows it by. */
struct filer_known {
	unsigned int count;
	struct unix_socket_rule rules[FILER_SOCKETS]; /* their names are those below */
	struct {
		char path[FILER_PATH], owner[CONFIG_NAME], group[CONFIG_NAME], user[CONFIG_NAME];
	} names[FILER_SOCKETS];
	void (*raise)(bool raised);
};

/* Which of KNOWN, from 1 on, RULE is; 0: none. */
unsigned int filer_known_find(const struct filer_known *known, const struct unix_socket_rule *rule);
/* Which of them is at PATH, by whatever rule. */
unsigned int filer_known_path(const struct filer_known *known, const char *path);
int filer_known_take(struct filer_known *known, const struct filer_placer *placer);

/* Do what REQUEST says, with the descriptor of its socket. The reply's serial is left alone. */
void filer_do(struct filer_request *request, struct filer_reply *reply);

/* The same for the placer, which finds, places and removes what it knows and does nothing else. */
void filer_do_known(const struct filer_known *known, struct filer_request *request,
		    struct filer_reply *reply);

/* Do what comes through CHILD's channel until its other end is closed. */
void filer_process(const struct child *child);

/* The same for the placer, whose data is what it knows. */
void filer_process_known(const struct child *child);

#endif
