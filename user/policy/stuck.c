/* SPDX-License-Identifier: GPL-2.0-only */
/* When a level that does not end is to be said again. */
#include "policy/stuck.h"

bool stuck_due(struct stuck *stuck, const struct judge *judge, int64_t period_ns, int64_t now)
{
	int64_t times;

	if (stuck->since_ns != judge->since_ns)
		*stuck = (struct stuck){ .since_ns = judge->since_ns };
	if (!period_ns || judge->level == LEVEL_NORMAL)
		return false;
	times = (now - judge->since_ns) / period_ns;
	if (times <= stuck->times)
		return false;
	stuck->times = times;
	return true;
}

int64_t stuck_deadline(const struct stuck *stuck, const struct judge *judge, int64_t period_ns)
{
	int64_t times = stuck->since_ns == judge->since_ns ? stuck->times : 0;

	if (!period_ns || judge->level == LEVEL_NORMAL)
		return INT64_MAX;
	return judge->since_ns + (times + 1) * period_ns;
}
