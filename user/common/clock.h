/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time. Everything is decided on CLOCK_MONOTONIC nanoseconds (the clock of
 * bpf_ktime_get_ns()); wall-clock time is only ever printed.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t monotonic_ns(void);

/* "2026-11-23T20:15:04Z" for the moment that was MONOTONIC_NS on our clock. Returns BUF. */
char *rfc3339_format(char *buf, size_t size, int64_t monotonic);

#endif
