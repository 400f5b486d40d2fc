/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The `listen` blocks: sockets on which mail servers ask in protocols of their own. One that
 * cannot be opened is a warning and no more: its mail server takes mail as if we were not
 * there.
 */
#ifndef PUBLISH_LISTENER_H
#define PUBLISH_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/words.h"
#include "publish/tended.h"

struct event_base;
struct listeners;

/* Where answers come from. All are called from the event loop; none may block. */
struct listener_source {
	void *context;

	/* The verdict for CLASS. SIZE in bytes promises that room, -1 is not known; ADDRESS of
	 * the client, NULL when it is not known. */
	struct config_verdict (*admission)(void *context, enum class class, int64_t size,
					   const char *address);

	/* What was let in so has arrived, or will not come. */
	void (*ended)(void *context, enum class class, int64_t size, const char *address);

	/* The class of a client at ADDRESS, by class_of(). */
	enum class (*class)(void *context, bool authenticated, const char *address);

	/* What `defer` says: "452 4.3.1 Insufficient system resources". */
	const char *(*reply)(void *context);
};

/*
 * Listen for each block of CONFIG. To be called as long as there are privileges: owners can be
 * given then, and a filesystem that hangs is waited for 5 s only. Returns 0 or -ENOMEM.
 */
int listeners_open(struct listeners **listeners, struct event_base *base,
		   const struct config *config, const struct listener_source *source);

/*
 * CONFIG is another now: listeners whose block is unchanged stay with their connections, those
 * without one are closed, new ones are opened as far as a daemon without privileges can; the
 * log says what needs a restart. Files are touched by FILER alone (NULL: here): a listener whose
 * filesystem does not answer is opened once it does.
 */
void listeners_reload(struct listeners *listeners, const struct config *config,
		      struct filer *filer);

/* Look whether the files of unix sockets are where they belong, and have FILER mend it. */
void listeners_tend(struct listeners *listeners, struct filer *filer, enum tended_why why,
		    int64_t now);

/* The rules of CONFIG's unix sockets, which borrow from it. Returns how many there are. */
unsigned int listeners_rules(const struct config *config,
			     struct unix_socket_rule rules[CONFIG_LISTENERS]);

/* One listener, for the status. Borrowed until the next reload. */
struct listener_status {
	const char *name, *protocol, *address;
	bool open;
	uint64_t connections;	    /* now, */
	uint64_t places;	    /* of how many, */
	uint64_t lacked;	    /* and how often there was none for another */
	uint64_t requests;	    /* answered */
	uint64_t dropped;	    /* connections refused, displaced, or closed for misbehaving */
	bool lost;		    /* it listens where nobody can find it */
	char reason[TENDED_REASON]; /* why it is lost or not open; "": it is neither, or unknown */
};

/* Fills STATUS, of CONFIG_LISTENERS entries; returns how many there are. NULL has none. */
unsigned int listeners_status(const struct listeners *listeners, struct listener_status *status);

/* Close all, and have FILER remove their files (NULL: here). NULL is fine. */
void listeners_close(struct listeners *listeners, struct filer *filer);

#endif
