/* SPDX-License-Identifier: GPL-2.0-only */
/* Reopening by degrees. */
#include "policy/ramp.h"

#include "common/address.h"

static enum ramp_event open_up(struct ramp *ramp)
{
	ramp->since_ns = 0;
	return RAMP_OPEN;
}

static bool is_over(const struct ramp *ramp, int64_t length_ns, int64_t now)
{
	return now - ramp->since_ns >= length_ns;
}

enum ramp_event ramp_update(struct ramp *ramp, bool closed, int64_t length_ns, uint64_t salt,
			    int64_t now)
{
	if (closed != ramp->closed) {
		ramp->closed = closed;
		ramp->since_ns = now;
		if (closed)
			return RAMP_CLOSED;
		ramp->salt = salt;
		return length_ns ? RAMP_REOPENING : open_up(ramp);
	}
	if (!closed && ramp->since_ns && is_over(ramp, length_ns, now))
		return open_up(ramp);
	return RAMP_NOTHING;
}

int64_t ramp_share(const struct ramp *ramp, int64_t length_ns, int64_t now)
{
	if (ramp->closed)
		return 0;
	if (!ramp->since_ns || is_over(ramp, length_ns, now))
		return PPM;
	return RAMP_BEGIN_PPM +
	       (int64_t)((__int128)(PPM - RAMP_BEGIN_PPM) * (now - ramp->since_ns) / length_ns);
}

bool ramp_accepts(const struct ramp *ramp, int64_t length_ns, const char *address, int64_t now)
{
	uint64_t hash = address_hash(address, ramp->salt);

	return !hash || (int64_t)(hash % PPM) < ramp_share(ramp, length_ns, now);
}

int64_t ramp_deadline(const struct ramp *ramp, int64_t length_ns)
{
	return ramp->closed || !ramp->since_ns ? INT64_MAX : ramp->since_ns + length_ns;
}
