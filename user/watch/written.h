/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much was written to the filesystems that take mail: what of the mail that was announced can
 * have arrived, also where it has left again. By the pages that the kernel counts; where no probe
 * works by what the room has lost beyond its lowest of the last minute (others who write and delete
 * there would make their swing into mail time and again).
 */
#ifndef WATCH_WRITTEN_H
#define WATCH_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "watch/filesystem.h"

struct written {
	struct written_slot {
		bool counted;	/* `pages` is of the last call */
		uint64_t pages; /* the slot's counter */
		int64_t low_ns; /* when the room was that low; 0: never */
		int64_t low_bytes;
	} slots[CONFIG_FILESYSTEMS];
};

/* Bytes since the last call, on all of SET's filesystems that messages have to fit into. */
int64_t written_bytes(struct written *written, const struct filesystem_set *set, int64_t now);

#endif
