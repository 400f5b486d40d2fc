/* SPDX-License-Identifier: GPL-2.0-only */
/* The matrix of admissions and its words, and what a request meets beside it. */
#include "policy/admission.h"

#include <stdio.h>
#include <string.h>

struct config_verdict admission_judged(const struct config *config, enum level level,
				       enum class class)
{
	return config->admission[level][class];
}

struct config_verdict admission_decide(const struct config *config, enum level level,
				       enum class class)
{
	if (config->mode == MODE_OBSERVE)
		return (struct config_verdict){ .kind = VERDICT_ACCEPT };
	return admission_judged(config, level, class);
}

char *admission_format(char *buf, size_t size, const struct config *config,
		       struct config_verdict verdict)
{
	switch (verdict.kind) {
	case VERDICT_ACCEPT:
		snprintf(buf, size, "accept");
		break;
	case VERDICT_DELAY:
		snprintf(buf, size, "delay %u", verdict.delay_s);
		break;
	case VERDICT_DEFER:
		snprintf(buf, size, "defer %s", config->reply);
		break;
	}
	return buf;
}

void admission_init(struct admission *admission, uint64_t salt)
{
	memset(admission, 0, sizeof(*admission));
	reservation_init(&admission->reservations, salt);
}

static bool is_closed(const struct admission *admission, const struct config *config,
		      enum class class)
{
	return admission_judged(config, admission->level, class).kind == VERDICT_DEFER;
}

int64_t admission_ramp_ns(const struct admission *admission, const struct config *config)
{
	return admission->forced_open ? 0 : config->ramp_ns;
}

void admission_update(struct admission *admission, const struct config *config,
		      const struct judge *judge, uint64_t salt, int64_t now,
		      enum ramp_event events[CLASSES])
{
	const struct resource *tightest = judge_tightest(judge);

	admission->level = judge->level;
	admission->forced_open = judge->override.active && judge->level == LEVEL_NORMAL;
	reservation_headroom(&admission->reservations, judge_headroom(judge),
			     tightest ? tightest->seen_ns : now);
	for (enum class class = 0; class < CLASSES; class ++)
		events[class] =
			ramp_update(&admission->ramps[class], is_closed(admission, config, class),
				    admission_ramp_ns(admission, config), salt, now);
}

int64_t admission_deadline(const struct admission *admission, const struct config *config)
{
	int64_t earliest_ns = INT64_MAX;

	for (enum class class = 0; class < CLASSES; class ++) {
		int64_t deadline_ns = ramp_deadline(&admission->ramps[class],
						    admission_ramp_ns(admission, config));

		if (deadline_ns < earliest_ns)
			earliest_ns = deadline_ns;
	}
	return earliest_ns;
}

/* Its own server's last floor is enough for a class that is taken at high. */
static bool is_sized(const struct admission *admission, const struct config *config,
		     enum class class)
{
	return !admission->forced_open &&
	       admission_judged(config, LEVEL_HIGH, class).kind == VERDICT_DEFER;
}

int64_t admission_size_max(const struct admission *admission, const struct config *config,
			   enum class class)
{
	return is_sized(admission, config, class)
		       ? reservation_small(&admission->reservations, class)
		       : INT64_MAX;
}

bool admission_by_address(const struct admission *admission, const struct config *config,
			  enum class class, int64_t now)
{
	const struct ramp *ramp = &admission->ramps[class];

	return !ramp->closed && ramp_share(ramp, admission_ramp_ns(admission, config), now) < PPM;
}

/* The size comes last: only what is let in is promised its room. */
static enum admission_cause find_cause(struct admission *admission, const struct config *config,
				       const struct admission_request *request, int64_t now)
{
	enum class class = request->class;

	if (is_closed(admission, config, class))
		return CAUSE_LEVEL;
	if (!ramp_accepts(&admission->ramps[class], admission_ramp_ns(admission, config),
			  request->address, now))
		return CAUSE_RAMP;
	if (is_sized(admission, config, class) &&
	    !reservation_take(&admission->reservations, class, request->size, request->address,
			      now))
		return CAUSE_SIZE;
	return CAUSE_NONE;
}

struct config_verdict admission_ask(struct admission *admission, const struct config *config,
				    const struct admission_request *request, int64_t now,
				    enum admission_cause *cause)
{
	*cause = find_cause(admission, config, request, now);
	if (*cause == CAUSE_RAMP || *cause == CAUSE_SIZE)
		return (struct config_verdict){ .kind = VERDICT_DEFER };
	return admission_judged(config, admission->level, request->class);
}
