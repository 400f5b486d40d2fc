/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any lines as quantities and times, and any numbers to be shown.
 *
 * Parses: user/common/units.c
 */
#include <errno.h>
#include <inttypes.h>

#include "common/units.h"
#include "fuzz.h"

static void check_quantity(const struct quantity *quantity)
{
	struct quantity again;
	char text[64], same[64];

	check(quantity->number >= 0);
	check(quantity->kind <= QUANTITY_COUNT);
	check(quantity->kind != QUANTITY_SHARE || quantity->number <= PPM);
	/* What is written of it is read as the same, and is written the same. */
	quantity_format(text, sizeof(text), quantity);
	check(!quantity_parse(text, &again));
	check(again.kind == quantity->kind && again.number == quantity->number);
	check(!strcmp(quantity_format(same, sizeof(same), &again), text));
}

static void check_duration(const char *text, const struct quantity *quantity, int error)
{
	int64_t ns = -1;
	int ret = duration_parse(text, &ns);

	if (error)
		check(ret == error && ns == -1);
	else if (quantity->kind == QUANTITY_TIME || !strcmp(text, "0"))
		check(!ret && ns == quantity->number);
	else if (ret)
		check(ret == -EINVAL && ns == -1);
	else
		check(!ns); /* nought in any unit */
}

/* A number is another with each digit more, and the same with zeroes that mean nothing. */
static void check_zeroes(const char *text, const struct quantity *quantity)
{
	size_t digits = strspn(text, "0123456789.");
	struct quantity again;
	char longer[256];

	if (strlen(text) > 100)
		return;
	snprintf(longer, sizeof(longer), "0%s", text);
	check(!quantity_parse(longer, &again) && again.number == quantity->number);
	if (!memchr(text, '.', digits))
		return;
	snprintf(longer, sizeof(longer), "%.*s0%s", (int)digits, text, text + digits);
	check(!quantity_parse(longer, &again) && again.number == quantity->number);
}

static void take_quantity(char *text)
{
	struct quantity quantity = { .number = -1 };
	int error = quantity_parse(text, &quantity);

	check(!error || error == -EINVAL || error == -ERANGE);
	check_duration(text, &quantity, error);
	if (error) {
		check(quantity.number == -1);
		return;
	}
	check(text[0] >= '0' && text[0] <= '9');
	check_quantity(&quantity);
	check_zeroes(text, &quantity);
}

/* "1.9 GiB" as the configuration would have it: "1.9GiB". Returns what it is, or -1. */
static int64_t read_part(const char *number, const char *unit)
{
	struct quantity quantity;
	char text[64];

	snprintf(text, sizeof(text), "%s%s", number, unit);
	return quantity_parse(text, &quantity) ? -1 : quantity.number;
}

/* What a person reads is never more than there is, and by a tenth less at most. */
static void check_shown(const char *shown, int64_t value, int64_t slack)
{
	char number[2][32] = { "", "" }, unit[2][8] = { "", "" };
	int parts = sscanf(shown, "%31s %7s %31s %7s", number[0], unit[0], number[1], unit[1]);
	int64_t read = read_part(number[0], unit[0]);

	check(read >= 0 && (parts <= 2 || parts == 4));
	if (parts == 4) {
		check(read_part(number[1], unit[1]) > 0);
		read += read_part(number[1], unit[1]);
	}
	check(read <= value);
	check(value - read <= value / 10 || value - read <= slack);
}

static void show(int64_t value)
{
	static const int64_t slack[] = { 0, 0, NS_PER_MS / 10, PPM / 10000 };
	static const int64_t most[] = { 1024 * (GIB << 20) - 1, INT64_MAX, VALUE_NEVER - 1, PPM };

	for (enum unit unit = UNIT_BYTES; unit <= UNIT_SHARE; unit++) {
		char shown[64], cut[8];
		size_t length;

		check(value_format(shown, sizeof(shown), unit, value) == shown);
		length = strlen(shown);
		check(length && length < sizeof(shown) - 1);
		check(strspn(shown, " %-.0123456789BEGKMPTdehimnrsv") == length);
		check((shown[0] == '-') == (value < 0));
		value_format(cut, sizeof(cut), unit, value);
		check(!strncmp(cut, shown, sizeof(cut) - 1));
		if (value >= 0 && value <= most[unit])
			check_shown(shown, value, slack[unit]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	each_line(data, size, take_quantity);
	/* The same bytes as numbers, small and large. */
	for (int shift = 0; size >= sizeof(int64_t) && shift < 64; shift += 9) {
		int64_t value;

		memcpy(&value, data, sizeof(value));
		show(value >> shift);
	}
	return 0;
}
