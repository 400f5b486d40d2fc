/* SPDX-License-Identifier: GPL-2.0-only */
/* All resources together, stalls, overrides and the host's level. */
#include "policy/judge.h"

#include <string.h>

#include "common/text.h"

static void make_rule(struct resource *resource)
{
	pressure_rule_make(&resource->rule, resource->thresholds, resource->type, resource->size,
			   resource->capacity);
}

static void add_resource(struct judge *judge, enum resource_id id, const char *object,
			 unsigned int index, const struct thresholds *thresholds)
{
	struct resource *resource = &judge->resources[judge->count];

	if (judge->count == JUDGE_RESOURCES)
		return;
	judge->count++;
	resource->type = resource_type(id);
	resource->id = id;
	resource->object = object;
	resource->index = index;
	resource->thresholds = thresholds;
	resource->present = true;
	resource->backend = "poll";
	resource->pressure.since_ns = judge->since_ns;
	make_rule(resource);
}

/* By section, so that a new row of the table of resources is judged without a change here. */
static void add_section(struct judge *judge, const char *section, const char *object,
			unsigned int index, const struct thresholds thresholds[RESOURCE_IDS])
{
	for (enum resource_id id = 0; id < RESOURCE_IDS; id++)
		if (!strcmp(resource_type(id)->section, section))
			add_resource(judge, id, object, index, &thresholds[id]);
}

void judge_init(struct judge *judge, const struct config *config, int64_t now)
{
	memset(judge, 0, sizeof(*judge));
	judge->config = config;
	judge->since_ns = now;
	for (unsigned int i = 0; i < config->filesystem_count; i++)
		add_section(judge, "filesystem", config->filesystems[i].path, i,
			    config->filesystems[i].resources);
	for (unsigned int i = 0; i < config->queue_count; i++)
		add_section(judge, "queue", config->queues[i].path, i, config->queues[i].resources);
	add_section(judge, "memory", JUDGE_HOST, 0, config->host);
	if (*config->memory_cgroup.path)
		add_section(judge, "memory", config->memory_cgroup.path, 1,
			    config->memory_cgroup.resources);
	add_section(judge, "io", JUDGE_HOST, 0, config->host);
}

static const struct resource *find_same(const struct judge *judge, const struct resource *resource)
{
	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *other = &judge->resources[i];

		if (other->id == resource->id && !strcmp(other->object, resource->object))
			return other;
	}
	return NULL;
}

static void carry(struct resource *resource, const struct resource *previous)
{
	resource->pressure = previous->pressure;
	resource->present = previous->present;
	resource->known = previous->known;
	resource->spared = previous->spared;
	resource->value = previous->value;
	resource->cause = previous->cause;
	resource->size = previous->size;
	resource->capacity = previous->capacity;
	resource->turned_value = previous->turned_value;
	resource->seen_ns = previous->seen_ns;
	resource->stalled_ns = previous->stalled_ns;
	resource->backend = previous->backend;
	make_rule(resource);
}

void judge_carry(struct judge *next, const struct judge *previous)
{
	for (unsigned int i = 0; i < next->count; i++) {
		const struct resource *same = find_same(previous, &next->resources[i]);

		if (!same)
			continue;
		carry(&next->resources[i], same);
		if (same->id == RESOURCE_FREE_SPACE)
			next->forecasts[next->resources[i].index] =
				previous->forecasts[same->index];
	}
	next->patience_ns = previous->patience_ns;
	next->override = previous->override;
	next->measured = previous->measured;
	next->level = previous->level;
	next->since_ns = previous->since_ns;
}

struct resource *judge_find(struct judge *judge, enum resource_id id, unsigned int index)
{
	for (unsigned int i = 0; i < judge->count; i++)
		if (judge->resources[i].id == id && judge->resources[i].index == index)
			return &judge->resources[i];
	return NULL;
}

/*
 * It was silent until NOW, and that is what the dwell counts from. But where nobody judged the
 * stall while it lasted (we were stopped), there is no closing for it now that it is over.
 */
static bool was_called_by_stall(const struct resource *resource, int64_t now)
{
	return resource->stalled_ns && now - resource->stalled_ns >= JUDGE_STALL_NS &&
	       resource->pressure.level == pressure_worst(&resource->rule);
}

static void note_turn(struct resource *resource, enum level before)
{
	if (resource->pressure.level != before)
		resource->turned_value = resource->value;
}

/* The value as it is judged: none that is spared is the kind of which less is worse. */
static int64_t judged_value(const struct resource *resource)
{
	return resource->spared ? 0 : resource->value;
}

/* The host's level is left to judge_update(): one look may bring several values. */
static void take_value(struct resource *resource, int64_t value, int64_t size, int64_t now)
{
	enum level before = resource->pressure.level;

	if (was_called_by_stall(resource, now))
		pressure_call(&resource->pressure, &resource->rule, now);
	resource->stalled_ns = resource->awaited_ns = 0;
	if (size != resource->size) {
		resource->size = size;
		make_rule(resource);
	}
	resource->value = value;
	resource->known = true;
	resource->seen_ns = now;
	pressure_step(&resource->pressure, &resource->rule, judged_value(resource), now);
	note_turn(resource, before);
}

int64_t judge_forecast(const struct judge *judge, const struct resource *resource)
{
	int64_t floor_bytes = resource->rule.enter[LEVEL_HIGH];

	if (resource->id != RESOURCE_FREE_SPACE || !resource->known || floor_bytes == PRESSURE_OFF)
		return VALUE_NEVER;
	return forecast_ns(&judge->forecasts[resource->index], resource->value, floor_bytes);
}

/* Below twice medium (high, where medium is off): of what there should be much of. */
static bool is_near(const struct resource *room)
{
	const int64_t *enter = room->rule.enter;
	int64_t nearest =
		enter[LEVEL_MEDIUM] != PRESSURE_OFF ? enter[LEVEL_MEDIUM] : enter[LEVEL_HIGH];

	return nearest != PRESSURE_OFF && room->value / 2 < nearest;
}

static bool is_spared(struct judge *judge, const struct resource *resource)
{
	const struct resource *memory;

	if (resource->id != RESOURCE_MEMORY_STALL || strcmp(resource->object, JUDGE_HOST) != 0)
		return false;
	memory = judge_find(judge, RESOURCE_MEMORY_AVAILABLE, resource->index);
	return !memory || !memory->present || !memory->known || !is_near(memory);
}

/*
 * Another filesystem is mounted there, or this one was resized. By more than a tenth: where
 * filesystems share a pool (ZFS) the size is what is used and free, and moves with every look.
 */
static bool is_resized(int64_t before, int64_t size)
{
	int64_t step = size > before ? size - before : before - size;

	return step > before / 10;
}

static void derive_time_to_full(struct judge *judge, const struct resource *space, bool resized,
				int64_t now)
{
	struct forecast *forecast = &judge->forecasts[space->index];
	struct resource *resource = judge_find(judge, RESOURCE_TIME_TO_FULL, space->index);

	if (resized)
		memset(forecast, 0, sizeof(*forecast));
	forecast_add(forecast, space->value, now);
	if (!resource)
		return;
	resource->present = space->present;
	resource->backend = space->backend;
	take_value(resource, is_near(space) ? judge_forecast(judge, space) : VALUE_NEVER, 0, now);
}

void judge_capacity(struct resource *resource, int64_t capacity)
{
	if (!capacity || capacity == resource->capacity)
		return;
	resource->capacity = capacity;
	make_rule(resource);
}

void judge_observe(struct judge *judge, struct resource *resource, int64_t value, int64_t size,
		   int64_t now)
{
	bool resized = is_resized(resource->size, size);

	resource->spared = is_spared(judge, resource);
	take_value(resource, value, size, now);
	if (resource->id == RESOURCE_FREE_SPACE)
		derive_time_to_full(judge, resource, resized, now);
}

bool judge_hurried(const struct judge *judge)
{
	if (judge->measured > LEVEL_NORMAL)
		return true;
	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *resource = &judge->resources[i];
		int64_t floor_bytes = resource->rule.enter[LEVEL_HIGH];

		if (resource->id == RESOURCE_FREE_SPACE && resource->present && resource->known &&
		    floor_bytes != PRESSURE_OFF &&
		    forecast_soon(&judge->forecasts[resource->index], resource->value, floor_bytes))
			return true;
	}
	return false;
}

static int64_t headroom_of(const struct resource *space)
{
	int64_t room = space->value - space->rule.enter[LEVEL_HIGH];

	return room > 0 ? room : 0;
}

static bool has_headroom(const struct judge *judge, const struct resource *resource)
{
	return resource->id == RESOURCE_FREE_SPACE && resource->present && resource->known &&
	       resource->rule.enter[LEVEL_HIGH] != PRESSURE_OFF &&
	       config_takes_mail(judge->config, resource->index);
}

const struct resource *judge_tightest(const struct judge *judge)
{
	const struct resource *found = NULL;

	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *resource = &judge->resources[i];

		if (!has_headroom(judge, resource))
			continue;
		if (!found || (judge->config->filesystems[resource->index].mail == CONFIG_MAIL_YES
				       ? headroom_of(resource) < headroom_of(found)
				       : headroom_of(resource) > headroom_of(found)))
			found = resource;
	}
	return found;
}

int64_t judge_headroom(const struct judge *judge)
{
	const struct resource *tightest = judge_tightest(judge);

	return tightest ? headroom_of(tightest) : INT64_MAX;
}

void judge_stall(struct judge *judge, struct resource *resource, int64_t since)
{
	(void)judge;
	/* Asked again in vain: it has been silent since the first time. */
	if (!resource->stalled_ns || since < resource->stalled_ns)
		resource->stalled_ns = since;
}

/* While an object is silent its last value proves nothing: no sustain or dwell runs out on it. */
static int64_t stall_deadline(const struct resource *resource)
{
	enum level worst = pressure_worst(&resource->rule);

	if (resource->pressure.level < worst)
		return resource->stalled_ns + JUDGE_STALL_NS;
	return resource->pressure.level > worst ? 0 : PRESSURE_NEVER;
}

/* When time alone changes the level of RESOURCE. */
static int64_t resource_deadline(const struct resource *resource)
{
	if (!resource->present)
		return PRESSURE_NEVER;
	if (resource->stalled_ns)
		return stall_deadline(resource);
	if (!resource->known)
		return PRESSURE_NEVER;
	return pressure_deadline(&resource->pressure, &resource->rule, judged_value(resource));
}

int64_t judge_distance(const struct resource *resource)
{
	return pressure_distance(&resource->pressure, &resource->rule, judged_value(resource));
}

/* Nothing brakes by what is not judged. */
int64_t judge_room(const struct resource *resource)
{
	return resource->spared ? PRESSURE_NEVER : pressure_room(&resource->rule, resource->value);
}

/* Somebody looks at it, and can be asked to. What a rule has made due at once needs no look. */
static bool is_looked_at(const struct resource *resource)
{
	return !strcmp(resource->type->section, "filesystem") && !resource->stalled_ns &&
	       resource_deadline(resource) > 0;
}

/* Until when the last value of RESOURCE, which is due, is not to be judged: a look is to come. */
static int64_t patience_deadline(const struct judge *judge, const struct resource *resource)
{
	if (!judge->patience_ns || !is_looked_at(resource))
		return 0;
	return resource->awaited_ns ? resource->awaited_ns + judge->patience_ns : PRESSURE_NEVER;
}

/* What is gone has no level, and is judged afresh should it come back. */
static void forget(struct resource *resource, int64_t now)
{
	if (resource->pressure.level != LEVEL_NORMAL)
		resource->pressure.since_ns = now;
	resource->pressure = (struct pressure){ .since_ns = resource->pressure.since_ns };
	resource->known = false;
	resource->stalled_ns = resource->awaited_ns = 0;
}

/*
 * The last value counts again only when it changes something: were every call a sample, the
 * dwell would depend on how often anything else on the host is looked at.
 */
static void update_resource(const struct judge *judge, struct resource *resource, int64_t now)
{
	enum level before = resource->pressure.level;
	int64_t deadline_ns = resource_deadline(resource);

	if (!resource->present)
		forget(resource, now);
	else if (deadline_ns == PRESSURE_NEVER || now < deadline_ns ||
		 now < patience_deadline(judge, resource))
		return;
	else if (resource->stalled_ns)
		pressure_call(&resource->pressure, &resource->rule, now);
	else
		pressure_step(&resource->pressure, &resource->rule, judged_value(resource), now);
	resource->awaited_ns = 0;
	note_turn(resource, before);
}

/* A filesystem that is gone fills no more, and what is mounted there next is another. */
static void follow_space(struct judge *judge, const struct resource *space)
{
	struct resource *resource = judge_find(judge, RESOURCE_TIME_TO_FULL, space->index);

	if (resource)
		resource->present = space->present;
	if (!space->present)
		memset(&judge->forecasts[space->index], 0, sizeof(judge->forecasts[0]));
}

void judge_update(struct judge *judge, int64_t now)
{
	enum level worst = LEVEL_NORMAL, level;

	for (unsigned int i = 0; i < judge->count; i++) {
		if (judge->resources[i].id == RESOURCE_FREE_SPACE)
			follow_space(judge, &judge->resources[i]);
		update_resource(judge, &judge->resources[i], now);
		if (judge->resources[i].pressure.level > worst)
			worst = judge->resources[i].pressure.level;
	}
	if (judge->override.active && now >= judge->override.until_ns)
		memset(&judge->override, 0, sizeof(judge->override));
	judge->measured = worst;
	level = judge->override.active ? judge->override.level : worst;
	if (level != judge->level)
		judge->since_ns = now;
	judge->level = level;
}

int64_t judge_deadline(const struct judge *judge)
{
	int64_t earliest_ns = PRESSURE_NEVER;

	for (unsigned int i = 0; i < judge->count; i++) {
		const struct resource *resource = &judge->resources[i];
		int64_t deadline_ns = resource_deadline(resource);

		/* Asked for already: there is nothing to do but to wait. */
		if (resource->awaited_ns && deadline_ns != PRESSURE_NEVER && is_looked_at(resource))
			deadline_ns = patience_deadline(judge, resource);
		if (deadline_ns < earliest_ns)
			earliest_ns = deadline_ns;
	}
	if (judge->override.active && judge->override.until_ns < earliest_ns)
		earliest_ns = judge->override.until_ns;
	return earliest_ns;
}

void judge_await(struct judge *judge, int64_t now)
{
	for (unsigned int i = 0; i < judge->count; i++) {
		struct resource *resource = &judge->resources[i];

		if (!resource->awaited_ns && is_looked_at(resource) &&
		    now >= resource_deadline(resource))
			resource->awaited_ns = now;
	}
}

void judge_override(struct judge *judge, enum level level, int64_t until_ns, const char *reason,
		    const char *by, int64_t now)
{
	struct override *override = &judge->override;

	override->active = true;
	override->level = level;
	override->until_ns = until_ns;
	text_clean(override->reason, sizeof(override->reason), reason, strlen(reason));
	text_clean(override->by, sizeof(override->by), by, strlen(by));
	judge_update(judge, now);
}

void judge_override_off(struct judge *judge, int64_t now)
{
	memset(&judge->override, 0, sizeof(judge->override));
	judge_update(judge, now);
}
