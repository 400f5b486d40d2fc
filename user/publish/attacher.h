/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The attacher: a process that keeps what it takes to enter a network namespace and to attach a
 * gate there, which the daemon gives up. A container that is started anew has another namespace at
 * the same path; the gate has to go there. What it is asked is a number and a namespace that is
 * known: it opens no other paths than the configured ones, and nobody but the daemon talks to it.
 * It holds no link: what it attaches is the daemon's, and goes with that.
 */
#ifndef PUBLISH_ATTACHER_H
#define PUBLISH_ATTACHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/child.h"
#include "common/config.h"
#include "publish/gate.h"

struct attacher {
	const struct config_gate *gates; /* as they were at the start */
	unsigned int count;
	struct child *child;
	bool wanted; /* there is a gate that may have to be attached again */
};

/*
 * Make CHILD the attacher, whose gates are filled in, before the keeper is started. SHED gives up
 * in the process what it does not need.
 */
void attacher_child(struct attacher *attacher, struct child *child, int (*shed)(const char *user),
		    const char *user);

/* Start it, with MAPS (kernel_maps()) and a pulse for each gate. Returns 0 or -errno. */
int attacher_start(struct attacher *attacher, const int maps[KERNEL_MAPS],
		   const int pulses[CONFIG_GATES]);

/*
 * Is the namespace of gate SLOT still the one of PLACE? If it is not, attach it to the one that is
 * there. The answer comes by attacher_hear().
 */
void attacher_ask(const struct attacher *attacher, unsigned int slot,
		  const struct gate_place *place);

/*
 * An answer: for gate SLOT, PLACE and LINK_FD when ERROR is 0; -EALREADY: the namespace is the
 * same; or why there is no gate. Returns 0, -EAGAIN when there is none, or -EPIPE when the process
 * is gone.
 */
struct attacher_reply {
	unsigned int slot;
	int error;
	struct gate_place place;
	int link_fd;
};
int attacher_hear(const struct attacher *attacher, struct attacher_reply *reply);

#endif
