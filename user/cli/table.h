/* SPDX-License-Identifier: GPL-2.0-only */
/* A table for a terminal: columns as wide as they need to be, one of them cut if they cannot. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/words.h"

#define TABLE_COLUMNS 8

struct table {
	unsigned int columns;
	int elastic;  /* the column that is cut when the terminal is narrow; -1: none. If that
		       * would leave little of it, the last column goes first */
	int coloured; /* the column in the colour of its row's level; -1: none */
	size_t rows;
	struct table_row {
		enum level level;
		char *cells[TABLE_COLUMNS];
	} * row;
};

/* Adds copies of CELLS (UTF-8, clean). Returns 0 or -ENOMEM. */
int table_add(struct table *table, enum level level, const char *const cells[]);
/* WIDTH in characters, 0 for no limit. */
void table_print(const struct table *table, size_t width, bool colour);
void table_free(struct table *table);

/* Of stdout: 0 when it is no terminal. */
size_t terminal_width(void);
/* On a terminal that knows colour, unless NO_COLOR is set. */
bool terminal_colour(void);
/* "" when COLOUR is false. */
const char *colour_begin(bool colour, enum level level);
const char *colour_end(bool colour);

#endif
