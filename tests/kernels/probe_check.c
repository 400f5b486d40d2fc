/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Load, attach and fire every probe of the table, in the kernel this runs in, and say what came of
 * it: a line each of
 *
 *	MODE <tab> PROBE <tab> ACTION <tab> FILESYSTEM <tab> OUTCOME <tab> COUNT <tab> DETAIL
 *
 *   probe_check root|user|lockdown ext4=DIRECTORY xfs=… btrfs=… fuse=…
 *
 * In mode "user" the side that watches has CAP_BPF and CAP_PERFMON and is nobody.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "act.h"
#include "check.h"
#include "watch/mark.h"
#include "watch/probes.h"

#define NOBODY 65534

struct run {
	const char *mode;
	struct place places[PLACES];
	struct actor actor;
	struct kernel *kernel;
	unsigned int position[SIGNALS]; /* of the probe that is next in each signal's list */
};

static void report(const struct run *run, const char *probe, const char *action,
		   const char *filesystem, const struct finding *finding)
{
	printf("%s\t%s\t%s\t%s\t%s\t%llu\t%s\n", run->mode, probe, action, filesystem,
	       finding->outcome, (unsigned long long)finding->count,
	       *finding->detail ? finding->detail : "-");
	fflush(stdout);
}

/* --- what libbpf said while it tried --- */

static char said[65536];

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t length = strlen(said);

	if (level == LIBBPF_WARN)
		vsnprintf(said + length, sizeof(said) - length, format, arguments);
	return 0;
}

/* The first thing it said of one of PROBE's programs; the whole goes to the console. */
static void quote(const struct probe *probe, struct finding *finding)
{
	char name[64], *text = NULL, *end;
	unsigned int i;

	for (i = 0; probe->programs[i] && !text; i++) {
		snprintf(name, sizeof(name), "prog '%s': ", probe->programs[i]);
		text = strstr(said, name);
	}
	snprintf(finding->detail, sizeof(finding->detail), "%s", text ? text : said);
	end = strchr(finding->detail, '\n');
	if (end)
		*end = '\0';
	for (end = finding->detail; *end; end++)
		if (*end == '\t')
			*end = ' ';
}

/* --- probes --- */

static uint64_t count(const struct run *run, const struct action *action, uint32_t slot)
{
	return action->count(kernel_ledger(run->kernel), slot);
}

/* What is done on no filesystem in particular is done once. */
static bool takes_place(const struct run *run, const char *where, uint32_t slot)
{
	return where ? strstr(where, run->places[slot].name) != NULL : slot == 0;
}

static void fire(const struct run *run, const struct probe *probe, const struct action *action,
		 uint32_t slot)
{
	const struct place *place = &run->places[slot];
	struct finding finding = { .outcome = "fires" };
	uint64_t before = count(run, action, slot);
	int error = actor_do_heard(&run->actor, run->kernel, slot, action->act, place->directory);

	finding.count = count(run, action, slot) - before;
	if (error) {
		finding.outcome = "impossible";
		snprintf(finding.detail, sizeof(finding.detail), "%s", strerror(-error));
	} else if (!finding.count) {
		finding.outcome = "silent";
	} else if (finding.count < action->least || finding.count > action->most) {
		finding.outcome = "miscounts";
	}
	report(run, probe->name, action->name, action->where ? place->name : "-", &finding);
}

static void fire_all(const struct run *run, const struct probe *probe)
{
	const struct finding untested = { .outcome = "untested", .detail = "no row in actions.c" };
	const struct action *action;
	bool any = false;
	uint32_t slot;

	for (action = actions; action < actions + actions_count; action++) {
		if (action->signal != probe->signal)
			continue;
		any = true;
		for (slot = 0; slot < PLACES; slot++)
			if (takes_place(run, action->where, slot))
				fire(run, probe, action, slot);
	}
	if (!any)
		report(run, probe->name, "fire", "-", &untested);
}

static bool take_device(struct run *run, uint32_t slot)
{
	uint32_t told = run->places[slot].device;
	uint32_t learned = kernel_ledger(run->kernel)->canaries[slot].device;

	run->places[slot].device = kernel_orders(run->kernel)->devices[slot] = learned;
	return learned == told;
}

/*
 * Let the canaries tell which device each filesystem's writes are charged to, as the daemon does:
 * on btrfs it is another one than stat(2) says.
 */
static void learn_devices(struct run *run, const struct probe *probe)
{
	struct finding finding;
	uint32_t slot;
	int error;

	for (slot = 0; slot < PLACES; slot++) {
		error = actor_do_heard(&run->actor, run->kernel, slot, act_canary,
				       run->places[slot].directory);
		finding = (struct finding){ .outcome = "silent" };
		if (error)
			snprintf(finding.detail, sizeof(finding.detail), "%s", strerror(-error));
		else if (kernel_ledger(run->kernel)->canaries[slot].device)
			finding.outcome = take_device(run, slot) ? "as-stat" : "other";
		report(run, probe->name, "device", run->places[slot].name, &finding);
	}
}

/* Attach SIGNAL's next probe that can be, and fire it. Returns 0, or -ENOENT past the last. */
static int next_probe(struct run *run, enum signal_id signal)
{
	const struct probe *probe;
	struct finding finding;
	bool attached;
	int error;

	said[0] = '\0';
	error = kernel_next_probe(run->kernel, signal);
	fputs(said, stderr);
	while ((probe = probe_find(signal, run->position[signal]++))) {
		attached = !error && !strcmp(probe->name, kernel_backend(run->kernel, signal));
		finding = (struct finding){ .outcome = attached ? "attached" : "refused" };
		if (!attached)
			quote(probe, &finding);
		report(run, probe->name, "attach", "-", &finding);
		if (attached) {
			if (signal == SIGNAL_WRITES)
				learn_devices(run, probe);
			fire_all(run, probe);
			break;
		}
	}
	return error;
}

/* --- checks --- */

/* The kernel side keeps its descriptors to itself. */
static int find_map(const char *name)
{
	struct bpf_map_info info;
	__u32 size;
	int fd;

	for (fd = 3; fd < 256; fd++) {
		memset(&info, 0, sizeof(info));
		size = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, name))
			return fd;
	}
	return -1;
}

static void run_checks(const struct run *run, bool last)
{
	const struct stage stage = {
		.kernel = run->kernel,
		.actor = &run->actor,
		.places = run->places,
		.ledger_fd = find_map("ledger"),
		.orders_fd = find_map("orders"),
		.bells_fd = find_map("bells"),
	};
	const struct check *check;
	uint32_t slot;

	for (check = checks; check < checks + checks_count; check++) {
		if (check->last != last)
			continue;
		for (slot = 0; slot < PLACES; slot++) {
			struct finding finding = { 0 };

			if (!takes_place(run, check->where, slot))
				continue;
			check->run(&stage, slot, &finding);
			report(run, "-", check->name, check->where ? run->places[slot].name : "-",
			       &finding);
		}
	}
}

/* In a process of their own, which has the same memory and descriptors: there is no way back. */
static void run_last_checks(const struct run *run)
{
	pid_t pid = fork();

	if (!pid) {
		run_checks(run, true);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* --- set-up --- */

static int open_kernel(struct run *run)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_CONF), slot;
	struct finding finding = { .outcome = "works" };
	struct orders *orders;
	int error = kernel_open(&run->kernel);

	libbpf_set_print(listen_to_libbpf);
	if (error) {
		finding.outcome = "refused";
		snprintf(finding.detail, sizeof(finding.detail), "%s", strerror(-error));
		report(run, "-", "kernel-open", "-", &finding);
		return error;
	}
	orders = kernel_orders(run->kernel);
	orders->batch_pages = mark_batch_pages(cpus, 1, (unsigned int)sysconf(_SC_PAGESIZE));
	for (slot = 0; slot < PLACES; slot++)
		orders->devices[slot] = run->places[slot].device;
	return 0;
}

/* All signals' best probes stay attached for the checks; then comes what is left of the lists. */
static int check_kernel(struct run *run)
{
	unsigned int signal;
	int error = open_kernel(run);

	if (error)
		return error;
	for (signal = 0; signal < SIGNALS; signal++)
		next_probe(run, signal);
	run_checks(run, false);
	run_last_checks(run);
	for (signal = 0; signal < SIGNALS; signal++)
		while (kernel_attached(run->kernel, signal))
			next_probe(run, signal);
	kernel_close(run->kernel);
	return 0;
}

/*
 * Nobody, with the two capabilities that loading and attaching want, and LimitMEMLOCK=infinity as
 * a service would have: before 5.11 maps count against that limit.
 */
static int become_user(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct two[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		return -errno;
	two[1].permitted = two[1].effective = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) || syscall(SYS_capset, &header, two))
		return -errno;
	/* As after an exec: its own /proc belongs to it, and libbpf reads it. */
	return prctl(PR_SET_DUMPABLE, 1) ? -errno : 0;
}

static int take_place(struct place *place, char *argument)
{
	char *directory = strchr(argument, '=');
	struct stat st;

	if (!directory)
		return -EINVAL;
	*directory++ = '\0';
	if (stat(directory, &st))
		return -errno;
	place->name = argument;
	place->directory = directory;
	place->device = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	return 0;
}

int main(int argc, char **argv)
{
	struct run run = { .mode = argc > 1 ? argv[1] : NULL };
	int i, error = argc == 2 + PLACES ? 0 : -EINVAL;

	/* It takes all memory and has processes killed: nothing to try on a host. */
	if (getppid() != 1) {
		fputs("probe_check: only for guest-init, in a machine of its own\n", stderr);
		return 2;
	}
	for (i = 0; !error && i < PLACES; i++)
		error = take_place(&run.places[i], argv[2 + i]);
	if (!error)
		error = actor_start(&run.actor);
	if (error) {
		fprintf(stderr, "probe_check: %s\n", strerror(-error));
		return 2;
	}
	if (!strcmp(run.mode, "user"))
		error = become_user();
	if (!error)
		error = check_kernel(&run);
	if (error)
		fprintf(stderr, "probe_check: %s\n", strerror(-error));
	actor_stop(&run.actor);
	return error ? 1 : 0;
}
