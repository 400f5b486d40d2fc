/* SPDX-License-Identifier: GPL-2.0-only */
/* From a level and a class to the admission, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/admission.h"

#define REPLY "452 4.3.1 Insufficient system resources"

/* Static: a configuration is large. */
static struct config config;

static int setup(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	strcpy(config.reply, REPLY);
	config.admission[LEVEL_MEDIUM][CLASS_INBOUND].kind = VERDICT_DEFER;
	config.admission[LEVEL_HIGH][CLASS_INBOUND].kind = VERDICT_DEFER;
	config.admission[LEVEL_HIGH][CLASS_SUBMISSION] =
		(struct config_verdict){ .kind = VERDICT_DELAY, .delay_s = 10 };
	return 0;
}

static const struct {
	enum level level;
	enum class class;
	const char *words;
} matrix[] = {
	{ LEVEL_NORMAL, CLASS_INBOUND, "accept" },
	{ LEVEL_NORMAL, CLASS_SUBMISSION, "accept" },
	{ LEVEL_NORMAL, CLASS_INTERNAL, "accept" },
	{ LEVEL_MEDIUM, CLASS_INBOUND, "defer " REPLY },
	{ LEVEL_MEDIUM, CLASS_SUBMISSION, "accept" },
	{ LEVEL_MEDIUM, CLASS_INTERNAL, "accept" },
	{ LEVEL_HIGH, CLASS_INBOUND, "defer " REPLY },
	{ LEVEL_HIGH, CLASS_SUBMISSION, "delay 10" },
	{ LEVEL_HIGH, CLASS_INTERNAL, "accept" },
};

#define ROWS (sizeof(matrix) / sizeof(matrix[0]))

static void enforce_says_what_the_matrix_says(void **state)
{
	char words[CONFIG_REPLY + 16];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct config_verdict verdict =
			admission_decide(&config, matrix[i].level, matrix[i].class);

		assert_string_equal(admission_format(words, sizeof(words), &config, verdict),
				    matrix[i].words);
	}
}

static void observe_accepts_and_tells_what_it_judged(void **state)
{
	char words[CONFIG_REPLY + 16];

	(void)state;
	config.mode = MODE_OBSERVE;
	for (size_t i = 0; i < ROWS; i++) {
		struct config_verdict verdict =
			admission_decide(&config, matrix[i].level, matrix[i].class);

		assert_string_equal(admission_format(words, sizeof(words), &config, verdict),
				    "accept");
		verdict = admission_judged(&config, matrix[i].level, matrix[i].class);
		assert_string_equal(admission_format(words, sizeof(words), &config, verdict),
				    matrix[i].words);
	}
}

static void normal_may_be_configured_too(void **state)
{
	char words[16];

	(void)state;
	config.admission[LEVEL_NORMAL][CLASS_INTERNAL] =
		(struct config_verdict){ .kind = VERDICT_DELAY, .delay_s = 300 };
	assert_string_equal(
		admission_format(words, sizeof(words), &config,
				 admission_decide(&config, LEVEL_NORMAL, CLASS_INTERNAL)),
		"delay 300");
}

static void the_longest_reply_fits_and_a_small_buffer_ends(void **state)
{
	static const struct config_verdict defer = { .kind = VERDICT_DEFER };
	char words[CONFIG_REPLY + 16], few[10];

	(void)state;
	memset(config.reply, 'x', sizeof(config.reply) - 1);
	admission_format(words, sizeof(words), &config, defer);
	assert_int_equal(strlen(words), strlen("defer ") + CONFIG_REPLY - 1);
	assert_string_equal(admission_format(few, sizeof(few), &config, defer), "defer xxx");
}

/* What a reader of the shared page must not decide by itself. */
static void what_the_verdict_does_not_decide(void **state)
{
	static struct admission admission;
	const int64_t begin = 1000 * NS_PER_S, ramp_ns = 60 * NS_PER_S;
	struct ramp *ramp = &admission.ramps[CLASS_INBOUND];

	(void)state;
	config.ramp_ns = ramp_ns;
	admission_init(&admission, 1);
	assert_true(admission_size_max(&admission, &config, CLASS_INBOUND) == INT64_MAX);
	reservation_headroom(&admission.reservations, 1 << 30, begin);
	assert_true(admission_size_max(&admission, &config, CLASS_INBOUND) == 512 * 1024);
	/* Taken at high as well, so not held to the room above it. */
	assert_true(admission_size_max(&admission, &config, CLASS_SUBMISSION) == INT64_MAX);
	assert_false(admission_by_address(&admission, &config, CLASS_INBOUND, begin));
	ramp_update(ramp, true, ramp_ns, 5, begin);
	assert_false(admission_by_address(&admission, &config, CLASS_INBOUND, begin));
	ramp_update(ramp, false, ramp_ns, 5, begin);
	assert_true(admission_by_address(&admission, &config, CLASS_INBOUND, begin));
	assert_true(admission_by_address(&admission, &config, CLASS_INBOUND, begin + ramp_ns - 1));
	assert_false(admission_by_address(&admission, &config, CLASS_SUBMISSION, begin));
	assert_false(admission_by_address(&admission, &config, CLASS_INBOUND, begin + ramp_ns));
	/* By hand all is open: no ramp, and no size. */
	admission.forced_open = true;
	assert_false(admission_by_address(&admission, &config, CLASS_INBOUND, begin));
	assert_true(admission_size_max(&admission, &config, CLASS_INBOUND) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(enforce_says_what_the_matrix_says, setup),
		cmocka_unit_test_setup(observe_accepts_and_tells_what_it_judged, setup),
		cmocka_unit_test_setup(normal_may_be_configured_too, setup),
		cmocka_unit_test_setup(the_longest_reply_fits_and_a_small_buffer_ends, setup),
		cmocka_unit_test_setup(what_the_verdict_does_not_decide, setup),
	};

	return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
