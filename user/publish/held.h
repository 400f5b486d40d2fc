/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What clients make us hold, of all sockets together: all that libevent has for them, counted where
 * it takes memory and gives it back, and the lines that many share. Beyond HELD_MOST those are
 * closed who have taken nothing of what there is for them, or not ended what they began, for the
 * longest: who reads has nothing waiting, and so never is among them. Last come those that are just
 * there.
 *
 * A connection of a listener is its mail server's as long as that lives, however long it is quiet.
 * So what it takes by itself does not count; listeners have a limit of their own for how many.
 */
#ifndef PUBLISH_HELD_H
#define PUBLISH_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define HELD_MOST (4 * 1024 * 1024)

struct evbuffer;
struct event_base;
struct held_line;

/* One kind of clients. All of it is called from held_shed(), and may close who is calling that. */
struct held_room {
	TAILQ_ENTRY(held_room) entry;
	/* Close who has been waiting since before BEFORE_NS, until held_is_low(). */
	unsigned int (*shed)(void *context, int64_t before_ns);
	/* Close one that is just there, the quietest. Returns how many; NULL: none are to be. */
	unsigned int (*displace)(void *context);
	void *context;
};

/* Begin to count. To be called before libevent has taken anything. */
void held_begin(void);

/*
 * BASE is new: have it take at once what it keeps for good of each descriptor's number that it
 * meets. Taken one by one, among what comes and goes with clients, that would hold every page of
 * it.
 */
void held_prepare(struct event_base *base);

void held_enter(struct held_room *room);
void held_leave(struct held_room *room);

/* BYTES of our own for a client, more or less. */
void held_add(ptrdiff_t bytes);
/* BYTES that count already and do not, more or less. */
void held_exempt(ptrdiff_t bytes);
/* BYTES that were given back, and are in the next round of the loop. */
void held_dying(ptrdiff_t bytes);

bool held_is_over(void);
/* Enough has been closed: the next that comes does not make it too much again. */
bool held_is_low(void);
/* To be called when held_is_over(). */
void held_shed(int64_t now);

/* Has it fallen by much since the last time that this was asked? */
bool held_fell(void);

struct held_counters {
	uint64_t bytes; /* that count, now */
	uint64_t shed;	/* clients closed */
};
void held_counters(struct held_counters *counters);

/*
 * A line with its newline, malloc'ed, that is nobody's but its users' from now on; freed when the
 * last has let go of it. NULL for NULL and without memory.
 */
struct held_line *held_line_new(char *text);
void held_line_drop(struct held_line *line);
size_t held_line_length(const struct held_line *line);
/* To the end of OUTPUT, which is another user of it, without a copy. Returns 0 or -1. */
int held_line_say(struct held_line *line, struct evbuffer *output);

#endif
