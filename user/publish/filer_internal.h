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
	FILER_PLACE, /* with the socket's descriptor */
};

#define FILER_PATH 256

struct filer_request {
	enum filer_operation operation;
	uint32_t serial;
	struct unix_socket socket;
	mode_t mode;
	int backlog;
	char owner[CONFIG_NAME], group[CONFIG_NAME], user[CONFIG_NAME];
	char path[FILER_PATH];
	char what[FILER_PATH];
	char text[FILER_TEXT];
};

/* Do what REQUEST says, with the descriptor of its socket. The reply's serial is left alone. */
void filer_do(struct filer_request *request, struct filer_reply *reply);

/* Do what comes through FD until its other end is closed. */
void filer_process(int fd) __attribute__((noreturn));

#endif
