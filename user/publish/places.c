/* SPDX-License-Identifier: GPL-2.0-only */
/* Places for clients: how many there are, and what is said when all are taken. */
#include "publish/places.h"

#include <sys/resource.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"
#include "publish/state.h"

#define GAP_NS (60 * NS_PER_S)

void places_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= PLACES_FILES)
		return;
	limit.rlim_cur = limit.rlim_max < PLACES_FILES ? limit.rlim_max : PLACES_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The rest of the daemon has an eighth: kernel programs, watched files, connections that end. */
void places_share(struct places *places)
{
	unsigned int files = PLACES_FILES, rest;
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit))
		files = limit.rlim_cur < UINT32_MAX / 2 ? (unsigned int)limit.rlim_cur
							: UINT32_MAX / 2;
	rest = files < 512 ? files / 4 : files / 8;
	places->state = files / 2 < STATE_CLIENTS ? files / 2 : STATE_CLIENTS;
	places->listeners = files - places->state - rest;
	places->listener = places->listeners * 2 / 3;
}

void places_lacked(struct places_lack *lack, const char *what, unsigned int places)
{
	int64_t now = monotonic_ns();

	lack->times++;
	if (lack->said_ns && now - lack->said_ns < GAP_NS)
		return;
	log_warning("%s: no place for another connection beside %u (%llu since the last line): the "
		    "quietest gives up its own, or the new one waits, and mail is taken unasked; "
		    "LimitNOFILE= of the unit (or ulimit -n) makes more",
		    what, places, (unsigned long long)(lack->times - lack->said));
	lack->said = lack->times;
	lack->said_ns = now;
}
