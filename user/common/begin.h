/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program of ours does first of all, and what one that stays does with a terminal. */
#ifndef COMMON_BEGIN_H
#define COMMON_BEGIN_H

/*
 * Open those of the descriptors 0 to 2 that were closed when we were started: otherwise the next
 * file or socket would be what stderr is, and have our log written into it.
 */
void begin(void);

/*
 * Let go of a terminal that we were started from: nothing is read from it, nor typed into it, and
 * it is the controlling one no more. Its ^C still comes, unless the whole session was ours.
 */
void begin_apart(void);

#endif
