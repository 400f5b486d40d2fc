/* SPDX-License-Identifier: GPL-2.0-only */
/* A request of Postfix's policy delegation, taken apart. No I/O, no allocation. */
#ifndef PUBLISH_DELEGATION_H
#define PUBLISH_DELEGATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/address.h"

/* Postfix's own have 29 attributes in less than 1 KiB; its longest lines are of 2 KiB. */
#define DELEGATION_REQUEST    (16 * 1024) /* bytes */
#define DELEGATION_ATTRIBUTES 128
#define DELEGATION_INSTANCE   64 /* bytes, the NUL included; Postfix's are of 20 or so */
#define DELEGATION_SESSION    (ADDRESS_TEXT + 8) /* a client's address and port */
#define DELEGATION_ERROR      128

struct delegation_request {
	char instance[DELEGATION_INSTANCE]; /* of the transaction; "" before the first recipient */
	char address[ADDRESS_TEXT];	    /* as address_take() has it */
	char port[8];			    /* "" when it is not known */
	bool stressed;			    /* Postfix has hardly an smtpd left */
	bool authenticated;
	bool at_mail;  /* MAIL: the recipients that follow are this message's */
	bool received; /* the message is here: END-OF-MESSAGE */
	int64_t size;  /* bytes; -1 when the client did not say */
};

/*
 * Take the first request of BYTES apart. Returns its LENGTH with the empty line that ends it; 0
 * when it is not all there; or -EBADMSG with what is wrong in ERROR.
 */
ssize_t delegation_parse(struct delegation_request *request, const char *bytes, size_t length,
			 char error[DELEGATION_ERROR]);

#endif
