/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OpenSMTPD's filter protocol, versions 0.4 to 0.7: what a line from smtpd asks for, and how it
 * is answered. No I/O, no clock. smtpd ends when a filter says what it does not expect, and a
 * client hangs whose request is not answered.
 */
#ifndef MTA_FILTER_CORE_H
#define MTA_FILTER_CORE_H

#include <spoolgate.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mta/filter_sessions.h"

#define FILTER_ID     17  /* bytes of a session's or a request's number: 16 hex digits and NUL */
#define FILTER_ANSWER 512 /* bytes of the longest answer, its line end and NUL included */

/* What has to be answered: both numbers as smtpd wrote them. */
struct filter_request {
	char session[FILTER_ID];
	char token[FILTER_ID];
	bool token_first; /* up to 0.4, OpenSMTPD 6.6, the answer has them the other way round */
};

enum filter_act {
	FILTER_NOTHING,	 /* a line that tells something, or that is of no interest */
	FILTER_REGISTER, /* send filter_registration, once */
	FILTER_ASK,	 /* ask the daemon and answer `request` */
	FILTER_ENDED,	 /* a message that was promised its size has arrived, or will not come */
	FILTER_PASS,	 /* answer `request` with proceed */
	FILTER_FORGET,	 /* the session is over: `request.session` needs no answer any more */
	FILTER_STRANGE,	 /* not a line of this protocol: to be ignored, and to be told */
};

struct filter_action {
	enum filter_act act;
	struct filter_request request;
	/* FILTER_ASK, FILTER_ENDED; FILTER_FORGET, if the size is known: */
	bool authenticated;
	char address[ADDRESS_TEXT]; /* as address_take() has it */
	int64_t size;		    /* bytes, or SIZE_UNKNOWN */
	int64_t over; /* FILTER_ASK: promised to the message before, whose end was not told */
};

struct filter_core {
	bool registered;
	struct filter_sessions sessions;
};

/* All zero is a new one. The lines that ask for what it needs: */
extern const char filter_registration[];

/*
 * Take one LINE without its end (cut at some length, if it was very long), and say what is to
 * be done.
 */
void filter_line(struct filter_core *core, const char *line, struct filter_action *action);

/* What was asked for by ACTION was promised its size. */
void filter_promised(struct filter_core *core, const struct filter_action *action);

/*
 * Write the answer to REQUEST, with its line end: proceed (also after a delay, which is the
 * caller's), or reject with ADMISSION's reply. A reply that smtpd would not take is replaced
 * by the default one. Returns the length.
 */
size_t filter_answer(char buf[FILTER_ANSWER], const struct filter_request *request,
		     const struct spoolgate_admission *admission);

#endif
