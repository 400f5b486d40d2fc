/* SPDX-License-Identifier: GPL-2.0-only */
/* What the daemon says in the log. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/network.h"
#include "common/text.h"
#include "daemon/announce.h"

#define REASON	    REPORT_REASON
#define SIZE_GAP_NS (60 * NS_PER_S)

/* How the command is called: by its path, where it lies beside us and so not in the PATH. */
static char client[PATH_MAX] = "spoolgate";

void announce_prepare(void)
{
	char path[sizeof(client)];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("spoolgate"));
	char *name;

	if (length < 0)
		return;
	path[length] = '\0';
	name = strrchr(path, '/');
	if (!name)
		return;
	strcpy(name + 1, "spoolgate");
	if (!access(path, X_OK))
		strcpy(client, path);
}

static void announce_filesystem(const struct daemon *daemon, unsigned int index)
{
	char how[256];

	log_info("watching %s: %s", daemon->config->filesystems[index].path,
		 watch_describe(daemon->watch, index, how, sizeof(how)));
}

/* A list of one's own takes the place of the default, which not everyone expects. */
void announce_internal(const struct config *config)
{
	bool v4 = network_has(config->internal, config->internal_count, "127.0.0.1");
	bool v6 = network_has(config->internal, config->internal_count, "::1");

	if (v4 && v6)
		return;
	log_notice("%s not internal (classes { internal } in %s): mail that a content filter on "
		   "this host hands back is treated like a stranger's",
		   v4	? "::1 is"
		   : v6 ? "127.0.0.1 is"
			: "127.0.0.1 and ::1 are",
		   config->file);
}

static bool is_judged(const struct thresholds *thresholds)
{
	return thresholds->enter[LEVEL_MEDIUM].count || thresholds->enter[LEVEL_HIGH].count;
}

void announce_stall(const struct config *config)
{
	if (is_judged(&config->host[RESOURCE_MEMORY_STALL]) &&
	    !is_judged(&config->host[RESOURCE_MEMORY_AVAILABLE]))
		log_notice(
			"memory-stall of the host is judged only while memory-available is below "
			"twice its medium threshold, and that is off: it is shown, and closes "
			"nothing (memory { available { ... } } in %s)",
			config->file);
}

/* Which services find it depends on their units, and nobody would look there. */
static void announce_tmp(const char *path)
{
	if (path_is_in_tmp(path))
		log_notice("%s: services with a /tmp of their own (PrivateTmp=) do not find this "
			   "socket, and take mail as if there was no spoolgate: better a path in "
			   "/run/spoolgate or in the queue directory",
			   path);
}

static void announce_sockets(const struct config *config)
{
	announce_tmp(config->state.path);
	for (unsigned int i = 0; i < config->listener_count; i++)
		if (config->listeners[i].socket.ss_family == AF_UNIX)
			announce_tmp(config->listeners[i].address + strlen("unix:"));
}

void announce_start(const struct daemon *daemon)
{
	char reason[REASON];
	unsigned int i;

	log_info("spoolgated %s, configuration: %s", SPOOLGATE_VERSION,
		 daemon->config->file[0] ? daemon->config->file : "the embedded default");
	for (i = 0; i < daemon->config->filesystem_count; i++)
		announce_filesystem(daemon, i);
	announce_internal(daemon->config);
	announce_stall(daemon->config);
	log_info("watching the host's memory: memory-stall by %s, reclaim by %s, oom-kill by %s",
		 watch_stall_backend(daemon->watch), watch_backend(daemon->watch, SIGNAL_RECLAIM),
		 watch_backend(daemon->watch, SIGNAL_OOM_KILLS));
	for (i = 0; i < daemon->judge.count; i++) {
		const struct resource *resource = &daemon->judge.resources[i];

		if (resource->present && resource->known)
			log_info("%s", judge_reason(reason, sizeof(reason), resource, 0));
	}
	log_info("level %s%s; inbound: %s", level_name(daemon->judge.level),
		 daemon->config->mode == MODE_OBSERVE ? " (observing only)" : "",
		 daemon->admission[CLASS_INBOUND]);
	announce_sockets(daemon->config);
	log_info("ask with: %s -s %s status", client, daemon->config->state.path);
}

static void announce_resource(struct daemon *daemon, const struct report *report, unsigned int i,
			      int64_t now)
{
	const struct resource *resource = &daemon->judge.resources[i];
	enum level level = resource->pressure.level, before = daemon->said[i];
	char reason[REASON];

	if (level == before)
		return;
	report_reason(reason, sizeof(reason), report, resource, now);
	if (level > before)
		log_warning("%s -> %s: %s", level_name(before), level_name(level), reason);
	else
		log_notice("%s -> %s: %s", level_name(before), level_name(level), reason);
	daemon->said[i] = level;
}

void announce_changes(struct daemon *daemon, int64_t now)
{
	const struct judge *judge = &daemon->judge;
	struct report report = { 0 };
	unsigned int i;

	daemon_writers(daemon, &report);
	for (i = 0; i < judge->count; i++)
		announce_resource(daemon, &report, i, now);
	if (judge->override.active != daemon->said_override)
		log_notice("override %s%s%s", judge->override.active ? "to " : "ended",
			   judge->override.active ? level_name(judge->override.level) : "",
			   judge->override.active ? "" : ", judged again");
	daemon->said_override = judge->override.active;
	if (judge->level == daemon->said_level)
		return;
	log_notice("level %s -> %s%s: inbound %s; submission %s; internal %s",
		   level_name(daemon->said_level), level_name(judge->level),
		   daemon->config->mode == MODE_OBSERVE ? " (observing only)" : "",
		   daemon->admission[CLASS_INBOUND], daemon->admission[CLASS_SUBMISSION],
		   daemon->admission[CLASS_INTERNAL]);
	daemon->said_level = judge->level;
}

static const char *observing(const struct daemon *daemon)
{
	return daemon->config->mode == MODE_OBSERVE ? " (observing only)" : "";
}

bool announce_classes(const struct daemon *daemon, const enum ramp_event events[CLASSES])
{
	int64_t ramp_ns = admission_ramp_ns(&daemon->asked, daemon->config);
	char length[64];
	bool any = false;

	for (enum class class = 0; class < CLASSES; class ++) {
		any |= events[class] != RAMP_NOTHING;
		if (events[class] == RAMP_CLOSED)
			log_notice("%s is closed%s", class_name(class), observing(daemon));
		else if (events[class] == RAMP_REOPENING)
			log_notice("%s reopens%s: to a tenth of the clients now, to all in %s",
				   class_name(class), observing(daemon),
				   value_format(length, sizeof(length), UNIT_TIME, ramp_ns));
		else if (events[class] == RAMP_OPEN)
			log_notice("%s is open to all%s", class_name(class), observing(daemon));
	}
	return any;
}

void announce_stuck(struct daemon *daemon, int64_t now)
{
	const struct judge *judge = &daemon->judge;
	int64_t age_ns = (now - judge->since_ns) / NS_PER_S * NS_PER_S;
	char reason[REASON], age[64];
	struct report report = { 0 };

	daemon_writers(daemon, &report);
	log_warning("level %s for %s now%s%s%s", level_name(judge->level),
		    value_format(age, sizeof(age), UNIT_TIME, age_ns), observing(daemon),
		    judge->override.active ? ", by override of " : "",
		    judge->override.active ? judge->override.by : "");
	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *resource = &judge->resources[i];

		if (resource->present && resource->pressure.level != LEVEL_NORMAL)
			log_warning("still %s: %s", level_name(resource->pressure.level),
				    report_reason(reason, sizeof(reason), &report, resource, now));
	}
}

void announce_sizes(struct daemon *daemon, int64_t now)
{
	uint64_t refused = daemon->refused_by_size - daemon->said_by_size;
	char room[64];

	if (!refused || (daemon->said_size_ns && now - daemon->said_size_ns < SIZE_GAP_NS))
		return;
	log_notice("%llu messages refused for their size%s: there is room for %s above high, less "
		   "what was promised",
		   (unsigned long long)refused, observing(daemon),
		   value_format(room, sizeof(room), UNIT_BYTES, judge_headroom(&daemon->judge)));
	daemon->said_by_size = daemon->refused_by_size;
	daemon->said_size_ns = now;
}

static void announce_flaw(struct daemon *daemon, unsigned int i, enum level level)
{
	const struct resource *resource = &daemon->judge.resources[i];
	enum flaw flaw = flaw_find(&daemon->judge, resource, level);
	unsigned int line = flaw_line(resource, level, flaw);
	char text[REASON], where[32] = "";

	if (flaw != FLAW_NONE && flaw != daemon->said_flaw[i][level]) {
		if (line)
			snprintf(where, sizeof(where), ":%u: ", line);
		log_warning("%s%s%s", line ? daemon->config->file : "", where,
			    flaw_text(text, sizeof(text), &daemon->judge, resource, level, flaw));
	}
	daemon->said_flaw[i][level] = flaw;
}

void announce_flaws(struct daemon *daemon)
{
	for (unsigned int i = 0; i < daemon->judge.count; i++)
		for (enum level level = LEVEL_MEDIUM; level < LEVELS; level++)
			announce_flaw(daemon, i, level);
}

void announce_adopt(struct daemon *daemon)
{
	unsigned int i;

	memset(daemon->said_flaw, 0, sizeof(daemon->said_flaw));
	for (i = 0; i < daemon->judge.count; i++)
		daemon->said[i] = daemon->judge.resources[i].pressure.level;
}
