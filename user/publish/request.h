/* SPDX-License-Identifier: GPL-2.0-only */
/* The request line of the state socket, taken apart. No I/O, no allocation. */
#ifndef PUBLISH_REQUEST_H
#define PUBLISH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/words.h"
#include "common/address.h"

#define REQUEST_ERROR	   160		   /* bytes of the text of an error, its NUL included */
#define REQUEST_REASON	   127		   /* bytes of an override's reason */
#define REQUEST_OVERRIDE_S (7 * 24 * 3600) /* the longest override */

enum request_kind {
	REQUEST_ADMISSION,
	REQUEST_ENDED,
	REQUEST_STATUS,
	REQUEST_WATCH,
	REQUEST_OVERRIDE,
	REQUEST_OVERRIDE_OFF,
	REQUEST_PAGE,
	REQUEST_PING,
};

struct request {
	enum request_kind kind;
	enum class class;	    /* admission, ended: inbound when it is not said */
	bool by_address;	    /* the same: the class is what the address makes it */
	int64_t size;		    /* the same: bytes, -1 when it is not said */
	char address[ADDRESS_TEXT]; /* admission: "" when it is not said, or not known */
	enum level level;	    /* override */
	int64_t seconds;	    /* override: 0 when it is not said */
	const char *reason;	    /* override: "" when it is not said; in the line */
};

/*
 * Take LINE of LENGTH bytes (without its line end; LINE[LENGTH] is ours to write) apart
 * in place. Returns 0, or -EINVAL with what is wrong and what is allowed in ERROR.
 */
int request_parse(struct request *request, char *line, size_t length, char error[REQUEST_ERROR]);

#endif
