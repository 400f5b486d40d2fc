/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of levels: a walk is a list of samples, each with the level it must give. */
#ifndef TESTS_UNIT_WALK_H
#define TESTS_UNIT_WALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/pressure.h"
#include "random.h"

#define S	  NS_PER_S
#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

#define N LEVEL_NORMAL
#define M LEVEL_MEDIUM
#define H LEVEL_HIGH

#define OFF PRESSURE_OFF

/* Times of 0 are "not": walks begin well after. */
#define BEGIN (1000 * S)

struct sample {
	int64_t at_s; /* after BEGIN */
	int64_t value;
	enum level level;
};

/* Take VALUE, and hold each step to what is promised of all of them. */
static inline enum level take(struct pressure *pressure, const struct pressure_rule *rule,
			      int64_t value, int64_t now)
{
	enum level before = pressure->level, level = pressure_step(pressure, rule, value, now);
	struct pressure again = *pressure;

	assert_int_equal(level, pressure->level);
	if (level != before)
		assert_true(pressure->since_ns == now);
	/* What is due has been done, and the same sample once more changes nothing. */
	assert_true(pressure_deadline(pressure, rule, value) > now);
	pressure_step(&again, rule, value, now);
	assert_int_equal(again.level, level);
	return level;
}

static inline void walk_on(struct pressure *pressure, const struct pressure_rule *rule,
			   const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum level level =
			take(pressure, rule, samples[i].value, BEGIN + samples[i].at_s * S);

		if (level != samples[i].level)
			fail_msg("at %lld s the value %lld gives %s, not %s",
				 (long long)samples[i].at_s, (long long)samples[i].value,
				 level_name(level), level_name(samples[i].level));
	}
}

static inline void walk(const struct pressure_rule *rule, const struct sample *samples,
			size_t count)
{
	struct pressure pressure = { 0 };

	walk_on(&pressure, rule, samples, count);
}

#endif
