/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of probes: which program hears which signal, best first. */
#ifndef WATCH_PROBES_H
#define WATCH_PROBES_H

#include <stddef.h>

#include "watch/kernel.h"

#define PROBE_PROGRAMS 4

struct probe {
	enum signal_id signal;
	const char *name;
	const void *(*object)(size_t *size);	  /* the BPF object that holds its programs */
	const char *programs[PROBE_PROGRAMS + 1]; /* all of them attach, or the probe does not */
	const char *in_cgroup; /* its name when it hears one cgroup alone; NULL: it cannot */
};

/* The probe at POSITION (0 is the best) for SIGNAL; NULL past the last. */
const struct probe *probe_find(enum signal_id signal, unsigned int position);

#endif
