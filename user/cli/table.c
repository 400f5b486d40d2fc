/* SPDX-License-Identifier: GPL-2.0-only */
/* A table for a terminal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/table.h"

#define GAP	  "  "
#define ELLIPSIS  "..."
#define NARROW	  24 /* before an elastic column is cut further, the last one goes */
#define NARROWEST 12 /* and it is not cut further than this */

int table_add(struct table *table, enum level level, const char *const cells[])
{
	struct table_row *rows = realloc(table->row, (table->rows + 1) * sizeof(*rows));
	struct table_row *row;

	if (!rows)
		return -ENOMEM;
	table->row = rows;
	row = &rows[table->rows];
	memset(row, 0, sizeof(*row));
	row->level = level;
	table->rows++;
	for (unsigned int i = 0; i < table->columns; i++) {
		row->cells[i] = strdup(cells[i]);
		if (!row->cells[i])
			return -ENOMEM;
	}
	return 0;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->rows; i++)
		for (unsigned int k = 0; k < table->columns; k++)
			free(table->row[i].cells[k]);
	free(table->row);
	table->row = NULL;
	table->rows = 0;
}

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += !is_continuation(*text);
	return width;
}

/* The end of TEXT that is WIDTH characters: of a path, the end tells more. */
static const char *tail_of(const char *text, size_t width)
{
	size_t skip = width_of(text) - width;

	for (; skip; skip--)
		do
			text++;
		while (is_continuation(*text));
	return text;
}

/* Fills WIDTHS and returns their sum, gaps and all. */
static size_t measure(const struct table *table, unsigned int columns, size_t widths[TABLE_COLUMNS])
{
	size_t sum = (columns - 1) * strlen(GAP);

	for (unsigned int k = 0; k < columns; k++) {
		widths[k] = 0;
		for (size_t i = 0; i < table->rows; i++) {
			size_t cell = width_of(table->row[i].cells[k]);

			widths[k] = cell > widths[k] ? cell : widths[k];
		}
		sum += widths[k];
	}
	return sum;
}

/* Fits the table into WIDTH as far as may be. Returns how many columns to print. */
static unsigned int fit(const struct table *table, size_t width, size_t widths[TABLE_COLUMNS])
{
	unsigned int columns = table->columns;
	size_t sum = measure(table, columns, widths), *elastic;

	if (!width || sum <= width || table->elastic < 0)
		return columns;
	elastic = &widths[table->elastic];
	if (*elastic < NARROW || sum - width > *elastic - NARROW)
		sum = measure(table, --columns, widths);
	if (sum > width && *elastic > NARROWEST)
		*elastic =
			sum - width < *elastic - NARROWEST ? *elastic - (sum - width) : NARROWEST;
	return columns;
}

static void print_cell(const char *text, size_t width, const char *begin, const char *end,
		       bool last)
{
	size_t used = width_of(text);
	const char *cut = "";

	if (used > width) {
		cut = ELLIPSIS;
		text = tail_of(text, width - strlen(ELLIPSIS));
		used = width;
	}
	printf("%s%s%s%s", begin, cut, text, end);
	if (!last)
		printf("%*s" GAP, (int)(width - used), "");
}

void table_print(const struct table *table, size_t width, bool colour)
{
	size_t widths[TABLE_COLUMNS];
	unsigned int columns = fit(table, width, widths);

	for (size_t i = 0; i < table->rows; i++) {
		const struct table_row *row = &table->row[i];

		for (unsigned int k = 0; k < columns; k++) {
			bool painted = colour && table->coloured == (int)k && i;

			print_cell(row->cells[k], widths[k], colour_begin(painted, row->level),
				   colour_end(painted), k + 1 == columns);
		}
		putchar('\n');
	}
}

size_t terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

bool terminal_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

const char *colour_begin(bool colour, enum level level)
{
	static const char *const colours[LEVELS] = {
		[LEVEL_NORMAL] = "\033[32m",
		[LEVEL_MEDIUM] = "\033[1;33m",
		[LEVEL_HIGH] = "\033[1;31m",
	};

	return colour ? colours[level] : "";
}

const char *colour_end(bool colour)
{
	return colour ? "\033[0m" : "";
}
