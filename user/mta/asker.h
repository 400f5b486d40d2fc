/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asking the daemon on behalf of a mail server: which class a client is, what the answer is, and
 * a line in the log when the daemon goes and when it is back. With it gone, mail flows.
 */
#ifndef MTA_ASKER_H
#define MTA_ASKER_H

#include <spoolgate.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/network.h"

#define ASKER_NETWORKS 256

enum asker_state {
	ASKER_ANSWERED, /* also before the first question */
	ASKER_SLOW,
	ASKER_GONE,
};

struct asker {
	const char *socket;
	struct spoolgate *client;
	unsigned int internal_count;
	struct config_network internal[ASKER_NETWORKS];
	enum asker_state state;
	int64_t rest_until_ns; /* CLOCK_MONOTONIC: it was slow, and is not asked before */
};

/* SIZE when the sender did not say */
#define SIZE_UNKNOWN (-1)

/* With the loopback networks as internal ones. SOCKET is kept. Returns 0 or spoolgate_open()'s. */
int asker_open(struct asker *asker, const char *socket);

/*
 * Take the networks in LIST, divided by commas or blanks, for the internal ones; "" is none.
 * Returns 0, or -EINVAL or -E2BIG with a line on what is wrong in PROBLEM.
 */
int asker_networks(struct asker *asker, const char *list, char *problem, size_t size);

/* class_of(), with the internal networks that there are here. */
enum spoolgate_class asker_class(const struct asker *asker, bool authenticated,
				 const char *address);

/*
 * Ask for a message of SIZE bytes (which may be SIZE_UNKNOWN) from ADDRESS, as class_of() has it.
 * Takes a second at most; after an answer that took longer than half a second, as long
 * again goes by without asking, so that waiting does not add up.
 */
void asker_ask(struct asker *asker, bool authenticated, const char *address, int64_t size,
	       struct spoolgate_admission *admission);

/* That message, for which `promised` was said, has arrived or will not come. */
void asker_ended(struct asker *asker, bool authenticated, const char *address, int64_t size);

void asker_close(struct asker *asker);

#endif
