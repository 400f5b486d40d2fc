/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The milter protocol, versions 2 to 6, as far as we have a part in it: what a packet from the mail
 * server asks for, and what is answered. No I/O, no clock. A mail server waits for the answer to
 * each of its commands; a packet that is not of this protocol ends the session, which servers
 * take as if there was no milter.
 */
#ifndef MTA_MILTER_PACKET_H
#define MTA_MILTER_PACKET_H

#include <spoolgate.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

#define MILTER_HEAD   4		  /* bytes before a packet: its length */
#define MILTER_PACKET (64 * 1024) /* bytes of the longest: a piece of a message's body */
#define MILTER_ANSWER 1200	  /* bytes of the longest answer, its head included */

/* What is known of the client whom the mail server talks to. All zero is a new one. */
struct milter_client {
	char address[ADDRESS_TEXT]; /* as address_take() has it */
	bool authenticated;	    /* by the macros of the MAIL to come */
};

enum milter_act {
	MILTER_NOTHING,	 /* wants no answer */
	MILTER_ANSWERED, /* its answer is in `answer` */
	MILTER_ASK,	 /* MAIL: ask the daemon, and answer by milter_answer() */
	MILTER_END,	 /* the server has no more to say */
	MILTER_STRANGE,	 /* not of this protocol */
};

struct milter_action {
	enum milter_act act;
	bool over;	    /* the message before has arrived, or will not come */
	bool authenticated; /* MAIL: by whom, with the client's address, */
	int64_t size;	    /* and its SIZE, or SIZE_UNKNOWN */
	size_t length;
	char answer[MILTER_ANSWER];
};

/* The length of the packet that begins with HEAD. */
uint32_t milter_length(const unsigned char head[MILTER_HEAD]);

/*
 * Take one PACKET of LENGTH bytes, without its head; PACKET[LENGTH] is ours to write. Nothing in
 * it is believed to be there, to have its end, or to come in pairs.
 */
void milter_packet(struct milter_client *client, char *packet, size_t length,
		   struct milter_action *action);

/*
 * Write the answer to MAIL: ADMISSION's reply; or else (also after a delay, which is the caller's)
 * accept, which ends our part in the message, or continue, if we want TO_HEAR its end.
 */
void milter_answer(struct milter_action *action, const struct spoolgate_admission *admission,
		   bool to_hear);

#endif
