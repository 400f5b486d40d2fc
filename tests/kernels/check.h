/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is done to see a probe fire, and what else must hold in every kernel. Both are tables:
 * a new signal is a row of `actions`, a new promise a row of `checks`.
 */
#ifndef KERNELS_CHECK_H
#define KERNELS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "watch/kernel.h"

/* A filesystem to act on. Its place in the table is its slot in the ledger. */
struct place {
	const char *name; /* "ext4" */
	const char *directory;
	uint32_t device; /* as the kernel holds it */
};

#define PLACES	   4
#define ANY	   UINT64_MAX
#define EVERYWHERE "ext4 xfs btrfs"

struct action {
	enum signal_id signal;
	const char *name;
	const char *where; /* once on each of these filesystems; NULL: once, anywhere */
	/* In the actor, as root. 0, or -errno when it could not be done. */
	int (*act)(const char *directory);
	uint64_t (*count)(const struct ledger *ledger, uint32_t slot);
	uint64_t least, most; /* the count must have grown by that much: else it miscounts */
};

extern const struct action actions[];
extern const size_t actions_count;

/* A process that stays root, and acts while the one that watches has given up what it may. */
struct actor {
	pid_t pid;
	int fd;
};

int actor_start(struct actor *actor);
void actor_stop(struct actor *actor);

/* ACT in the actor. Returns what it returned; -ETIMEDOUT after a minute. */
int actor_do(const struct actor *actor, int (*act)(const char *directory), const char *directory);

/* The same, and the kernel counts what the actor does in the canary of SLOT. */
int actor_do_heard(const struct actor *actor, struct kernel *kernel, uint32_t slot,
		   int (*act)(const char *directory), const char *directory);

/* Pages charged to SLOT, with those that a CPU still holds back. */
uint64_t count_pages(const struct ledger *ledger, uint32_t slot);

/* fsyncs of SLOT that have ended. */
uint64_t count_syncs(const struct ledger *ledger, uint32_t slot);

/* The kernel side with the best probe of each signal, as a daemon would hold it. */
struct stage {
	struct kernel *kernel;
	const struct actor *actor;
	const struct place *places;
	int ledger_fd;
	int orders_fd;
	int bells_fd;
};

struct finding {
	const char *outcome;
	uint64_t count;
	char detail[160];
};

/* Fill in FINDING; FORMAT as printf's, "-" for nothing to say. */
void check_found(struct finding *finding, const char *outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A counter of the ledger, as it is now. */
uint64_t check_load(const __u64 *counter);

/* Paths in the hierarchy. */
#define CHECK_HELD  (&ACT_HELD[sizeof(ACT_CGROUPS) - 1])
#define CHECK_BELOW (&ACT_BELOW[sizeof(ACT_CGROUPS) - 1])

/* As the daemon finds them. 0, or -errno when they are not what guest-init mounts. */
struct cgroup_mounts;
int check_cgroups(struct cgroup_mounts *mounts);

struct check {
	const char *name;
	const char *where;
	bool last; /* gives up what cannot be had again */
	void (*run)(const struct stage *stage, uint32_t slot, struct finding *finding);
};

void check_look_bell(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_stall_bell(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_oom_bell(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_quota_bell(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_error_bell(const struct stage *stage, uint32_t slot, struct finding *finding);

void check_cgroup_cache(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_memory(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_high(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_host(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_kill(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_pressure(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_cgroup_recreated(const struct stage *stage, uint32_t slot, struct finding *finding);

void check_gate(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_brake(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_stall_brake(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_brake_unheard(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_stall_brake_unheard(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_sync_time(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_sync_cgroup(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_no_sync_open(const struct stage *stage, uint32_t slot, struct finding *finding);

void check_over_quota(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_server(const struct stage *stage, uint32_t slot, struct finding *finding);
void check_overlay(const struct stage *stage, uint32_t slot, struct finding *finding);

extern const struct check checks[];
extern const size_t checks_count;

#endif
