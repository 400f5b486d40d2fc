/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's I/O: how much of the time everything waits for it. */
#ifndef WATCH_IO_H
#define WATCH_IO_H

#include "watch/proc.h"
#include "watch/psi.h"
#include "watch/sink.h"

struct io {
	const struct watch_sink *sink;
	struct psi psi;
};

void io_open(struct io *io, struct event_base *base, struct procs *procs,
	     const struct watch_sink *sink);
void io_close(struct io *io);

/* Read it and tell the sink, which is not asked to judge. */
void io_sample(struct io *io);

#endif
