/* SPDX-License-Identifier: GPL-2.0-only */
/* A request of a socket map, taken apart. No I/O, no allocation. */
#ifndef PUBLISH_SOCKETMAP_H
#define PUBLISH_SOCKETMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/words.h"
#include "common/address.h"

/*
 * Bytes of "NAME KEY", without the netstring's frame. More than a line of SMTP has in Sendmail
 * (2048), of which the client's SIZE may be nearly all: what is too long is not judged.
 */
#define SOCKETMAP_REQUEST 4096
#define SOCKETMAP_FRAME	  8 /* bytes of a frame: "4096:" and "," */
#define SOCKETMAP_ERROR	  96
#define SOCKETMAP_ID	  32 /* bytes of a queue id, the NUL included; Sendmail's have 14 to 20 */

struct socketmap_request {
	bool named; /* the map's name is a class's, and it is in `class` */
	enum class class;
	char id[SOCKETMAP_ID]; /* of the message, in Sendmail's queue; "" when it is not said */
	bool authenticated;
	char address[ADDRESS_TEXT]; /* as address_take() has it */
	int64_t size;		    /* bytes; -1 when it is not said */
};

/*
 * Find the first netstring of BYTES. Returns its length with the frame, and its contents in
 * *TEXT and *TEXT_LENGTH; 0 when it is not all there; -EBADMSG when it is none.
 */
ssize_t socketmap_frame(const char *bytes, size_t length, const char **text, size_t *text_length);

/*
 * Take TEXT, "NAME KEY", apart. What the client writes is not known to be a number, a word, or
 * without NUL bytes. Returns 0, or -EBADMSG with the reason in ERROR.
 */
int socketmap_parse(struct socketmap_request *request, const char *text, size_t length,
		    char error[SOCKETMAP_ERROR]);

#endif
