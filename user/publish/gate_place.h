/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a gate is: the network namespace, and in it the listener of its responder. */
#ifndef PUBLISH_GATE_PLACE_H
#define PUBLISH_GATE_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"

struct gate_place {
	int netns_fd;
	dev_t device; /* of the namespace, with inode */
	ino_t inode;
	int listener_fd;		 /* non-blocking, inherited by the responder alone */
	unsigned int backlog;		 /* what the kernel granted */
	unsigned int strangers;		 /* other programs that select sockets here */
	bool unheard[CONFIG_GATE_PORTS]; /* nobody listens on the port (it may be forwarded) */
};

/*
 * Open the network namespace that GATE names (our own: CAP_SYS_ADMIN is not needed), make the
 * listener there and look around. For a process of one thread. Returns 0 or -errno, with all
 * closed then.
 */
int gate_place_open(struct gate_place *place, const struct config_gate *gate);
void gate_place_close(struct gate_place *place);

/* Let go of the path, which could not be unmounted otherwise. The listener stays. */
void gate_place_leave(struct gate_place *place);

/* See who listens on GATE's ports in the namespace that we are in: `unheard`. */
void gate_place_hear(struct gate_place *place, const struct config_gate *gate);

/* A line of /proc/net/tcp or tcp6: the port that is listened on, 0 when the line is no listener's.
 */
unsigned int gate_place_listening(const char *line);

#endif
