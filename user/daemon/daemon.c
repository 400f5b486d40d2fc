/* SPDX-License-Identifier: GPL-2.0-only */
/* spoolgated: start, event loop, reload, end. */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/announce.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "daemon/logger.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/override.h"
#include "daemon/privileges.h"
#include "policy/admission.h"
#include "publish/held.h"
#include "watch/filesystem.h"

static struct timeval timeval_of(int64_t ns)
{
	struct timeval time = { .tv_sec = ns / NS_PER_S, .tv_usec = ns % NS_PER_S / 1000 };

	return time;
}

void daemon_admit(struct daemon *daemon)
{
	unsigned int class;

	for (class = 0; class < CLASSES; class ++)
		admission_format(daemon->admission[class], ADMISSION_LINE, daemon->config,
				 admission_decide(daemon->config, daemon->judge.level, class));
	admission_format(daemon->defer, ADMISSION_LINE, daemon->config,
			 (struct config_verdict){ .kind = VERDICT_DEFER });
}

/* What changes a watcher's line: levels, and what is present. Values alone do not. */
static bool changed(const struct judge *judge, const enum level *before, bool override_before)
{
	unsigned int i;

	for (i = 0; i < judge->count; i++)
		if (judge->resources[i].pressure.level != before[i])
			return true;
	return judge->override.active != override_before;
}

/* When something is to be done that no look and no request brings about. */
static int64_t next_deadline(const struct daemon *daemon)
{
	const int64_t deadlines_ns[] = {
		judge_deadline(&daemon->judge),
		admission_deadline(&daemon->asked, daemon->config),
		stuck_deadline(&daemon->stuck, &daemon->judge, daemon->config->stuck_ns),
	};
	int64_t earliest_ns = PRESSURE_NEVER;

	for (size_t i = 0; i < sizeof(deadlines_ns) / sizeof(deadlines_ns[0]); i++)
		if (deadlines_ns[i] < earliest_ns)
			earliest_ns = deadlines_ns[i];
	return earliest_ns;
}

static void set_deadline(struct daemon *daemon, int64_t now)
{
	int64_t deadline_ns = next_deadline(daemon), delay_ns;
	struct timeval delay;

	evtimer_del(daemon->deadline_event);
	if (deadline_ns == PRESSURE_NEVER)
		return;
	/* Never at once: should a deadline not be met by its own time, this must not spin. */
	delay_ns = deadline_ns - now;
	delay = timeval_of(delay_ns < 10 * NS_PER_MS ? 10 * NS_PER_MS : delay_ns + NS_PER_MS);
	evtimer_add(daemon->deadline_event, &delay);
}

void daemon_judge(struct daemon *daemon)
{
	int64_t now = monotonic_ns();
	enum level level = daemon->said_level;
	enum ramp_event events[CLASSES];
	bool news;

	judge_update(&daemon->judge, now);
	daemon_written(daemon, now);
	admission_update(&daemon->asked, daemon->config, &daemon->judge, ++daemon->salt, now,
			 events);
	/* Before anyone is told that there is something new: telling takes its time (writers). */
	daemon_offer(daemon, now);
	gates_publish(&daemon->gates, daemon->config, &daemon->judge, &daemon->asked, now);
	news = daemon->judge.level != level ||
	       changed(&daemon->judge, daemon->said, daemon->said_override);
	if (news) {
		daemon->transitions += daemon->judge.level != level;
		daemon_admit(daemon);
		if (daemon->state) /* not yet while the first looks come in */
			state_changed(daemon->state);
		announce_changes(daemon, now);
		notify_status(daemon->admission[CLASS_INBOUND]);
	}
	if (announce_classes(daemon, events) && !news && daemon->state)
		state_changed(daemon->state);
	if (stuck_due(&daemon->stuck, &daemon->judge, daemon->config->stuck_ns, now))
		announce_stuck(daemon, now);
	announce_sizes(daemon, now);
	if (daemon->tending) /* at the start the banner comes first */
		announce_flaws(daemon);
	daemon_tend(daemon, TENDED_SAFETY, now);
	memory_tend(now);
	set_deadline(daemon, now);
}

void daemon_tend(struct daemon *daemon, enum tended_why why, int64_t now)
{
	/* While all is being opened there is nothing to look after. */
	if (!daemon->tending)
		return;
	if (state_tend(daemon->state, daemon->filer, why, now) && daemon->judge.override.active)
		override_save(daemon->filer, daemon->config->state.path, &daemon->judge.override,
			      now);
	if (why != TENDED_ASKED) /* a reload has asked for them already */
		listeners_tend(daemon->listeners, daemon->filer, why, now);
}

static void on_deadline(evutil_socket_t fd, short events, void *argument)
{
	struct daemon *daemon = argument;

	(void)fd;
	(void)events;
	judge_await(&daemon->judge, monotonic_ns());
	watch_sample(daemon->watch); /* judge what is true now, not what was a look ago */
	daemon_judge(daemon);
}

/* What cannot change while running is named; the rest is taken over. */
static void take_config(struct daemon *daemon, struct config *config, uid_t admin)
{
	struct config *before = daemon->config;
	struct judge judge;
	int64_t now = monotonic_ns();

	if (strcmp(before->state.path, config->state.path) || strcmp(before->user, config->user) ||
	    strcmp(before->state.group, config->state.group) ||
	    before->state.mode != config->state.mode)
		log_warning("reload: user and the state socket's address, mode and group are taken "
			    "over at a restart only");
	strcpy(config->state.path, before->state.path);
	strcpy(config->state.group, before->state.group);
	config->state.mode = before->state.mode;
	memcpy(config->user, before->user, sizeof(config->user));
	gates_reload(&daemon->gates, before, config);
	judge_init(&judge, config, now);
	judge_carry(&judge, &daemon->judge);
	daemon->judge = judge;
	announce_adopt(daemon);
	announce_internal(config);
	announce_stall(config);
	daemon->config = config;
	daemon->admin = admin;
	daemon_admit(daemon);
	watch_reload(daemon->watch, config);
	daemon_tend(daemon, TENDED_ASKED, now);
	listeners_reload(daemon->listeners, config, daemon->filer);
	daemon_judge(daemon);
	state_changed(daemon->state);
	free(before);
}

static int take(struct daemon *daemon, const struct config *read, uid_t admin)
{
	struct config *config = malloc(sizeof(*config));

	if (!config)
		return -ENOMEM;
	*config = *read;
	if (daemon->socket)
		snprintf(config->state.path, sizeof(config->state.path), "%s", daemon->socket);
	take_config(daemon, config, admin);
	log_notice("configuration read again");
	return 0;
}

static void reload(struct daemon *daemon)
{
	int error;

	daemon->reload_wanted = false;
	notify_reloading(monotonic_ns());
	/* Without a file there is nothing to read: all stays as it is. */
	error = daemon->file ? reader_ask(&daemon->reader)
			     : take(daemon, daemon->config, daemon->admin);
	daemon->reload_wanted = error == -EBUSY;
	if (error && error != -EBUSY)
		log_error("reload: %s; nothing changed", strerror(-error));
	if (error ? error != -EBUSY : !daemon->file)
		notify_ready(daemon->admission[CLASS_INBOUND]);
}

static void on_read(void *context, const struct reading *reading)
{
	struct daemon *daemon = context;

	if (!reading)
		log_error("reload: who read %s ended before it was through; nothing changed",
			  daemon->file);
	else if (reading->error)
		log_error("reload: %s; nothing changed", reading->text);
	else if (take(daemon, &reading->config, reading->admin))
		log_error("reload: %s; nothing changed", strerror(ENOMEM));
	notify_ready(daemon->admission[CLASS_INBOUND]);
	if (daemon->reload_wanted)
		reload(daemon);
}

static void on_late_reading(void *context)
{
	struct daemon *daemon = context;

	log_warning("reload: reading %s takes long (a disk or a name service hangs?): what was "
		    "configured before stays in force until it is read",
		    daemon->file);
	notify_ready(daemon->admission[CLASS_INBOUND]);
}

static void on_signal(evutil_socket_t number, short events, void *argument)
{
	struct daemon *daemon = argument;

	(void)events;
	if (number == SIGHUP) {
		if (daemon->state)
			reload(daemon);
		else
			daemon->reload_wanted = true; /* first things first */
		return;
	}
	log_notice("ending on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	daemon->stopping = true;
}

static int make_events(struct daemon *daemon)
{
	static const int numbers[DAEMON_SIGNALS] = { SIGHUP, SIGINT, SIGTERM };
	unsigned int i;

	for (i = 0; i < DAEMON_SIGNALS; i++) {
		daemon->signals[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
		if (!daemon->signals[i] || evsignal_add(daemon->signals[i], NULL))
			return -ENOMEM;
	}
	daemon->deadline_event = evtimer_new(daemon->base, on_deadline, daemon);
	return daemon->deadline_event ? notify_start(daemon->base) : -ENOMEM;
}

static void restore_override(struct daemon *daemon)
{
	int64_t now = monotonic_ns();
	struct override override;
	int error = override_load(daemon->config, &override, now);

	if (!error)
		judge_override(&daemon->judge, override.level, override.until_ns, override.reason,
			       override.by, now);
	else if (error == -EINVAL || error == -ELOOP)
		log_warning("%s.override is not one of ours: ignored", daemon->config->state.path);
	else if (error != -ENOENT)
		log_warning("%s.override cannot be read: %s", daemon->config->state.path,
			    error == -ETIMEDOUT ? "its filesystem does not answer"
						: strerror(-error));
}

/* Without it clients ask the socket, as they do for what the page does not decide. */
static void open_page(struct daemon *daemon)
{
	int error = page_open(&daemon->page, monotonic_ns());

	if (error)
		log_warning("no shared admission page, the socket answers all: %s",
			    strerror(-error));
}

/*
 * Judge first, answer then: the socket is there only when there is a true answer. The kernel's
 * side needs capabilities, so they go last.
 */
static int start(struct daemon *daemon)
{
	struct watch_sink sink;
	struct state_source source;
	struct listener_source asked;
	int error;

	answers_sink(daemon, &sink);
	answers_source(daemon, &source);
	judge_init(&daemon->judge, daemon->config, monotonic_ns());
	/* What is late has been told as stalled by then, and nothing runs out on what is. */
	daemon->judge.patience_ns = 2 * FILESYSTEM_LATE_NS;
	daemon->admin = answers_admin(daemon->config);
	/* Without random bytes a client may guess when its turn comes, and that is all. */
	if (getrandom(&daemon->salt, sizeof(daemon->salt), GRND_NONBLOCK) < 0)
		daemon->salt = (uint64_t)monotonic_ns();
	admission_init(&daemon->asked, daemon->salt);
	daemon_admit(daemon);
	restore_override(daemon);
	error = make_events(daemon);
	if (!error)
		error = children_attach(&daemon->children, daemon->base);
	if (!error)
		error = reader_attach(&daemon->reader, daemon->base);
	if (!error)
		error = filer_attach(daemon->filer, daemon->base);
	if (!error)
		error = watch_start(&daemon->watch, daemon->base, &daemon->scout, daemon->config,
				    &sink);
	if (error) {
		log_error("cannot start watching: %s", strerror(-error));
		return error;
	}
	open_page(daemon);
	watch_settle(daemon->watch);
	if (daemon->stopping || daemon->children.failed)
		return -ECANCELED;
	daemon_judge(daemon);
	error = state_open(&daemon->state, daemon->base, daemon->config, &source);
	if (error) {
		log_error("cannot listen on %s: %s%s", daemon->config->state.path,
			  error == -ETIMEDOUT ? "its filesystem does not answer" : strerror(-error),
			  error == -EADDRINUSE ? " (another spoolgated answers there)" : "");
		return error;
	}
	answers_listener_source(daemon, &asked);
	error = listeners_open(&daemon->listeners, daemon->base, daemon->config, &asked);
	if (error) {
		log_error("cannot listen: %s", strerror(-error));
		return error;
	}
	/* Not before the socket is ours: two daemons on one port would be two gates. */
	gates_attach(&daemon->gates, daemon->base, daemon->watch, daemon->config);
	error = privileges_drop(daemon->config->user);
	if (error)
		return error;
	daemon->tending = true;
	announce_start(daemon);
	daemon_judge(daemon); /* with the gates there now */
	notify_ready(daemon->admission[CLASS_INBOUND]);
	if (daemon->reload_wanted)
		reload(daemon);
	return 0;
}

static void stop(struct daemon *daemon)
{
	unsigned int i;

	notify_stopping();
	daemon->tending = false;
	filer_wait(daemon->filer); /* what is being placed has to be removed */
	gates_close(&daemon->gates);
	state_close(daemon->state, daemon->filer);
	page_close(daemon->page);
	watch_stop(daemon->watch);
	listeners_close(daemon->listeners, daemon->filer);
	filer_free(daemon->filer);
	reader_stop(&daemon->reader);
	/* Last: the files may be where nothing answers any more. */
	children_stop(&daemon->children);
	for (i = 0; i < DAEMON_SIGNALS; i++)
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
	if (daemon->deadline_event)
		event_free(daemon->deadline_event);
	notify_stop();
	if (daemon->base)
		event_base_free(daemon->base);
	free(daemon->config);
	free(daemon);
}

/*
 * Sleep until there is something to do, and do it. A page is good for as long as this goes
 * round: the safety looks alone wake us often enough.
 */
static bool turn(struct daemon *daemon)
{
	page_renew(daemon->page, monotonic_ns());
	return !daemon->stopping && !daemon->children.failed &&
	       event_base_loop(daemon->base, EVLOOP_ONCE) >= 0;
}

static int new_placer(struct daemon *daemon)
{
	struct unix_socket_rule rules[CONFIG_LISTENERS + 1];
	struct filer_placer placer = {
		.rules = rules,
		.shed = privileges_keep,
		.raise = privileges_raise,
		.user = daemon->config->user,
	};

	placer.count = listeners_rules(daemon->config, rules);
	state_rule(daemon->config, &rules[placer.count++]);
	return filer_new_placer(daemon->filer, &daemon->placers, &placer);
}

static bool has_netns(const struct config *config)
{
	for (unsigned int i = 0; i < config->gate_count; i++)
		if (config->gates[i].netns[0])
			return true;
	return false;
}

/* All the processes that do what the daemon must not, and what each of them gives up. */
static int describe_children(struct daemon *daemon)
{
	const struct gates_sheds sheds = {
		.responder = privileges_respond,
		.attacher = privileges_attach,
		.prober = privileges_shed,
	};
	struct children *children = &daemon->children;
	int error;

	logger_child(&daemon->logger, daemon->config->user);
	children_add(children, &daemon->logger, true);
	scout_child(&daemon->scout, &daemon->scouts);
	children_add(children, &daemon->scouts, false);
	error = filer_new(&daemon->filer, &daemon->filers, privileges_shed, daemon->config->user);
	if (!error)
		error = new_placer(daemon);
	if (error)
		return error;
	children_add(children, &daemon->filers, false);
	children_add(children, &daemon->placers, false);
	daemon->reader.file = daemon->file;
	daemon->reader.told = on_read;
	daemon->reader.late = on_late_reading;
	daemon->reader.context = daemon;
	reader_child(&daemon->reader, privileges_read, daemon->config->user);
	children_add(children, &daemon->reader.child, false);
	gates_children(&daemon->gates, children, daemon->config, &sheds);
	return 0;
}

/* Before there is anything that they must not hold. */
static int start_children(struct daemon *daemon)
{
	int error = describe_children(daemon);

	if (!error)
		error = children_start(&daemon->children,
				       has_netns(daemon->config) ? privileges_keeper_attaching
								 : privileges_keeper,
				       daemon->config->user);
	if (error) {
		logger_undo();
		log_error("cannot start the keeper of the helper processes: %s", strerror(-error));
		return error;
	}
	logger_start(&daemon->logger);
	error = child_start(&daemon->scouts, NULL, 0);
	if (!error)
		error = child_start(&daemon->filers, NULL, 0);
	if (!error)
		error = child_start(&daemon->placers, NULL, 0);
	return error;
}

int daemon_run(struct config *config, const char *file, const char *socket)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int error, status = EX_UNAVAILABLE;

	if (!daemon) {
		free(config);
		return EX_OSERR;
	}
	daemon->config = config;
	daemon->file = file;
	daemon->socket = socket;
	signal(SIGPIPE, SIG_IGN);
	tzset(); /* gmtime_r() would read /etc/localtime when it is first asked, in the loop */
	memory_begin();
	held_begin();
	logger_open();
	privileges_know(config->user);
	announce_prepare();
	privileges_protect();
	if (config->gate_count)
		privileges_hurry();
	error = start_children(daemon);
	if (!error) {
		gates_prepare(&daemon->gates, daemon->config);
		daemon->base = event_base_new();
		if (daemon->base)
			held_prepare(daemon->base);
		/* Events have the middle one of three by themselves; who asks, the last. */
		error = daemon->base && !event_base_priority_init(daemon->base, 3) ? start(daemon)
										   : -ENOMEM;
	}
	if (!error) {
		while (turn(daemon))
			daemon->wakeups++;
		status = EX_SOFTWARE;
	}
	if (daemon->stopping)
		status = 0;
	stop(daemon);
	return status;
}
