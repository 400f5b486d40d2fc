/* SPDX-License-Identifier: GPL-2.0-only */
/* What is read of the memory of a v2 cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "act.h"
#include "check.h"
#include "watch/cgroup.h"
#include "watch/psi.h"

#define HOST_BYTES (1024LL * MIB) /* more than the limit, which is all that matters of it */

/* What a process and its page tables take beside what it was told to. */
#define OTHERS (4 * MIB)

int check_cgroups(struct cgroup_mounts *mounts)
{
	static char text[65536];
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	ssize_t length, at = 0;

	while (fd >= 0 && (length = read(fd, text + at, sizeof(text) - 1 - (size_t)at)) > 0)
		at += length;
	if (fd >= 0)
		close(fd);
	text[at] = '\0';
	cgroup_find(mounts, text, cgroup_is_mounted);
	return strcmp(mounts->memory, ACT_CGROUPS) ? -ENOENT : 0;
}

/* What the held cgroup has left when ACT has filled it must be within LEAST and MOST. */
static void check_held(const struct stage *stage, struct finding *finding,
		       int (*act)(const char *directory), int64_t least, int64_t most)
{
	struct cgroup_memory memory = { 0 };
	struct cgroup_mounts mounts;
	int error = check_cgroups(&mounts);

	if (!error)
		error = actor_do(stage->actor, act, stage->places[0].directory);
	if (!error)
		error = cgroup_read_memory(&mounts, CHECK_HELD, HOST_BYTES, &memory);
	actor_do(stage->actor, act_release, NULL);
	finding->count = (uint64_t)memory.available_bytes;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding,
			    memory.available_bytes >= least && memory.available_bytes <= most
				    ? "works"
				    : "miscounts",
			    "of %lld", (long long)memory.limit_bytes);
}

void check_cgroup_cache(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	(void)slot;
	check_held(stage, finding, act_hold_cache, 16 * MIB - OTHERS, 16 * MIB);
}

void check_cgroup_memory(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const int64_t left = 16 * MIB - ACT_HELD_BYTES;

	(void)slot;
	check_held(stage, finding, act_hold_memory, left - OTHERS, left);
}

/* memory.high is below memory.max: what is left is left to that. */
void check_cgroup_high(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	(void)slot;
	check_held(stage, finding, act_hold_below_high, 0, 12 * MIB - ACT_HELD_BYTES);
}

/* Nothing of it is judged: it has no limit of its own. */
void check_cgroup_host(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	struct cgroup_mounts mounts;
	struct cgroup_memory memory;
	int error = check_cgroups(&mounts);

	(void)stage;
	(void)slot;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding,
			    cgroup_is_host(&mounts, "/") && !cgroup_is_host(&mounts, CHECK_HELD) &&
					    cgroup_read_memory(&mounts, "/", HOST_BYTES, &memory) ==
						    -ENODATA
				    ? "works"
				    : "fails",
			    "-");
}

void check_cgroup_kill(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	static struct cgroup_kills kills[CGROUP_KILLS];
	struct cgroup_mounts mounts;
	unsigned int made = 0;
	int error = check_cgroups(&mounts);

	(void)slot;
	if (!error)
		error = actor_do(stage->actor, act_hold_kill, stage->places[0].directory);
	if (!error)
		made = cgroup_read_kills(&mounts, CHECK_HELD, kills);
	actor_do(stage->actor, act_release, NULL);
	finding->count = made ? (uint64_t)kills[0].count : 0;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding, made == 1 && finding->count == 1 ? "works" : "miscounts",
			    "in %u cgroups", made);
}

/* Nothing stalls in there until something is read that does not fit in. */
void check_cgroup_pressure(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	const char *directory = stage->places[0].directory;
	int64_t before_ns = -1, after_ns = -1;
	int error = actor_do(stage->actor, act_hold_memory, directory);
	int fd = open(ACT_HELD "/memory.pressure", O_RDONLY | O_CLOEXEC);

	(void)slot;
	if (!error) {
		before_ns = psi_total_ns(fd, "some");
		error = actor_do(stage->actor, act_press, directory);
		after_ns = psi_total_ns(fd, "some");
	}
	if (fd >= 0)
		close(fd);
	actor_do(stage->actor, act_release, NULL);
	finding->count = after_ns > before_ns ? (uint64_t)(after_ns - before_ns) : 0;
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding, before_ns >= 0 && finding->count ? "works" : "fails",
			    "%lld ns before", (long long)before_ns);
}

/* Under the same path it is another one. */
void check_cgroup_recreated(const struct stage *stage, uint32_t slot, struct finding *finding)
{
	struct cgroup_mounts mounts;
	uint64_t ids[2] = { 0 }, gone = 0;
	unsigned int i;
	int error = check_cgroups(&mounts);

	(void)slot;
	for (i = 0; !error && i < 2; i++) {
		error = actor_do(stage->actor, act_hold_memory, stage->places[0].directory);
		ids[i] = cgroup_id(mounts.memory, CHECK_HELD);
		actor_do(stage->actor, act_release, NULL);
		gone |= cgroup_id(mounts.memory, CHECK_HELD);
	}
	if (error)
		check_found(finding, "impossible", "%s", strerror(-error));
	else
		check_found(finding,
			    ids[0] && ids[1] && ids[0] != ids[1] && !gone ? "works" : "fails", "-");
}
