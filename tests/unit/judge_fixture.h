/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the judge: a configuration of two filesystems with round numbers, judged. */
#ifndef TESTS_UNIT_JUDGE_FIXTURE_H
#define TESTS_UNIT_JUDGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/judge.h"
#include "random.h"

#define S	  NS_PER_S
#define COUNT(of) (sizeof(of) / sizeof((of)[0]))

#define N LEVEL_NORMAL
#define M LEVEL_MEDIUM
#define H LEVEL_HIGH

#define BEGIN (1000 * S)
#define BYTES 1000 /* the size of each filesystem */

struct fixture {
	struct config config;
	struct judge judge;
	struct resource *spool, *log, *inodes, *stall;
};

/* Medium below 100, left at 120; high below 50, left at 60; both in whole numbers. */
static inline void set_space(struct thresholds *thresholds)
{
	*thresholds = (struct thresholds){
		.enter = { [M] = { 1, { { QUANTITY_SHARE, PPM / 10 } } },
			   [H] = { 1, { { QUANTITY_SHARE, PPM / 20 } } } },
		.dwell_ns = 60 * S,
	};
}

static inline void add_filesystem(struct config *config, const char *path)
{
	struct config_filesystem *filesystem = &config->filesystems[config->filesystem_count++];

	strcpy(filesystem->path, path);
	for (int id = 0; id < RESOURCE_IDS; id++)
		filesystem->resources[id] = resource_type(id)->defaults;
	set_space(&filesystem->resources[RESOURCE_FREE_SPACE]);
}

static inline void make_config(struct config *config)
{
	memset(config, 0, sizeof(*config));
	add_filesystem(config, "/spool");
	add_filesystem(config, "/log");
	for (int id = 0; id < RESOURCE_IDS; id++)
		config->host[id] = resource_type(id)->defaults;
}

static inline void find_all(struct fixture *fixture)
{
	fixture->spool = judge_find(&fixture->judge, RESOURCE_FREE_SPACE, 0);
	fixture->log = judge_find(&fixture->judge, RESOURCE_FREE_SPACE, 1);
	fixture->inodes = judge_find(&fixture->judge, RESOURCE_FREE_INODES, 0);
	fixture->stall = judge_find(&fixture->judge, RESOURCE_MEMORY_STALL, 0);
}

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	make_config(&fixture->config);
	judge_init(&fixture->judge, &fixture->config, BEGIN);
	find_all(fixture);
	*state = fixture;
	return 0;
}

static inline int teardown(void **state)
{
	free(*state);
	return 0;
}

/* A value of RESOURCE at AT_S after BEGIN, and the host's level with it. */
static inline enum level see(struct fixture *fixture, struct resource *resource, int64_t value,
			     int64_t at_s)
{
	judge_observe(&fixture->judge, resource, value, resource->type->has_size ? BYTES : 0,
		      BEGIN + at_s * S);
	judge_update(&fixture->judge, BEGIN + at_s * S);
	return fixture->judge.level;
}

/* Near its threshold, so that what is stalled by memory is judged; and to spare. */
static inline void memory_is(struct fixture *fixture, int64_t available, int64_t at_s)
{
	see(fixture, judge_find(&fixture->judge, RESOURCE_MEMORY_AVAILABLE, 0), available, at_s);
}

#define SHORT 199 /* of BYTES, medium is entered below 100 */
#define SPARE 200

static inline enum level wait_until(struct fixture *fixture, int64_t at_s)
{
	judge_update(&fixture->judge, BEGIN + at_s * S);
	return fixture->judge.level;
}

/* After BEGIN, in seconds; -1: never. */
static inline int64_t deadline_s(const struct fixture *fixture)
{
	int64_t deadline_ns = judge_deadline(&fixture->judge);

	return deadline_ns == PRESSURE_NEVER ? -1 : (deadline_ns - BEGIN) / S;
}

#endif
