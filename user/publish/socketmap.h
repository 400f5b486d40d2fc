/* SPDX-License-Identifier: GPL-2.0-only */
/* A request of a socket map, taken apart. No I/O, no allocation. */
#ifndef PUBLISH_SOCKETMAP_H
#define PUBLISH_SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/words.h"

#define SOCKETMAP_REQUEST 1024 /* bytes of "NAME KEY", without the netstring's frame */
#define SOCKETMAP_FRAME	  8    /* bytes of a frame: "1024:" and "," */
#define SOCKETMAP_ERROR	  96

struct socketmap_request {
	bool named; /* the map's name is a class's, and it is in `class` */
	enum class class;
	bool authenticated;
	char address[46]; /* IPv4 or IPv6; "" when it is not known */
	int64_t size;	  /* bytes; -1 when it is not said */
};

/*
 * Find the first netstring of BYTES. Returns its length with the frame, and its contents in
 * *TEXT and *TEXT_LENGTH; 0 when it is not all there; -EBADMSG when it is none.
 */
ssize_t socketmap_frame(const char *bytes, size_t length, const char **text, size_t *text_length);

/* Take TEXT, "NAME ADDRESS[/SIZE[/USER]]", apart. Returns 0, or -EBADMSG with the reason in ERROR.
 */
int socketmap_parse(struct socketmap_request *request, const char *text, size_t length,
		    char error[SOCKETMAP_ERROR]);

#endif
