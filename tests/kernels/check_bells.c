/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bell rings at each mark, once, and not before it; without any capability, too. The brake is
 * set when a look is not answered, and then only.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "act.h"
#include "check.h"

#define BELL_MS	 5000
#define ARMED_NS 60000000000ULL

static void store_order(__u64 *order, uint64_t value)
{
	__atomic_store_n(order, value, __ATOMIC_SEQ_CST);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

struct rung {
	enum ledger_bell bell;
	uint32_t slot;
	uint64_t mark; /* 0: any */
	unsigned int times;
};

static void on_ring(void *context, const struct ledger_ring *ring)
{
	struct rung *rung = context;

	rung->times += ring->bell == rung->bell && ring->slot == rung->slot &&
		       (!rung->mark || ring->mark == rung->mark);
}

/* As the daemon hears it: asleep until the descriptor is readable. */
static unsigned int hear(const struct stage *stage, struct rung *rung, int wait_ms)
{
	struct pollfd bell = { .fd = kernel_bell_fd(stage->kernel), .events = POLLIN };

	if (poll(&bell, 1, wait_ms) > 0)
		kernel_bell_read(stage->kernel, on_ring, rung);
	return rung->times;
}

void check_look_bell(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_filesystem *fs = &kernel_ledger(stage->kernel)->filesystems[slot];
	const struct ledger_mark *mark = &kernel_ledger(stage->kernel)->marks[slot];
	const char *directory = stage->places[slot].directory;
	struct rung rung = { .bell = BELL_LOOK, .slot = slot };
	unsigned int writes, early = 0;
	int error = 0;

	hear(stage, &rung, 0); /* whatever still waits */
	/* In the second or third of four writes of 256 pages: what CPUs hold back comes late. */
	rung = (struct rung){ BELL_LOOK, slot, check_load(&fs->dirtied_pages) + 512, 0 };
	store_order(&kernel_orders(stage->kernel)->look_marks[slot], rung.mark);
	for (writes = 1; !error && writes <= 4; writes++) {
		error = actor_do(stage->actor, act_write, directory);
		hear(stage, &rung, writes == 3 && !rung.times ? BELL_MS : 0);
		early += writes == 1 && rung.times;
	}
	finding->count = rung.times;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (early)
		check_found(finding, "fails", "rang before the mark");
	else if (rung.times != 1)
		check_found(finding, "fails", "rang %u times", rung.times);
	else if (!FIRED_IS(check_load(&mark->fired), rung.mark) ||
		 FIRED_AGE(check_load(&mark->fired), now_ns()) > FIRED_AGE_MOST)
		check_found(finding, "fails", "what fired is not the mark, or not now");
	else
		check_found(finding, "works", "-");
}

void check_stall_bell(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_memory *memory = &kernel_ledger(stage->kernel)->memory;
	struct rung rung = { .bell = BELL_STALL };
	uint64_t stall_ns = check_load(&memory->stall_ns);
	int error;

	hear(stage, &rung, 0);
	rung = (struct rung){ .bell = BELL_STALL, .mark = stall_ns + 1000 };
	store_order(&kernel_orders(stage->kernel)->look_marks[LEDGER_MEMORY], rung.mark);
	error = actor_do(stage->actor, act_reclaim, stage->places[slot].directory);
	finding->count = hear(stage, &rung, BELL_MS);
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (finding->count != 1)
		check_found(finding, "fails", "rang %u times", rung.times);
	else if (check_load(&memory->stall_ns) <= stall_ns)
		check_found(finding, "fails", "stall_ns stands still");
	else if (check_load(&memory->running))
		check_found(finding, "fails", "%llu still in reclaim",
			    (unsigned long long)memory->running);
	else
		check_found(finding, "works", "-");
}

/* OOM kills and errors ring for the first in a second: so after one without any. */
static void be_quiet(void)
{
	const struct timespec quiet = { .tv_sec = 1, .tv_nsec = 100000000 };

	nanosleep(&quiet, NULL);
}

void check_oom_bell(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	struct rung rung = { .bell = BELL_OOM };
	int error;

	be_quiet();
	hear(stage, &rung, 0);
	rung.times = 0;
	error = actor_do(stage->actor, act_oom_kill, stage->places[slot].directory);
	finding->count = hear(stage, &rung, BELL_MS);
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding, finding->count ? "works" : "fails", "-");
}

void check_error_bell(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_filesystem *fs = &kernel_ledger(stage->kernel)->filesystems[slot];
	struct rung rung = { .bell = BELL_ERROR, .slot = slot };
	uint64_t errors = check_load(&fs->errors);
	int error;

	be_quiet();
	hear(stage, &rung, 0);
	rung.times = 0;
	error = actor_do(stage->actor, act_bad_block, stage->places[slot].directory);
	finding->count = hear(stage, &rung, BELL_MS);
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (!check_load(&fs->error_ns))
		check_found(finding, "fails", "error_ns is not set");
	else
		check_found(finding, finding->count ? "works" : "fails", "%llu errors",
			    (unsigned long long)(check_load(&fs->errors) - errors));
}

/* No error, and a reason to look all the same. */
void check_quota_bell(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct ledger_filesystem *fs = &kernel_ledger(stage->kernel)->filesystems[slot];
	struct rung rung = { .bell = BELL_ERROR, .slot = slot };
	uint64_t errors = check_load(&fs->errors);
	int error;

	be_quiet();
	hear(stage, &rung, 0);
	rung.times = 0;
	error = actor_do(stage->actor, act_over_quota, stage->places[slot].directory);
	finding->count = hear(stage, &rung, BELL_MS);
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (check_load(&fs->errors) != errors)
		check_found(finding, "fails", "it counts");
	else
		check_found(finding, finding->count ? "works" : "fails", "-");
}

static void wait_unanswered(void)
{
	const struct timespec time = { .tv_nsec = 150000000 };

	nanosleep(&time, NULL);
}

/* What brakes, and how it is made to go on. */
struct braked {
	__u64 *look_mark, *brake_mark;
	const __u64 *counter, *brakes, *until_ns;
	int (*act)(const char *directory);
};

static int act_twice_unanswered(const struct stage *stage, const struct braked *braked,
				const char *directory)
{
	uint64_t mark = check_load(braked->counter) + 1;
	int error;

	store_order(braked->brake_mark, mark);
	store_order(braked->look_mark, mark);
	error = actor_do(stage->actor, braked->act, directory);
	wait_unanswered();
	return error ? error : actor_do(stage->actor, braked->act, directory);
}

static void check_braked(const struct stage *stage, const struct braked *braked,
			 const char *directory, struct finding *finding)
{
	struct orders *orders = kernel_orders(stage->kernel);
	uint64_t before = check_load(braked->until_ns);
	const char *flaw = NULL;
	int error;

	store_order(&orders->armed_until_ns, 0);
	error = act_twice_unanswered(stage, braked, directory);
	if (check_load(braked->until_ns) != before)
		flaw = "braked without being armed";
	store_order(&orders->armed_until_ns, now_ns() + ARMED_NS);
	if (!error)
		error = act_twice_unanswered(stage, braked, directory);
	if (!flaw && check_load(braked->until_ns) <= now_ns())
		flaw = "not braked";
	finding->count = check_load(braked->brakes);
	store_order(&orders->armed_until_ns, 0);
	store_order(braked->brake_mark, 0);
	store_order(braked->look_mark, 0);
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding, flaw ? "fails" : "works", "%s", flaw ? flaw : "-");
}

/* Where the daemon has read up to, as the kernel believes: whoever holds the map may write that. */
static __u64 *map_read_position(const struct stage *stage)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, stage->bells_fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/*
 * With the bells full it brakes all the same, and rings for that mark as soon as there is room.
 * The brake of another check may still hold: what counts is that one more mark braked.
 */
static void check_unheard(const struct stage *stage, const struct braked *braked, struct rung *rung,
			  const char *directory, struct finding *finding)
{
	__u64 *position = map_read_position(stage), brakes = check_load(braked->brakes), read;
	unsigned int rung_full;
	int error;

	if (!position) {
		check_found(finding, "impossible", "%s", strerror(errno));
		return;
	}
	hear(stage, rung, 0);
	store_order(&kernel_orders(stage->kernel)->armed_until_ns, now_ns() + ARMED_NS);
	read = check_load(position);
	store_order(position, read - LEDGER_BELLS_BYTES);
	error = act_twice_unanswered(stage, braked, directory);
	brakes = check_load(braked->brakes) - brakes;
	store_order(position, read);
	rung->times = 0;
	rung_full = hear(stage, rung, 0);
	if (!error)
		error = actor_do(stage->actor, braked->act, directory);
	finding->count = hear(stage, rung, BELL_MS);
	store_order(&kernel_orders(stage->kernel)->armed_until_ns, 0);
	store_order(braked->brake_mark, 0);
	store_order(braked->look_mark, 0);
	munmap(position, (size_t)sysconf(_SC_PAGESIZE));
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else if (rung_full)
		check_found(finding, "impossible", "the bells are not full");
	else if (brakes != 1)
		check_found(finding, "fails", "%llu brakes", (unsigned long long)brakes);
	else
		check_found(finding, finding->count == 1 ? "works" : "fails",
			    "rang %u times when there was room", rung->times);
}

static struct braked brake_of(const struct stage *stage, uint32_t slot)
{
	const struct ledger_filesystem *fs = &kernel_ledger(stage->kernel)->filesystems[slot];
	struct orders *orders = kernel_orders(stage->kernel);

	return (struct braked){
		.look_mark = &orders->look_marks[slot],
		.brake_mark = &orders->brake_marks[slot],
		.counter = &fs->dirtied_pages,
		.brakes = &kernel_ledger(stage->kernel)->marks[slot].brakes,
		.until_ns = &kernel_ledger(stage->kernel)->marks[slot].brake_until_ns,
		.act = act_write,
	};
}

static struct braked brake_of_stall(const struct stage *stage)
{
	const struct ledger_memory *memory = &kernel_ledger(stage->kernel)->memory;
	struct orders *orders = kernel_orders(stage->kernel);

	return (struct braked){
		.look_mark = &orders->look_marks[LEDGER_MEMORY],
		.brake_mark = &orders->brake_marks[LEDGER_MEMORY],
		.counter = &memory->stall_ns,
		.brakes = &kernel_ledger(stage->kernel)->marks[LEDGER_MEMORY].brakes,
		.until_ns = &kernel_ledger(stage->kernel)->marks[LEDGER_MEMORY].brake_until_ns,
		.act = act_reclaim,
	};
}

void check_brake(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct braked braked = brake_of(stage, slot);

	check_braked(stage, &braked, stage->places[slot].directory, finding);
}

void check_stall_brake(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct braked braked = brake_of_stall(stage);

	check_braked(stage, &braked, stage->places[slot].directory, finding);
}

void check_brake_unheard(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct braked braked = brake_of(stage, slot);
	struct rung rung = { .bell = BELL_LOOK, .slot = slot };

	check_unheard(stage, &braked, &rung, stage->places[slot].directory, finding);
}

void check_stall_brake_unheard(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const struct braked braked = brake_of_stall(stage);
	struct rung rung = { .bell = BELL_STALL };

	check_unheard(stage, &braked, &rung, stage->places[slot].directory, finding);
}
