/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate as the daemon holds it: the pulse page, and the
 * program, which ends with the process. Nothing is pinned.
 */
#ifndef PUBLISH_GATE_H
#define PUBLISH_GATE_H

#include "ledger.h"
#include "publish/gate_place.h"
#include "watch/kernel.h"

struct gate_bpf;

struct gate {
	struct gate_place place;
	int pulse_fd;
	struct pulse *pulse;
	struct gate_bpf *program; /* NULL: not attached */
	int link_fd;		  /* the same, attached by the attacher; -1: not by it */
};

/*
 * Make the pulse page, which is the responder's to write and mapped for reading here, and the place
 * that CONFIG names. Returns 0 or -errno; the pulse is there nevertheless, unless its descriptor
 * is -1: the place may come to be.
 */
int gate_prepare(struct gate *gate, const struct config_gate *config);

/*
 * Load the program for SLOT of the orders, which are one of MAPS (kernel_maps()), and attach it.
 * Needs CAP_BPF and CAP_NET_ADMIN.
 */
int gate_attach(struct gate *gate, const int maps[KERNEL_MAPS], unsigned int slot);

/* The program's link, which holds it there. Borrowed. */
int gate_link(const struct gate *gate);

/* The attacher has it in PLACE, held by LINK_FD: both are GATE's now. */
void gate_adopt(struct gate *gate, const struct gate_place *place, int link_fd);

/* Out of its place. The pulse stays, for another. */
void gate_detach(struct gate *gate);

/* Also takes back what the others did, however far they came. */
void gate_close(struct gate *gate);

#endif
