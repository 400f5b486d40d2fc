/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests as they meet closures, ramps and sizes, in both modes. */
#include <stdio.h>

#include "judge_fixture.h"
#include "policy/admission.h"

#define CLIENTS 2000

static struct admission admission;
static enum ramp_event events[CLASSES];
static uint64_t salt;

static int begin(void **state)
{
	static const struct config_verdict defer = { .kind = VERDICT_DEFER };
	int error = setup(state);
	struct fixture *fixture = *state;

	fixture->config.admission[M][CLASS_INBOUND] = defer;
	fixture->config.admission[H][CLASS_INBOUND] = defer;
	fixture->config.admission[H][CLASS_SUBMISSION] = defer;
	fixture->config.ramp_ns = 60 * S;
	admission_init(&admission, 0x5eed);
	salt = 1;
	return error;
}

/* FREE bytes at AT_S: the level and what became of the classes. */
static void look(struct fixture *fixture, int64_t free_bytes, int64_t at_s)
{
	see(fixture, fixture->spool, free_bytes, at_s);
	admission_update(&admission, &fixture->config, &fixture->judge, salt++, BEGIN + at_s * S,
			 events);
}

static enum admission_cause cause_of(struct fixture *fixture, enum class class, int64_t size,
				     const char *address, int64_t at_s)
{
	struct admission_request request = { class, size, address };
	enum admission_cause cause;
	struct config_verdict verdict =
		admission_ask(&admission, &fixture->config, &request, BEGIN + at_s * S, &cause);

	/* The cause says the same as the verdict. */
	assert_int_equal(verdict.kind == VERDICT_DEFER, cause != CAUSE_NONE);
	return cause;
}

static const char *client(unsigned int n)
{
	static char text[64];

	if (n % 2)
		snprintf(text, sizeof(text), "2001:db8:%x:%x::%x", n >> 8, n & 255, n * 7);
	else
		snprintf(text, sizeof(text), "198.51.%u.%u", n >> 8, n & 255);
	return text;
}

/* How many percent of clients are let in; with each of whom was in before still in. */
static int share(struct fixture *fixture, int64_t at_s, bool *in)
{
	int count = 0;

	for (unsigned int i = 0; i < CLIENTS; i++) {
		bool now = cause_of(fixture, CLASS_INBOUND, -1, client(i), at_s) == CAUSE_NONE;

		assert_true(now || !in[i]);
		in[i] = now;
		count += now;
	}
	return count * 100 / CLIENTS;
}

static void close_and_reopen(struct fixture *fixture, int64_t at_s)
{
	look(fixture, 99, at_s);
	assert_int_equal(events[CLASS_INBOUND], RAMP_CLOSED);
	assert_int_equal(events[CLASS_SUBMISSION], RAMP_NOTHING);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, -1, NULL, at_s), CAUSE_LEVEL);
	look(fixture, 500, at_s + 60);
	assert_int_equal(events[CLASS_INBOUND], RAMP_REOPENING);
}

static void from_a_tenth_to_all(void **state)
{
	struct fixture *fixture = *state;
	bool in[CLIENTS] = { false };

	close_and_reopen(fixture, 0);
	assert_in_range(share(fixture, 60, in), 8, 12);
	assert_in_range(share(fixture, 80, in), 37, 43);
	assert_in_range(share(fixture, 100, in), 67, 73);
	assert_true(admission_deadline(&admission, &fixture->config) == BEGIN + 120 * S);
	assert_int_equal(share(fixture, 120, in), 100);
	look(fixture, 500, 119);
	assert_int_equal(events[CLASS_INBOUND], RAMP_NOTHING);
	look(fixture, 500, 120);
	assert_int_equal(events[CLASS_INBOUND], RAMP_OPEN);
	look(fixture, 500, 121);
	assert_int_equal(events[CLASS_INBOUND], RAMP_NOTHING);
	assert_true(admission_deadline(&admission, &fixture->config) == INT64_MAX);
}

/* Who has no address is let in; the classes that were not closed have no ramp. */
static void others_see_no_ramp(void **state)
{
	struct fixture *fixture = *state;

	close_and_reopen(fixture, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(cause_of(fixture, CLASS_INBOUND, -1, NULL, 60), CAUSE_NONE);
		assert_int_equal(
			cause_of(fixture, CLASS_SUBMISSION, -1, client((unsigned int)i), 60),
			CAUSE_NONE);
	}
}

static void each_closure_lets_others_in_first(void **state)
{
	struct fixture *fixture = *state;
	bool first[CLIENTS] = { false }, second[CLIENTS] = { false };
	int both = 0;

	close_and_reopen(fixture, 0);
	share(fixture, 60, first);
	close_and_reopen(fixture, 70); /* within the ramp */
	share(fixture, 130, second);
	for (unsigned int i = 0; i < CLIENTS; i++)
		both += first[i] && second[i];
	assert_true(both < CLIENTS * 3 / 100);
}

static void no_ramp_if_not_wanted(void **state)
{
	struct fixture *fixture = *state;
	bool in[CLIENTS] = { false };

	fixture->config.ramp_ns = 0;
	look(fixture, 99, 0);
	look(fixture, 500, 60);
	assert_int_equal(events[CLASS_INBOUND], RAMP_OPEN);
	assert_int_equal(share(fixture, 60, in), 100);
}

static void an_override_to_normal_opens_to_all(void **state)
{
	struct fixture *fixture = *state;
	bool in[CLIENTS] = { false };

	look(fixture, 99, 0);
	judge_override(&fixture->judge, N, BEGIN + 40 * S, "", "root", BEGIN + 10 * S);
	look(fixture, 70, 10);
	assert_int_equal(events[CLASS_INBOUND], RAMP_OPEN);
	assert_int_equal(share(fixture, 10, in), 100);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 1000000, NULL, 10), CAUSE_NONE);
	/* When it ends, what was measured counts again; and it ends a ramp. */
	look(fixture, 99, 40);
	assert_int_equal(events[CLASS_INBOUND], RAMP_CLOSED);
	look(fixture, 500, 110);
	assert_int_equal(events[CLASS_INBOUND], RAMP_REOPENING);
	judge_override(&fixture->judge, N, BEGIN + 200 * S, "", "root", BEGIN + 111 * S);
	look(fixture, 500, 111);
	assert_int_equal(events[CLASS_INBOUND], RAMP_OPEN);
	/* And the end of the override closes nothing that is open. */
	look(fixture, 500, 201);
	assert_int_equal(events[CLASS_INBOUND], RAMP_NOTHING);
}

/* High is 50, so there is room for 450. */
static void a_size_must_fit_above_high(void **state)
{
	struct fixture *fixture = *state;

	look(fixture, 500, 0);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 451, NULL, 0), CAUSE_SIZE);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 100, "192.0.2.1", 0), CAUSE_NONE);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 100, "192.0.2.1", 0), CAUSE_SIZE);
	assert_int_equal(cause_of(fixture, CLASS_SUBMISSION, 451, NULL, 0), CAUSE_SIZE);
	assert_int_equal(cause_of(fixture, CLASS_SUBMISSION, 100, NULL, 0), CAUSE_NONE);
	assert_int_equal(cause_of(fixture, CLASS_INTERNAL, 100000, NULL, 0), CAUSE_NONE);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, -1, "192.0.2.1", 0), CAUSE_NONE);
	/* The tightest filesystem that takes mail counts. */
	fixture->config.filesystems[0].mail = fixture->config.filesystems[1].mail = CONFIG_MAIL_YES;
	see(fixture, fixture->log, 60, 1);
	fixture->config.admission[M][CLASS_INBOUND].kind = VERDICT_ACCEPT;
	look(fixture, 500, 1);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 11, NULL, 70), CAUSE_SIZE);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 3, NULL, 70), CAUSE_NONE);
	/* A class that is taken at high needs no room above it. */
	fixture->config.admission[H][CLASS_INBOUND].kind = VERDICT_ACCEPT;
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 11, NULL, 70), CAUSE_NONE);
}

static void a_delay_is_passed_on(void **state)
{
	struct fixture *fixture = *state;
	struct admission_request request = { CLASS_INBOUND, 10, "192.0.2.1" };
	enum admission_cause cause;
	struct config_verdict verdict;
	char words[64];

	fixture->config.admission[M][CLASS_INBOUND] =
		(struct config_verdict){ .kind = VERDICT_DELAY, .delay_s = 7 };
	look(fixture, 99, 0);
	assert_int_equal(events[CLASS_INBOUND], RAMP_NOTHING);
	verdict = admission_ask(&admission, &fixture->config, &request, BEGIN, &cause);
	assert_string_equal(admission_format(words, sizeof(words), &fixture->config, verdict),
			    "delay 7");
	assert_int_equal(cause, CAUSE_NONE);
	/* Held up or not, what does not fit is refused. */
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 50, "192.0.2.1", 0), CAUSE_SIZE);
}

/* Everything is judged as ever: the modes differ in what is said (admission_decide). */
static void observing_judges_the_same(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.mode = MODE_OBSERVE;
	from_a_tenth_to_all(state);
	look(fixture, 500, 300);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, 451, NULL, 300), CAUSE_SIZE);
	look(fixture, 99, 301);
	assert_int_equal(events[CLASS_INBOUND], RAMP_CLOSED);
	assert_int_equal(cause_of(fixture, CLASS_INBOUND, -1, NULL, 301), CAUSE_LEVEL);
	assert_int_equal(admission_decide(&fixture->config, M, CLASS_INBOUND).kind, VERDICT_ACCEPT);
}

#define WITH_ADMISSION(test) cmocka_unit_test_setup_teardown(test, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ADMISSION(from_a_tenth_to_all),
		WITH_ADMISSION(others_see_no_ramp),
		WITH_ADMISSION(each_closure_lets_others_in_first),
		WITH_ADMISSION(no_ramp_if_not_wanted),
		WITH_ADMISSION(an_override_to_normal_opens_to_all),
		WITH_ADMISSION(a_size_must_fit_above_high),
		WITH_ADMISSION(a_delay_is_passed_on),
		WITH_ADMISSION(observing_judges_the_same),
	};

	return cmocka_run_group_tests_name("ramp", tests, NULL, NULL);
}
