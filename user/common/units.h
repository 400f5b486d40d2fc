/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Quantities as an administrator writes them ("10%", "2G", "90s", "20000") and
 * as a person reads them. Pure functions; thread-safe.
 */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

/* Shares are kept in parts per million: 10 % is 100000. */
#define PPM INT64_C(1000000)

/* A time that is not foreseeable, or a moment that never was. */
#define VALUE_NEVER INT64_MAX

/* What a resource's value is counted in. Values are int64_t everywhere. */
enum unit {
	UNIT_BYTES,
	UNIT_COUNT, /* files, inodes, kills */
	UNIT_TIME,  /* nanoseconds */
	UNIT_SHARE, /* parts per million */
};

enum quantity_kind {
	QUANTITY_SHARE, /* "10%", "0.5%": number is ppm */
	QUANTITY_SIZE,	/* "2G", "512MiB", "100B": number is bytes; K M G T P are powers of 1024 */
	QUANTITY_TIME,	/* see TIME_UNITS: number is nanoseconds */
	QUANTITY_COUNT, /* "20000": number as it stands */
};

struct quantity {
	enum quantity_kind kind;
	int64_t number;
};

/*
 * Read one quantity. Decimal fractions are taken ("1.5G"), signs, blanks inside
 * and exponents are not; a share is at most 100 %. Returns 0, -EINVAL (not a
 * quantity) or -ERANGE (does not fit into int64_t, or a share above 100 %).
 */
int quantity_parse(const char *text, struct quantity *quantity);

/* What may follow the number of a time, for messages. */
#define TIME_UNITS "ms, s or sec, m or min, h, d"

/* A time only ("60s"; a bare "0" is taken too). Returns 0, -EINVAL or -ERANGE. */
int duration_parse(const char *text, int64_t *ns);

/*
 * Write VALUE for a person: "1.9 GiB", "20000", "90 s", "2 min 30 s", "12.5 %". Always
 * NUL-terminated; returns BUF.
 */
char *value_format(char *buf, size_t size, enum unit unit, int64_t value);

/* As it would be written in the configuration: "10%", "2G", "90s", "20000". Returns BUF. */
char *quantity_format(char *buf, size_t size, const struct quantity *quantity);

#endif
