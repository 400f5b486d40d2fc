/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Half an hour of samples through all of the policy: each real episode closes the gate once,
 * and nothing else does. The samples are data (traces/): "live" was recorded on a real host by
 * traces/record; "mixed" was made, for a host that is larger and has more going on at a time.
 */
#include <stdio.h>

#include "judge_fixture.h"
#include "policy/admission.h"

/* Run from the top of the tree, as `make check` does. */
#define TRACES "tests/unit/traces/"

static struct config config;
static struct judge judge;
static struct admission admission;

struct replay {
	char episode[32];
	int closures, wanted, episodes; /* closures of this episode */
	int ramps, all_closures;
	int64_t now;
};

static void end_episode(const struct replay *replay)
{
	if (replay->closures != replay->wanted)
		fail_msg("%s closed %d times, not %d", replay->episode, replay->closures,
			 replay->wanted);
}

/* As the daemon does: judge at each deadline between the samples, too. */
static void update(struct replay *replay)
{
	enum ramp_event events[CLASSES];

	judge_update(&judge, replay->now);
	admission_update(&admission, &config, &judge, 1, replay->now, events);
	replay->closures += events[CLASS_INBOUND] == RAMP_CLOSED;
	replay->all_closures += events[CLASS_INBOUND] == RAMP_CLOSED;
	replay->ramps += events[CLASS_INBOUND] == RAMP_REOPENING;
}

static void pass_time(struct replay *replay, int64_t until_ns)
{
	for (int i = 0; i < 100; i++) {
		int64_t deadline_ns = judge_deadline(&judge);

		if (admission_deadline(&admission, &config) < deadline_ns)
			deadline_ns = admission_deadline(&admission, &config);
		if (deadline_ns >= until_ns || deadline_ns <= replay->now)
			break;
		replay->now = deadline_ns;
		update(replay);
	}
	replay->now = until_ns;
}

/* OBJECT is not told where there is one of the name. */
static struct resource *find(const char *name, const char *object)
{
	for (unsigned int i = 0; i < judge.count; i++)
		if (!strcmp(judge.resources[i].type->name, name) &&
		    (!*object || !strcmp(judge.resources[i].object, object)))
			return &judge.resources[i];
	fail_msg("no resource %s of %s", name, object);
	return NULL;
}

static void take_line(struct replay *replay, const char *line)
{
	char word[32], name[32], object[64] = "";
	long long value, size;
	int wanted, fields;
	double s;

	if (line[0] == '#')
		return;
	if (sscanf(line, "%lf episode %31s %d", &s, name, &wanted) == 3) {
		end_episode(replay);
		strcpy(replay->episode, name);
		replay->wanted = wanted;
		replay->closures = 0;
		replay->episodes++;
		return;
	}
	fields = sscanf(line, "%lf %31s %lld %lld %63s", &s, word, &value, &size, object);
	assert_in_range(fields, 4, 5);
	pass_time(replay, BEGIN + (int64_t)(s * 10) * (S / 10));
	judge_observe(&judge, find(word, object), value, size, replay->now);
	update(replay);
}

static void replay_file(struct replay *replay, const char *file)
{
	FILE *in = fopen(file, "r");
	char line[128];

	assert_non_null(in);
	judge_init(&judge, &config, BEGIN);
	admission_init(&admission, 1);
	*replay = (struct replay){ .now = BEGIN };
	while (fgets(line, sizeof(line), in))
		take_line(replay, line);
	fclose(in);
	end_episode(replay);
	assert_true(replay->now >= BEGIN + 1800 * S);
	assert_in_range(replay->episodes, 8, 100);
	/* Each closure ended with a ramp; all is open in the end. */
	assert_int_equal(judge.level, N);
	assert_true(replay->all_closures > 0);
	assert_int_equal(replay->ramps, replay->all_closures);
	assert_true(!admission.ramps[CLASS_INBOUND].closed);
	assert_true(!admission.ramps[CLASS_INBOUND].since_ns);
}

static void each_recorded_episode_closes_once(void **state)
{
	char error[512];
	struct replay replay;

	(void)state;
	assert_int_equal(config_read(&config, TRACES "live.conf", error, sizeof(error)), 0);
	replay_file(&replay, TRACES "live");
}

static void each_made_up_episode_closes_once(void **state)
{
	struct replay replay;

	(void)state;
	config_default(&config);
	config.filesystem_count = 1;
	replay_file(&replay, TRACES "mixed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recorded_episode_closes_once),
		cmocka_unit_test(each_made_up_episode_closes_once),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
