/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads and writes quantities. */
#include "common/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MIN  (60 * NS_PER_S)
#define NS_PER_HOUR (60 * NS_PER_MIN)
#define NS_PER_DAY  (24 * NS_PER_HOUR)

/* More decimals than this change no quantity by as much as one; they are read and dropped. */
#define DECIMALS 18

struct suffix {
	const char *text;
	enum quantity_kind kind;
	int64_t factor;
};

/* Of each kind the largest first: even_suffix() takes the first that fits, so short forms last. */
static const struct suffix suffixes[] = {
	{ "%", QUANTITY_SHARE, PPM / 100 },
	{ "P", QUANTITY_SIZE, KIB *GIB *KIB },
	{ "T", QUANTITY_SIZE, KIB *GIB },
	{ "G", QUANTITY_SIZE, GIB },
	{ "M", QUANTITY_SIZE, MIB },
	{ "K", QUANTITY_SIZE, KIB },
	{ "B", QUANTITY_SIZE, 1 },
	{ "PiB", QUANTITY_SIZE, KIB *GIB *KIB },
	{ "TiB", QUANTITY_SIZE, KIB *GIB },
	{ "GiB", QUANTITY_SIZE, GIB },
	{ "MiB", QUANTITY_SIZE, MIB },
	{ "KiB", QUANTITY_SIZE, KIB },
	{ "d", QUANTITY_TIME, NS_PER_DAY },
	{ "h", QUANTITY_TIME, NS_PER_HOUR },
	{ "min", QUANTITY_TIME, NS_PER_MIN },
	{ "m", QUANTITY_TIME, NS_PER_MIN },
	{ "s", QUANTITY_TIME, NS_PER_S },
	{ "sec", QUANTITY_TIME, NS_PER_S },
	{ "ms", QUANTITY_TIME, NS_PER_MS },
	{ "", QUANTITY_COUNT, 1 },
};

#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* A decimal number as written: whole + decimals / scale. */
struct decimal {
	int64_t whole;
	int64_t decimals;
	int64_t scale;
	bool has_point;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int parse_whole(const char **text, int64_t *whole)
{
	const char *p = *text;

	if (!is_digit(*p))
		return -EINVAL;
	*whole = 0;
	for (; is_digit(*p); p++)
		if (__builtin_mul_overflow(*whole, 10, whole) ||
		    __builtin_add_overflow(*whole, *p - '0', whole))
			return -ERANGE;
	*text = p;
	return 0;
}

static int parse_decimals(const char **text, struct decimal *decimal)
{
	const char *p = *text;
	int taken = 0;

	decimal->decimals = 0;
	decimal->scale = 1;
	decimal->has_point = *p == '.';
	if (!decimal->has_point)
		return 0;
	if (!is_digit(*++p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (taken++ >= DECIMALS)
			continue;
		decimal->decimals = decimal->decimals * 10 + (*p - '0');
		decimal->scale *= 10;
	}
	*text = p;
	return 0;
}

static const struct suffix *find_suffix(const char *text)
{
	for (size_t i = 0; i < SUFFIXES; i++)
		if (!strcmp(suffixes[i].text, text))
			return &suffixes[i];
	return NULL;
}

/* Rounds towards zero: a threshold must not turn out larger than written. */
static int scale_up(const struct decimal *decimal, int64_t factor, int64_t *number)
{
	int64_t part = (int64_t)((__int128)decimal->decimals * factor / decimal->scale);

	if (__builtin_mul_overflow(decimal->whole, factor, number) ||
	    __builtin_add_overflow(*number, part, number))
		return -ERANGE;
	return 0;
}

int quantity_parse(const char *text, struct quantity *quantity)
{
	const struct suffix *suffix;
	struct decimal decimal;
	const char *end;
	int64_t number;
	int error;

	/* The suffix is looked at first: "99999999999999999999x" is no quantity of any range. */
	end = text + strspn(text, "0123456789.");
	suffix = find_suffix(end);
	if (!suffix)
		return -EINVAL;
	error = parse_whole(&text, &decimal.whole);
	if (error)
		return error;
	error = parse_decimals(&text, &decimal);
	if (error)
		return error;
	if (text != end || (suffix->kind == QUANTITY_COUNT && decimal.has_point))
		return -EINVAL;
	error = scale_up(&decimal, suffix->factor, &number);
	if (error)
		return error;
	if (suffix->kind == QUANTITY_SHARE && number > PPM)
		return -ERANGE;
	quantity->kind = suffix->kind;
	quantity->number = number;
	return 0;
}

int duration_parse(const char *text, int64_t *ns)
{
	struct quantity quantity;
	int error = quantity_parse(text, &quantity);

	if (error)
		return error;
	/* Nought is nought in any unit. */
	if (quantity.kind != QUANTITY_TIME &&
	    (quantity.kind != QUANTITY_COUNT || quantity.number != 0))
		return -EINVAL;
	*ns = quantity.number;
	return 0;
}

/*
 * NUMBER / FACTOR with up to two DIGITS after the point, cut off and not rounded: what is shown is
 * never more than there is, and 1023.99 KiB never becomes 1024.
 */
static void fraction_format(char *buf, size_t size, uint64_t number, uint64_t factor,
			    unsigned int digits)
{
	uint64_t whole = number / factor;
	unsigned int hundredths =
		(unsigned int)((unsigned __int128)(number % factor) * 100 / factor);

	if (digits == 2)
		snprintf(buf, size, "%" PRIu64 ".%02u", whole, hundredths);
	else if (digits == 1)
		snprintf(buf, size, "%" PRIu64 ".%u", whole, hundredths / 10);
	else
		snprintf(buf, size, "%" PRIu64, whole);
}

static void bytes_format(char *buf, size_t size, const char *sign, uint64_t bytes)
{
	static const char prefixes[] = "KMGTPE";
	unsigned int power = 0;
	char number[32];

	if (bytes < (uint64_t)KIB) {
		snprintf(buf, size, "%s%" PRIu64 " B", sign, bytes);
		return;
	}
	while (power + 1 < sizeof(prefixes) - 1 && bytes >> (10 * (power + 2)))
		power++;
	fraction_format(number, sizeof(number), bytes, UINT64_C(1) << (10 * (power + 1)),
			bytes >> (10 * (power + 1)) < 10);
	snprintf(buf, size, "%s%s %ciB", sign, number, prefixes[power]);
}

/* "2 min 30 s", and without the second part where that is nought. */
static void two_parts(char *buf, size_t size, const char *sign, uint64_t ns,
		      const struct suffix *large, const struct suffix *small)
{
	uint64_t whole = ns / (uint64_t)large->factor;
	uint64_t rest = ns % (uint64_t)large->factor / (uint64_t)small->factor;

	if (rest)
		snprintf(buf, size, "%s%" PRIu64 " %s %" PRIu64 " %s", sign, whole, large->text,
			 rest, small->text);
	else
		snprintf(buf, size, "%s%" PRIu64 " %s", sign, whole, large->text);
}

static void time_format(char *buf, size_t size, const char *sign, uint64_t ns)
{
	char number[32];

	if (ns < (uint64_t)NS_PER_S) {
		fraction_format(number, sizeof(number), ns, NS_PER_MS,
				ns < 10 * (uint64_t)NS_PER_MS && ns % NS_PER_MS >= NS_PER_MS / 10);
		snprintf(buf, size, "%s%s ms", sign, number);
	} else if (ns < 2 * (uint64_t)NS_PER_MIN) {
		fraction_format(number, sizeof(number), ns, NS_PER_S,
				ns < 10 * (uint64_t)NS_PER_S && ns % NS_PER_S >= NS_PER_S / 10);
		snprintf(buf, size, "%s%s s", sign, number);
	} else if (ns < (uint64_t)NS_PER_HOUR) {
		two_parts(buf, size, sign, ns, find_suffix("min"), find_suffix("s"));
	} else if (ns < 2 * (uint64_t)NS_PER_DAY) {
		two_parts(buf, size, sign, ns, find_suffix("h"), find_suffix("min"));
	} else {
		two_parts(buf, size, sign, ns, find_suffix("d"), find_suffix("h"));
	}
}

static void share_format(char *buf, size_t size, const char *sign, uint64_t ppm)
{
	uint64_t percent = PPM / 100;
	unsigned int digits = 0;
	char number[32];

	if (ppm < percent && ppm % (percent / 10))
		digits = 2;
	else if (ppm % percent >= percent / 10)
		digits = 1;
	fraction_format(number, sizeof(number), ppm, percent, digits);
	snprintf(buf, size, "%s%s %%", sign, number);
}

char *value_format(char *buf, size_t size, enum unit unit, int64_t value)
{
	const char *sign = value < 0 ? "-" : "";
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	switch (unit) {
	case UNIT_BYTES:
		bytes_format(buf, size, sign, magnitude);
		break;
	case UNIT_COUNT:
		snprintf(buf, size, "%" PRId64, value);
		break;
	case UNIT_TIME:
		if (value == VALUE_NEVER)
			snprintf(buf, size, "never");
		else
			time_format(buf, size, sign, magnitude);
		break;
	case UNIT_SHARE:
		share_format(buf, size, sign, magnitude);
		break;
	}
	return buf;
}

/* A number no suffix divides evenly: decimals of SUFFIX, none of them lost. */
static void decimals_format(char *buf, size_t size, int64_t number, const struct suffix *suffix)
{
	int64_t rest = number % suffix->factor;
	int64_t scale = suffix->factor;
	int width = 0;

	for (int64_t i = scale; i > 1; i /= 10)
		width++;
	for (; rest % 10 == 0; rest /= 10)
		width--;
	snprintf(buf, size, "%" PRId64 ".%0*" PRId64 "%s", number / scale, width, rest,
		 suffix->text);
}

/* The largest suffix that divides evenly; nought is written in the one people think in. */
static const struct suffix *even_suffix(const struct quantity *quantity)
{
	static const char *const of_nought[] = {
		[QUANTITY_SHARE] = "%",
		[QUANTITY_SIZE] = "B",
		[QUANTITY_TIME] = "s",
		[QUANTITY_COUNT] = "",
	};

	if (!quantity->number)
		return find_suffix(of_nought[quantity->kind]);
	for (size_t i = 0; i < SUFFIXES; i++)
		if (suffixes[i].kind == quantity->kind && !(quantity->number % suffixes[i].factor))
			return &suffixes[i];
	return NULL;
}

char *quantity_format(char *buf, size_t size, const struct quantity *quantity)
{
	const struct suffix *even = even_suffix(quantity);

	if (even)
		snprintf(buf, size, "%" PRId64 "%s", quantity->number / even->factor, even->text);
	else if (quantity->kind == QUANTITY_SHARE)
		decimals_format(buf, size, quantity->number, find_suffix("%"));
	else
		decimals_format(buf, size, quantity->number, find_suffix("ms"));
	return buf;
}
