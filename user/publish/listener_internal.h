/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the listeners and their protocols share; see listener.h for the rest. */
#ifndef PUBLISH_LISTENER_INTERNAL_H
#define PUBLISH_LISTENER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/address.h"
#include "publish/filer.h"
#include "publish/held.h"
#include "publish/listener.h"
#include "publish/places.h"
#include "publish/tended.h"
#include "publish/unix_socket.h"

#define LISTENER_BACKLOG 1024
#define LISTENER_UNSENT	 (16 * 1024) /* bytes a peer has not taken: no more answers then */
#define LISTENER_READ	 1984	     /* at once: a buffer of libevent's has 2048, with its head */
#define LISTENER_WRITE	 4096	     /* at once */
#define LISTENER_BUFFER	 8192	     /* of the kernel, either way; it doubles it */
#define LISTENER_BARE	 1440 /* bytes of libevent's for a connection that does nothing (x86-64) */
#define LISTENER_TURN	 64   /* requests of one connection before the others' turn */
#define LISTENER_ACCEPTS 64   /* connections taken before the others' turn */

struct bufferevent;
struct connection;
struct event;
struct listener;

/* A row of the table of protocols (listener.c). */
struct listener_protocol {
	size_t request_max;	/* bytes of the longest request */
	size_t connection_size; /* of what a protocol keeps for a connection; zero at first */
	bool is_session;	/* a connection is one session's: its message ends with it */

	/*
	 * Answer the first request of the LENGTH bytes that a connection has sent, with
	 * connection_say(). Returns how many it was; 0 when it is not all there; or a negative
	 * errno after listener_complain(): what follows cannot be told from it, and it is closed.
	 */
	ssize_t (*answer)(struct connection *connection, const char *bytes, size_t length);
};

extern const struct listener_protocol delegation_protocol, socketmap_protocol;

/* How long a peer may take. Variables only so that tests need not wait for them. */
struct listener_times {
	int64_t partial_ns; /* from the first byte of a request to its end */
	int64_t unsent_ns;  /* without taking a byte of what we have for it */
	int64_t idle_ns;    /* without a request */
	int64_t quiet_ns;   /* without a request, before it may be displaced by a newcomer */
	int64_t pause_ns;   /* before the next accept(2), after one for which there was no room */
};

/*
 * The message that the session behind a connection is at: the last one it was asked about. What
 * it was promised ends when it asks about the next one.
 */
struct connection_message {
	enum class class;
	int64_t size; /* what was promised; 0: nothing */
	char address[ADDRESS_TEXT];
};

struct connection {
	TAILQ_ENTRY(connection) entry; /* in its listener's list, or in listeners->dead */
	struct listener *listener;
	struct bufferevent *stream;
	struct event *timer;  /* it has taken too long */
	struct event *resume; /* what is held is due, or it is its turn again */
	char *held;	      /* the answer that waits; no other is given before it */
	size_t held_length;
	int64_t timer_ns;     /* what the timer is set to; 0: it is not */
	int64_t active_ns;    /* the last request, or the accept */
	int64_t moved_ns;     /* when it last took something, or had taken all */
	size_t resume_at;     /* paused until no more than this is unsent */
	int64_t partial_ns;   /* when the unfinished request was begun; 0: there is none */
	struct connection_message message;
	bool waiting;	      /* for its next turn */
	bool paused;	      /* has too much unsent to be given more */
	bool ended;	      /* its end of input has been seen */
	bool finishing;	      /* nothing more is answered */
	bool dead;	      /* closed, on listeners->dead */
	max_align_t memory[]; /* the protocol's */
};

TAILQ_HEAD(connection_list, connection);

struct listener {
	TAILQ_ENTRY(listener) entry;
	struct listeners *listeners;
	struct config_listener config;
	const struct listener_protocol *protocol;
	struct unix_socket socket; /* its fd is that of a TCP listener, too; -1: not open */
	struct tended tended;	   /* a unix socket's file */
	struct event *accept;
	struct event *resume;		    /* accepts again */
	struct connection_list connections; /* the longest without a request first */
	unsigned int count;
	uint64_t requests, dropped;
	struct places_lack lack;
	uint64_t complaints;   /* not logged since the last that was */
	int64_t complained_ns; /* the last that was logged; 0: never */
};

TAILQ_HEAD(listener_list, listener);

struct listeners {
	struct event_base *base;
	struct listener_source source;
	char user[CONFIG_NAME]; /* whom the daemon becomes */
	struct listener_times times;
	struct places places;
	unsigned int count; /* connections of all */
	struct listener_list list;
	struct connection_list dead;
	struct held_room held;
	struct event *bury; /* frees them, in the next round of the loop */
};

/* listener_socket.c: make the socket that LISTENER's block describes. */
int listener_socket_open(struct listener *listener);
/* What is tended, from the block that there is now. */
void listener_socket_tend(struct listener *listener);
void listener_socket_close(struct listener *listener, struct filer *filer);

/* listener_connection.c. FD is the connection's from now on, and closed on errors. */
int connection_new(struct listener *listener, int fd);
/* Closed at once, freed in the next round: callers up the stack may still hold it. */
void connection_drop(struct connection *connection);
void connection_free(struct connection *connection);
/* Since when there is something that it does not take, or does not end; 0: there is not. */
int64_t connection_waits(const struct connection *connection);
/* Could a newcomer have its place? */
bool connection_is_quiet(const struct connection *connection, int64_t now);

/* Answer: at once, or DELAY_S seconds from now, and until then nothing else. */
void connection_say(struct connection *connection, const char *text, size_t length,
		    unsigned int delay_s);

/*
 * May the next message of CONNECTION come in? (SIZE -1: not known; ADDRESS NULL: not known.) The
 * one before is over.
 */
struct config_verdict connection_ask(struct connection *connection, enum class class, int64_t size,
				     const char *address);

/* CONNECTION's message has arrived, or will not come. */
void connection_ended(struct connection *connection);

/* A peer of LISTENER misbehaved: counted, and said in the log once in a while. */
void listener_complain(struct listener *listener, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
