/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the queue directories of mail servers are, and those that nobody watches. */
#include <string.h>

#include "common/log.h"
#include "watch/unwatched.h"

static void find(struct unwatched *unwatched, unsigned int index)
{
	struct unwatched_spool *spool = &unwatched->spools[index];

	spool->found = false;
	spool->asked = !scout_send(&unwatched->set->scout, SCOUT_FIND, SCOUT_SPOOLS + index,
				   ++spool->serial, NULL, 0, config_spools[index]);
}

void unwatched_find(struct unwatched *unwatched, bool new_scout)
{
	unsigned int i;

	for (i = 0; i < CONFIG_SPOOLS; i++)
		if (new_scout || !unwatched->spools[i].asked)
			find(unwatched, i);
}

/* What does not answer has been waited for, and may well be where the spool is. */
static bool all_looked_at(const struct filesystem_set *set)
{
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		const struct filesystem *fs = &set->filesystems[i];

		if (!fs->present && !fs->said_missing && !fs->failed && !fs->late)
			return false;
	}
	return true;
}

/* That is so of all paths on its filesystem: any may be the one that is judged. */
static bool is_watched(const struct filesystem_set *set, unsigned int index,
		       const struct look *look)
{
	bool watched = false;
	unsigned int i;

	for (i = 0; i < set->count; i++) {
		const struct filesystem *fs = &set->filesystems[i];

		if (strcmp(filesystem_path(fs), config_spools[index]) != 0 &&
		    !(fs->look.device && look_same(&fs->look, look)))
			continue;
		set->sink->queue(set->sink->context, i);
		watched = true;
	}
	return watched;
}

static void warn(const struct config *config, const char *path)
{
	if (config->found)
		log_warning("queue directory %s is there, and its filesystem is not watched: "
			    "restart spoolgated, so that it is found",
			    path);
	else
		log_warning("queue directory %s is there, and its filesystem is not watched: it "
			    "can run full while mail is accepted; add to %s: filesystem \"%s\" {}",
			    path, config->file, path);
}

void unwatched_tell(struct unwatched *unwatched)
{
	const struct filesystem_set *set = unwatched->set;
	unsigned int i;

	for (i = 0; i < CONFIG_SPOOLS; i++) {
		struct unwatched_spool *spool = &unwatched->spools[i];

		if (!spool->found || !all_looked_at(set))
			continue;
		spool->found = false;
		if (!is_watched(set, i, &spool->look))
			warn(set->config, config_spools[i]);
	}
}

void unwatched_reply(struct unwatched *unwatched, const struct scout_reply *reply)
{
	struct unwatched_spool *spool = &unwatched->spools[reply->slot - SCOUT_SPOOLS];

	if (reply->serial != spool->serial || !spool->asked)
		return;
	spool->asked = false;
	if (reply->error)
		return;
	spool->found = true;
	spool->look = reply->look;
	unwatched_tell(unwatched);
}

void unwatched_open(struct unwatched *unwatched, struct filesystem_set *set)
{
	unwatched->set = set;
}
