/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's I/O, from /proc/pressure/io. */
#include "common/clock.h"
#include "watch/io.h"

/* No trigger: it is off unless configured, soft, and sampled with everything else. */
void io_open(struct io *io, struct event_base *base, struct procs *procs,
	     const struct watch_sink *sink)
{
	io->sink = sink;
	psi_open_host(&io->psi, base, &procs->files[PROC_IO_PRESSURE], "full", NULL, NULL);
}

void io_close(struct io *io)
{
	psi_close(&io->psi);
}

void io_sample(struct io *io)
{
	int64_t share = psi_share(&io->psi, monotonic_ns());

	if (share < 0)
		io->sink->absent(io->sink->context, RESOURCE_IO_STALL, 0);
	else
		io->sink->value(io->sink->context, RESOURCE_IO_STALL, 0, share, 0,
				psi_backend(&io->psi));
}
