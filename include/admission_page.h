/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The admission page: what spoolgated answers, in memory that any client of its state socket may
 * map (request `page`) and only the daemon can write. Fixed-width types and layout only.
 *
 * It is a memfd of ADMISSION_PAGE_BYTES, sealed against shrinking, growing and other
 * writers. A reader
 *   1. reads `sequence`; odd: it is being written, try again (not forever: the writer may be
 *      stopped in the middle);
 *   2. reads what it wants, and `valid_until_ns`;
 *   3. reads `sequence` again; another one: what was read is torn, go to 1.
 * Of two pages the one with the greater sequence is the younger: it starts at the time of its
 * making. Past `valid_until_ns` the page says nothing: ask the socket, and accept when it does not
 * answer either. A daemon sets it 15 s ahead.
 *
 * Whoever opens the socket may be no daemon: a reader demands the seals (F_SEAL_SHRINK,
 * F_SEAL_GROW, and F_SEAL_FUTURE_WRITE or F_SEAL_WRITE), the size, magic and version, and takes a
 * verdict, a delay or a reply that is none for no answer, each time that it reads one.
 */
#ifndef SPOOLGATE_ADMISSION_PAGE_H
#define SPOOLGATE_ADMISSION_PAGE_H

#include <linux/types.h>

#define ADMISSION_PAGE_MAGIC   0x6567617065746167ULL /* "gatepage" in memory on little endian */
#define ADMISSION_PAGE_VERSION 1		     /* another one: the layout is another */
#define ADMISSION_PAGE_BYTES   4096
#define ADMISSION_PAGE_CLASSES 3   /* in this order: inbound, submission, internal */
#define ADMISSION_PAGE_REPLY   256 /* bytes of a reply, its NUL included; a multiple of 8 */

enum admission_page_verdict {
	ADMISSION_PAGE_ACCEPT,
	ADMISSION_PAGE_DELAY,
	ADMISSION_PAGE_DEFER,
};

/* Of one class of mail. What the verdict is for, unless it is to defer, the rest may narrow. */
struct admission_page_class {
	__u32 verdict;
	__u32 delay_s;	  /* ADMISSION_PAGE_DELAY */
	__s64 size_max;	  /* bytes; a message known to be larger is the socket's to judge */
	__u64 by_address; /* not 0: clients are let in by degrees, a known one is the socket's */
};

struct admission_page {
	__u64 magic;
	__u32 version;
	__u32 bytes;	      /* of this struct; later ones may have more behind it */
	__u64 sequence;	      /* guards all that follows, but for valid_until_ns */
	__s64 valid_until_ns; /* CLOCK_MONOTONIC; renewed by a single store */
	struct admission_page_class classes[ADMISSION_PAGE_CLASSES];
	char replies[ADMISSION_PAGE_CLASSES][ADMISSION_PAGE_REPLY]; /* ADMISSION_PAGE_DEFER */
};

#endif
