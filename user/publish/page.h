/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shared admission page: the verdicts in memory that clients map and read without asking.
 * The layout and its protocol are include/admission_page.h's.
 */
#ifndef PUBLISH_PAGE_H
#define PUBLISH_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/units.h"
#include "common/words.h"

/*
 * How long a page counts that is not renewed: as long as a dead or stopped daemon's refusals
 * last. Renewed whenever the daemon wakes, which it does every 5 s for a safety look: no wake-up
 * is for the page, and two may be late.
 */
#define PAGE_VALID_NS (15 * NS_PER_S)

struct page;

/* What clients of one class are told. */
struct page_offer {
	struct config_verdict verdict;
	int64_t size_max;  /* bytes: larger messages are judged when asked about */
	bool by_address;   /* so are clients that are known */
	const char *reply; /* what VERDICT_DEFER says; CONFIG_REPLY bytes at most */
};

/*
 * A page that is not valid yet. Returns 0 and *PAGE, or -errno: -EINVAL from a kernel before 5.1,
 * which cannot seal it. Opens a file in /proc, so to be called before that is given up.
 */
int page_open(struct page **page, int64_t now);

/* Tell OFFERS from now on; nothing is written when they are told already. NULL is fine. */
void page_offer(struct page *page, const struct page_offer offers[CLASSES]);

/* The page counts for PAGE_VALID_NS from NOW. NULL is fine. */
void page_renew(struct page *page, int64_t now);

/* The descriptor for others, which can only read; it stays the page's. NULL: -ENODEV. */
int page_descriptor(const struct page *page);

/* Readers take it for void at once. NULL is fine. */
void page_close(struct page *page);

#endif
