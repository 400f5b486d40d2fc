/* SPDX-License-Identifier: GPL-2.0-only */
/* The write probe: what only writing tells, and where files cannot be without a name. */
#include <string.h>

#include "act.h"
#include "check.h"

/* Whoever watches: the scout is root's child in any case. */
static void judge(int came, const char *outcome, struct finding *finding)
{
	if (came < 0)
		check_found(finding, "fails", "%s", strerror(-came));
	else
		check_found(finding, outcome, "-");
}

void check_over_quota(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	int came = actor_do(stage->actor, act_probe_quota, stage->places[slot].directory);

	judge(came, "works", finding);
}

void check_server(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	int came = actor_do(stage->actor, act_probe_server, stage->places[slot].directory);

	judge(came, "works", finding);
}

void check_overlay(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	int came = actor_do(stage->actor, act_probe_overlay, stage->places[slot].directory);

	judge(came, came ? "named" : "unnamed", finding);
}
