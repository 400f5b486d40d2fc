/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the state socket share among themselves; see state.h for the rest. */
#ifndef PUBLISH_STATE_INTERNAL_H
#define PUBLISH_STATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/time.h>

#include "publish/held.h"
#include "publish/places.h"
#include "publish/state.h"
#include "publish/tended.h"

#define STATE_BACKLOG	 1024
#define STATE_WATCHERS	 256
#define STATE_INPUT	 1024	     /* bytes held of what a client sent */
#define STATE_READ	 960	     /* at once: a buffer of libevent's has 1024, with its head */
#define STATE_WRITE	 4096	     /* at once */
#define STATE_CLIENT	 1424	     /* bytes that a client takes which does nothing (x86-64) */
#define STATE_SNDBUF	 8192	     /* of the kernel, which doubles it: see state_page.c */
#define STATE_UNSENT	 (64 * 1024) /* bytes a client has not taken: no more requests then */
#define STATE_UNSENT_ALL (2 * 1024 * 1024) /* the same, of all clients: each has its share */
#define STATE_BEHIND	 (256 * 1024)	   /* a watcher that is so far behind is closed */
#define STATE_LINGER	 (4 * 1024 * 1024) /* bytes read and thrown away before a close */
#define STATE_TURN	 64		   /* work for one client before the others' turn */
#define STATE_PAGES	 8		   /* descriptors handed to one client */
#define STATE_ACCEPTS	 64		   /* connections taken before the others' turn */
#define STATE_TURNS_NS	 2000000	   /* of turns, before the rest of the loop's events */
#define STATE_STATUS_NS	 20000000	   /* a status is no older */
#define STATE_STATUS_USE 10		   /* and no older than so many times what it cost */

struct bufferevent;
struct event;
struct state;

/* How long a client may take. Variables only so that tests need not wait for them. */
struct state_times {
	int64_t partial_ns; /* from the first byte of a line to its end */
	int64_t unsent_ns;  /* without taking a byte of what we have for it */
	int64_t idle_ns;    /* without a request */
	int64_t linger_ns;  /* from the end of our side to the end of its own */
	int64_t reply_ns;   /* to fetch its reply, while others want its place */
	int64_t pause_ns;   /* before the next accept(2), after one for which there was no room */
};

struct client {
	TAILQ_ENTRY(client) entry; /* in one of state's lists of clients */
	TAILQ_ENTRY(client) turn;  /* in state->waiting, while `waiting` */
	struct state *state;
	struct bufferevent *stream;
	struct event *timer;
	int64_t timer_ns;  /* what the timer is set to; 0: it is not */
	int64_t active_ns; /* the last request, or the accept */
	int64_t line_ns;   /* when the unfinished line was begun; 0: there is none */
	int64_t moved_ns;  /* when it last took something, or had taken all */
	int64_t linger_ns; /* when our last line had gone; 0: there is more to send */
	size_t resume_at;  /* paused until no more than this is unsent */
	size_t lingered;   /* bytes thrown away since `finishing` */
	bool watching;
	bool waiting;	/* has requests left for its next turn */
	bool paused;	/* has too much unsent to be given more */
	bool ended;	/* its end of input has been seen */
	bool finishing; /* nothing more is answered */
	bool dead;	/* closed, on state->dead */

	bool page_due;	    /* asked for the page: it goes when what is unsent has gone */
	unsigned int pages; /* descriptors sent */
};

TAILQ_HEAD(client_list, client);

struct state {
	struct event_base *base;
	struct state_source source;
	struct state_times times;
	struct unix_socket socket;
	struct tended tended; /* its file */
	bool again;	      /* it was made again */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char group[CONFIG_NAME], user[CONFIG_NAME]; /* of its rule */
	struct event *listener;
	struct event *resume; /* listens again */
	struct event *soon;   /* the next round of the loop: turns and burials */
	int64_t round_ns;     /* when the last round with something to do soon began */
	bool accepting;	      /* there are connections to take */
	unsigned int clients_max;
	unsigned int watcher_count;
	struct client_list idle;     /* not watching, the longest without a request first */
	struct client_list watchers; /* in no order */
	struct client_list waiting;  /* for their next turn */
	unsigned int waiting_count;
	struct client_list dead;
	struct held_room held;
	struct state_counters counters;
	struct places_lack lack;
	struct timeval loop;	  /* the loop's clock, which goes on once a round */
	int64_t loop_ns;	  /* when the first client was looked at in that round */
	struct held_line *status; /* the last that was made, or NULL */
	int64_t status_until_ns;  /* so long it may be said again */
};

/* state.c: come back in the next round of the loop. */
void state_soon(struct state *state);
/* Is there time for another turn in this round? */
bool state_has_time(struct state *state);

/* state_client.c. FD is the client's from now on, and closed on errors. */
int client_new(struct state *state, int fd);
void client_turn(struct client *client);
void client_wait_no_more(struct client *client);
/* Closed at once, freed in the next round: callers up the stack may still hold it. */
void client_drop(struct client *client);
void client_free(struct client *client);

/* Queue LINE and a newline; drops the client when there is no memory for it. */
void client_say(struct client *client, const char *line);
/* The same for LENGTH bytes as they are, and for LINE without a copy. */
void client_send(struct client *client, const char *bytes, size_t length);
void client_share(struct client *client, struct held_line *line);
size_t client_unsent(const struct client *client);
/* Since when there is something that it does not take, or does not end; 0: there is not. */
int64_t client_waits(const struct client *client);

/* Go on with what client_page() or too much unsent had stopped. */
void client_resume(struct client *client);

/*
 * state_page.c: send what `page` asked for, if it did, as soon as all before it has gone. False:
 * not yet, and client_resume() comes.
 */
bool client_page(struct client *client);

/* state_request.c: answer LINE, which has room for one more byte. Returns what it cost of a turn.
 */
unsigned int client_answer(struct client *client, char *line, size_t length);
/* The line of status, the state's until the next call; NULL without memory. */
struct held_line *state_status(struct state *state);
/* "error TEXT", counted. */
void client_error(struct client *client, const char *text);

#endif
