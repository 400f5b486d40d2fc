/* SPDX-License-Identifier: GPL-2.0-only */
/* What watch tells the daemon, and what clients ask of it. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/answers.h"
#include "daemon/override.h"
#include "policy/admission.h"
#include "common/class.h"
#include "publish/held.h"

#define OVERRIDE_S 3600

static void on_capacity(void *context, enum resource_id id, unsigned int index, int64_t capacity)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (resource)
		judge_capacity(resource, capacity);
}

static void on_cause(void *context, enum resource_id id, unsigned int index, int error)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (resource)
		resource->cause = error;
}

static void on_value(void *context, enum resource_id id, unsigned int index, int64_t value,
		     int64_t size, const char *backend)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (!resource)
		return;
	resource->present = true;
	resource->backend = backend;
	judge_observe(&daemon->judge, resource, value, size, monotonic_ns());
}

static void on_absent(void *context, enum resource_id id, unsigned int index)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (resource)
		resource->present = false;
}

static void on_stalled(void *context, enum resource_id id, unsigned int index, int64_t since_ns)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (!resource)
		return;
	resource->present = true; /* what was not there may come back hung */
	judge_stall(&daemon->judge, resource, since_ns);
}

static void on_judge(void *context)
{
	struct daemon *daemon = context;

	state_stale(daemon->state);
	daemon_judge(daemon);
}

/* Whoever says that it takes no mail knows better. */
static void on_queue(void *context, unsigned int index)
{
	struct daemon *daemon = context;
	struct config_filesystem *filesystem = &daemon->config->filesystems[index];

	if (filesystem->mail == CONFIG_MAIL_NO || filesystem->mail == CONFIG_MAIL_YES)
		return;
	if (filesystem->mail == CONFIG_MAIL_UNKNOWN)
		log_info("%s takes mail: a queue directory is on its filesystem", filesystem->path);
	filesystem->mail = CONFIG_MAIL_YES;
}

static void on_mounts(void *context)
{
	daemon_tend(context, TENDED_MOUNTS, monotonic_ns());
}

static int64_t get_distance(void *context, enum resource_id id, unsigned int index)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (!resource || !resource->present || !resource->known)
		return INT64_MAX;
	return judge_distance(resource);
}

static int64_t get_room(void *context, enum resource_id id, unsigned int index)
{
	struct daemon *daemon = context;
	struct resource *resource = judge_find(&daemon->judge, id, index);

	if (!resource || !resource->present || !resource->known)
		return INT64_MAX;
	return judge_room(resource);
}

static bool is_pressed(void *context)
{
	struct daemon *daemon = context;

	return judge_hurried(&daemon->judge);
}

void answers_sink(struct daemon *daemon, struct watch_sink *sink)
{
	*sink = (struct watch_sink){
		.context = daemon,
		.capacity = on_capacity,
		.cause = on_cause,
		.value = on_value,
		.absent = on_absent,
		.stalled = on_stalled,
		.judge = on_judge,
		.queue = on_queue,
		.mounts = on_mounts,
		.distance = get_distance,
		.room = get_room,
		.pressed = is_pressed,
	};
}

void daemon_written(struct daemon *daemon, int64_t now)
{
	struct reservations *reservations = &daemon->asked.reservations;

	/* The first looks come in before there is a watch to ask. */
	if (daemon->watch)
		reservation_written(reservations, watch_written(daemon->watch, now), now);
}

/* Is REQUEST refused though its class is open? When observing it is counted, and is not. */
static struct config_verdict decide(struct daemon *daemon, const struct admission_request *request,
				    bool *alone)
{
	int64_t now = monotonic_ns();
	enum admission_cause cause;
	struct config_verdict verdict;

	if (request->size > 0)
		daemon_written(daemon, now);
	verdict = admission_ask(&daemon->asked, daemon->config, request, now, &cause);
	if (request->size > 0)
		daemon_offer(daemon, now); /* what was promised leaves others less */
	daemon->refused_by_ramp += cause == CAUSE_RAMP;
	daemon->refused_by_size += cause == CAUSE_SIZE;
	if (reservation_wants_look(&daemon->asked.reservations))
		watch_look_mail(daemon->watch);
	*alone = cause == CAUSE_RAMP || cause == CAUSE_SIZE;
	if (daemon->config->mode != MODE_OBSERVE)
		return verdict;
	*alone = false;
	return (struct config_verdict){ .kind = VERDICT_ACCEPT };
}

static void end_promise(void *context, enum class class, int64_t size, const char *address)
{
	struct daemon *daemon = context;

	reservation_ended(&daemon->asked.reservations, class, size, address, monotonic_ns());
}

static const char *get_admission(void *context, enum class class, int64_t size, const char *address)
{
	const struct admission_request request = { class, size, address };
	struct daemon *daemon = context;
	bool alone;

	decide(daemon, &request, &alone);
	return alone ? daemon->defer : daemon->admission[class];
}

static struct config_verdict get_verdict(void *context, enum class class, int64_t size,
					 const char *address)
{
	const struct admission_request request = { class, size, address };
	bool alone;

	return decide(context, &request, &alone);
}

/* It takes this for a class of C++: */
/* clang-format off */
static enum class get_class(void *context, bool authenticated, const char *address)
{
	const struct daemon *daemon = context;

	return class_of(daemon->config->internal, daemon->config->internal_count, authenticated,
			address);
}
/* clang-format on */

static const char *get_reply(void *context)
{
	const struct daemon *daemon = context;

	return daemon->config->reply;
}

void answers_listener_source(struct daemon *daemon, struct listener_source *source)
{
	*source = (struct listener_source){
		.context = daemon,
		.admission = get_verdict,
		.ended = end_promise,
		.class = get_class,
		.reply = get_reply,
	};
}

/* What was promised and has not arrived, of all classes. */
static uint64_t promised_bytes(struct daemon *daemon)
{
	int64_t now = monotonic_ns();
	uint64_t bytes = 0;

	daemon_written(daemon, now);
	for (enum class class = 0; class < CLASSES; class ++)
		bytes += (uint64_t)reservation_bytes(&daemon->asked.reservations, class, now);
	return bytes;
}

void daemon_writers(struct daemon *daemon, struct report *report)
{
	unsigned int i, j, count = 0, found;

	/* The first looks come in before there is a watch to ask. */
	for (i = 0; daemon->watch && i < daemon->config->filesystem_count; i++) {
		struct watch_writer *writers = &daemon->writers[count];

		report->primaries[i] =
			daemon->config->filesystems[watch_primary(daemon->watch, i)].path;
		found = watch_writers(daemon->watch, i, writers);
		for (j = 0; j < found; j++)
			report->writers[count++] = (struct report_writer){
				.object = daemon->config->filesystems[i].path,
				.cgroup = writers[j].cgroup,
				.comm = writers[j].comm,
				.bytes_per_s = (int64_t)writers[j].bytes_per_s,
			};
	}
	report->writer_count = count;
}

void daemon_report(struct daemon *daemon, struct report *report)
{
	const struct watch *watch = daemon->watch;
	struct watch_counters watched;
	struct state_counters asked;
	struct held_counters held;
	unsigned int i;

	watch_counters(watch, &watched);
	state_counters(daemon->state, &asked);
	held_counters(&held);
	*report = (struct report){
		.config = daemon->config,
		.judge = &daemon->judge,
		.admission = &daemon->asked,
		.counters = {
			{ "wakeups", daemon->wakeups },
			{ "transitions", daemon->transitions },
			{ "looks", watched.looks },
			{ "late_looks", watched.late_looks },
			{ "rings", watched.rings },
			{ "ring_failures", watched.ring_failures },
			{ "dirtied_pages", watched.dirtied_pages },
			{ "reclaims", watched.reclaims },
			{ "scout_starts", watched.scout_starts },
			{ "clients", asked.clients },
			{ "requests", asked.requests },
			{ "errors", asked.errors },
			{ "dropped", asked.dropped },
			{ "lacked", asked.lacked },
			{ "held_bytes", held.bytes },
			{ "shed", held.shed },
			{ "refused_by_ramp", daemon->refused_by_ramp },
			{ "refused_by_size", daemon->refused_by_size },
			{ "promised_bytes", promised_bytes(daemon) },
		},
		.counter_count = 19,
	};
	gates_report(&daemon->gates, daemon->config, &daemon->judge, monotonic_ns(),
		     &daemon->gates_shown);
	report->gates = &daemon->gates_shown;
	daemon_writers(daemon, report);
	report->children = &daemon->children;
	report->listeners = daemon->listened;
	report->listener_count = listeners_status(daemon->listeners, daemon->listened);
	for (i = 0; i < SIGNALS; i++)
		report->backends[i] =
			(struct report_backend){ kernel_signal_name(i), watch_backend(watch, i) };
	report->backends[i++] =
		(struct report_backend){ "memory-stall", watch_stall_backend(watch) };
	report->backend_count = i;
}

static int get_page(void *context)
{
	struct daemon *daemon = context;

	return page_descriptor(daemon->page);
}

static char *get_status(void *context)
{
	struct report report;

	daemon_report(context, &report);
	return report_json(&report, monotonic_ns());
}

uid_t answers_admin(const struct config *config)
{
	struct passwd *user;

	if (!config->state.admin[0])
		return 0;
	user = getpwnam(config->state.admin);
	if (!user)
		log_warning("user %s (state.admin) does not exist: only root may override",
			    config->state.admin);
	return user ? user->pw_uid : 0;
}

static bool may_override(const struct daemon *daemon, uid_t uid, const char **who)
{
	*who = uid ? daemon->config->state.admin : "root";
	return uid == 0 || uid == daemon->admin;
}

static void save(struct daemon *daemon, int64_t now)
{
	override_save(daemon->filer, daemon->config->state.path, &daemon->judge.override, now);
}

static int set_override(void *context, enum level level, int64_t seconds, const char *reason,
			uid_t uid)
{
	struct daemon *daemon = context;
	int64_t now = monotonic_ns();
	const char *who;

	if (!may_override(daemon, uid, &who))
		return -EPERM;
	if (!seconds)
		seconds = OVERRIDE_S;
	judge_override(&daemon->judge, level, now + seconds * NS_PER_S, reason ? reason : "", who,
		       now);
	log_notice("override to %s for %lld s by %s: %s", level_name(level), (long long)seconds,
		   who, reason && *reason ? reason : "no reason given");
	save(daemon, now);
	daemon_judge(daemon);
	return 0;
}

static int end_override(void *context, uid_t uid)
{
	struct daemon *daemon = context;
	int64_t now = monotonic_ns();
	const char *who;

	if (!may_override(daemon, uid, &who))
		return -EPERM;
	if (daemon->judge.override.active)
		log_notice("override ended by %s", who);
	judge_override_off(&daemon->judge, now);
	save(daemon, now);
	daemon_judge(daemon);
	return 0;
}

void answers_source(struct daemon *daemon, struct state_source *source)
{
	*source = (struct state_source){
		.context = daemon,
		.admission = get_admission,
		.ended = end_promise,
		.class = get_class,
		.status = get_status,
		.page = get_page,
		.override = set_override,
		.override_off = end_override,
	};
}
