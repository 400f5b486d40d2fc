/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All resources together: which there are, what was last seen of each, the host's
 * level (the worst resource, or what an override says). Pure: state, samples and
 * times come in, levels go out; the caller reads clocks, logs and publishes.
 */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "policy/forecast.h"
#include "policy/pressure.h"

#define JUDGE_RESOURCES 128 /* 16 filesystems × 5, 8 queues, memory twice, and room */
#define JUDGE_REASON	128 /* bytes of an override's reason, its NUL included */
#define JUDGE_HOST	"host"

/* How long an object may fail to answer before its silence counts as the worst level. */
#define JUDGE_STALL_NS (10 * NS_PER_S)

struct resource {
	const struct resource_type *type;
	enum resource_id id;
	const char *object; /* a path, borrowed from the configuration, or JUDGE_HOST */
	unsigned int index; /* of the filesystem or queue in the configuration; 0: the host, 1: its
			       cgroup */
	const struct thresholds *thresholds; /* borrowed from the configuration */
	struct pressure_rule rule;
	struct pressure pressure;
	bool present;	      /* false: no such value (btrfs inodes), or another path covers it */
	bool known;	      /* a value has been seen */
	bool spared;	      /* its value is shown and calls for nothing: see judge_observe() */
	int64_t value;	      /* the last one */
	int64_t turned_value; /* the one that gave it its level; of a stall the last one */
	int cause;    /* the errno with which no mail can be written: the value is a state; or 0 */
	int64_t size; /* of the object, where shares are of something; else 0 */
	int64_t capacity;    /* what of the size can be free; 0: all of it */
	int64_t seen_ns;     /* when */
	int64_t stalled_ns;  /* since when the object does not answer; 0: it does */
	int64_t awaited_ns;  /* since when a look is to judge what is due; 0: none was asked for */
	const char *backend; /* where it comes from: a probe's name or "poll"; static storage */
};

struct override {
	bool active;
	enum level level;
	int64_t until_ns; /* PRESSURE_NEVER: until it is taken back */
	char reason[JUDGE_REASON];
	char by[CONFIG_NAME]; /* who asked: a user name or "uid N" */
};

struct judge {
	const struct config *config; /* borrowed */
	unsigned int count;
	struct resource resources[JUDGE_RESOURCES];
	struct forecast
		forecasts[CONFIG_FILESYSTEMS]; /* of free-space, by the filesystem's index */
	/*
	 * How long a look that was asked for (judge_await) is waited for before the last value of
	 * a filesystem is judged once more, which may be a second old and no longer true. 0: nobody
	 * looks, and time is let pass on what there is.
	 */
	int64_t patience_ns;
	struct override override;
	enum level measured; /* the worst resource */
	enum level level;    /* the host's: measured, or the override's */
	int64_t since_ns;    /* when `level` was taken */
};

/* Lay out the resources that CONFIG asks for, all at normal. */
void judge_init(struct judge *judge, const struct config *config, int64_t now);

/*
 * Keep in NEXT, laid out for a new configuration, what PREVIOUS knew of every resource that
 * is still there (same id and object), the override and the host's level: a reload must not
 * reopen anything. judge_update() then judges by the new thresholds.
 */
void judge_carry(struct judge *next, const struct judge *previous);

/* The resource ID of filesystem INDEX (or of the host, INDEX 0); NULL if there is none. */
struct resource *judge_find(struct judge *judge, enum resource_id id, unsigned int index);

/*
 * A value was seen: take it and judge the resource. Clears a stall. The host's level follows
 * at judge_update(), when all values of one look are in. From free-space time-to-full
 * follows: the watchers do not know of it. The host's memory-stall, in which any cgroup's
 * reclaim counts, is judged only while its memory-available is below twice the medium threshold
 * (high, where that is off): another's thrashing in a limit of its own is no pressure of ours.
 */
void judge_observe(struct judge *judge, struct resource *resource, int64_t value, int64_t size,
		   int64_t now);

/*
 * What of RESOURCE's object can be free, to be told before its value: the level must be left by
 * then. 0 when that cannot be seen now, and what was told before stays.
 */
void judge_capacity(struct resource *resource, int64_t capacity);

/* How far RESOURCE is from its next higher level, and from high; PRESSURE_NEVER if there is none.
 */
int64_t judge_distance(const struct resource *resource);
int64_t judge_room(const struct resource *resource);

/*
 * How long until RESOURCE, a free-space, reaches its high threshold (VALUE_NEVER: it does not
 * fill, or high is off), however much room there still is. time-to-full is the same, but
 * VALUE_NEVER above twice the medium threshold, where nobody need care.
 */
int64_t judge_forecast(const struct judge *judge, const struct resource *resource);

/*
 * Look every second: some resource is above normal, so senders wait for what no mark tells
 * of (a deletion), or some filesystem may be full within FORECAST_SOON_NS.
 */
bool judge_hurried(const struct judge *judge);

/*
 * The free-space whose high threshold a message has to fit above: the tightest of those that are
 * known to take mail; where none is, the roomiest that may. NULL where none is seen or judged.
 */
const struct resource *judge_tightest(const struct judge *judge);

/* So many bytes fit there; INT64_MAX where there is none. */
int64_t judge_headroom(const struct judge *judge);

/*
 * The object has not answered since SINCE, above 0 (judged by judge_update() once it lasts).
 * It then counts as the worst level that its thresholds judge: all off is never a reason.
 */
void judge_stall(struct judge *judge, struct resource *resource, int64_t since);

/*
 * Let time pass: overrides end, stalls ripen, sustain and dwell run out; the host's level anew.
 * What is no longer present is forgotten. However often it is called beyond the deadlines,
 * the levels are the same.
 */
void judge_update(struct judge *judge, int64_t now);

/* When judge_update() (or a fresh sample) could change something; PRESSURE_NEVER if nothing would.
 */
int64_t judge_deadline(const struct judge *judge);

/*
 * Looks have been asked for at NOW: what is due of filesystems is theirs to judge, by
 * judge_observe(). Until this has been called, and then for `patience_ns`, judge_update() leaves
 * it alone; judge_deadline() names the time to call it, and then the end of the patience.
 */
void judge_await(struct judge *judge, int64_t now);

void judge_override(struct judge *judge, enum level level, int64_t until_ns, const char *reason,
		    const char *by, int64_t now);
void judge_override_off(struct judge *judge, int64_t now);

/*
 * Why RESOURCE has its level at NOW (0: leave out what depends on it), in words: "free-space
 * of /var/spool/postfix is 812 MiB: medium is entered below 1.0 GiB and left above 1.2 GiB
 * for 60 s; medium for 12 min, since it was 1020 MiB"; at normal, which level would be next.
 * Returns BUF.
 */
char *judge_reason(char *buf, size_t size, const struct resource *resource, int64_t now);

#endif
