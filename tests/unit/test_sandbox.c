/* SPDX-License-Identifier: GPL-2.0-only */
/* What no process of ours can do once it has its list of system calls, each tried in each. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/user.h"
#include "daemon/sandbox.h"
#include "mta/confine.h"
#include "responder/responder.h"
#include "watch/scout_confine.h"

/* What a process may that others may not. */
enum {
	MAY_FORK = 1,
	MAY_THREAD = 2, /* and must */
	MAY_CALL = 4,	/* a socket of the network */
	MAY_CHANGE = 8, /* files */
	MAY_MAP_CODE = 16,
	MAY_BECOME = 32, /* what it starts does, and it is root */
};

/* sigaltstack(2) is not among what our processes do. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "use_sigaltstack=0";
}

/* Not _exit(2), at which the sanitizer wants system calls of its own. */
static void end(int status)
{
	syscall(SYS_exit_group, status);
}

static pid_t victim; /* a child of the test's: no child of who is confined */
static int terminal;

struct attempt {
	const char *what;
	int (*make)(void); /* returns 0 when it worked */
	unsigned int may;
};

static int by_kill(void)
{
	return (int)syscall(SYS_kill, victim, SIGUSR1);
}

static int by_kill_group(void)
{
	return (int)syscall(SYS_kill, 0, SIGURG);
}

static int by_tgkill(void)
{
	return (int)syscall(SYS_tgkill, victim, victim, SIGUSR1);
}

static int by_tkill(void)
{
	return (int)syscall(SYS_tkill, victim, SIGUSR1);
}

static int by_queue(void)
{
	siginfo_t info = { .si_code = SI_QUEUE, .si_signo = SIGUSR1 };

	return (int)syscall(SYS_rt_sigqueueinfo, victim, SIGUSR1, &info);
}

static int by_pidfd(void)
{
	return (int)syscall(SYS_pidfd_open, victim, 0) < 0;
}

/* The kernel signals whom a descriptor belongs to when there is something to read. */
static int by_owner(void)
{
	return fcntl(terminal, F_SETOWN, victim);
}

static int by_set_signal(void)
{
	return fcntl(terminal, F_SETSIG, SIGKILL);
}

static int type_into_terminal(void)
{
	return ioctl(terminal, TIOCSTI, "x") && errno != EIO && errno != EPERM;
}

static int paste_into_terminal(void)
{
	char paste = 3;

	return ioctl(terminal, TIOCLINUX, &paste) && errno != ENOTTY && errno != EINVAL;
}

static int take_terminal(void)
{
	return ioctl(terminal, TIOCSCTTY, 1) && errno != EPERM;
}

static int run_program(void)
{
	char *arguments[] = { "true", NULL };

	return execve("/nowhere", arguments, arguments) && errno != ENOENT;
}

static int fork_bare(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		end(0);
	return pid < 0;
}

static int enter_namespace(void)
{
	return (int)syscall(SYS_unshare, CLONE_NEWUSER);
}

static int fork_into_namespace(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		end(0);
	return pid < 0;
}

/* Its flags are in memory, where a filter does not see them. */
static int fork_unseen(void)
{
	uint64_t arguments[8] = { [4] = SIGCHLD };
	long pid = syscall(SYS_clone3, arguments, sizeof(arguments));

	if (!pid)
		end(0);
	return pid < 0;
}

static int trace(void)
{
	return (int)ptrace(PTRACE_SEIZE, victim, NULL, NULL);
}

static int write_memory(void)
{
	char byte = 0;
	struct iovec part = { &byte, 1 };

	return process_vm_writev(victim, &part, 1, &part, 1, 0) < 0;
}

static int become_root(void)
{
	return (int)syscall(SYS_setresuid, 0, 0, 0);
}

static int mount_something(void)
{
	return mount("none", "/", "tmpfs", MS_REMOUNT, NULL) && errno == ENOSYS;
}

static int load_program(void)
{
	union bpf_attr attr = { 0 };

	return (int)syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr));
}

static int open_event(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .type = PERF_TYPE_SOFTWARE };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) < 0;
}

static int call_somebody(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 && socket(AF_INET6, SOCK_STREAM, 0) < 0;
}

static int speak_to_kernel(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static int map_code(void)
{
	void *place = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return place == MAP_FAILED;
}

static int change_file(void)
{
	return open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600) < 0;
}

static int rename_file(void)
{
	return rename("/nowhere/a", "/nowhere/b") && errno != ENOENT;
}

static int link_file(void)
{
	return link("/nowhere/a", "/nowhere/b") && errno != ENOENT;
}

static int make_device(void)
{
	return mknod("/nowhere/a", S_IFIFO | 0600, 0) && errno != ENOENT;
}

static int change_limit(void)
{
	struct rlimit limit = { 1, 1 };

	return (int)syscall(SYS_prlimit64, victim, RLIMIT_NOFILE, &limit, NULL);
}

static int use_ring(void)
{
	char parameters[120] = { 0 };

	return (int)syscall(SYS_io_uring_setup, 1, parameters) < 0;
}

static const struct attempt attempts[] = {
	{ "kill", by_kill, 0 },
	{ "kill of the group", by_kill_group, 0 },
	{ "tgkill", by_tgkill, 0 },
	{ "tkill", by_tkill, 0 },
	{ "rt_sigqueueinfo", by_queue, 0 },
	{ "pidfd_open", by_pidfd, 0 },
	{ "F_SETOWN", by_owner, 0 },
	{ "F_SETSIG", by_set_signal, 0 },
	{ "TIOCSTI", type_into_terminal, 0 },
	{ "TIOCLINUX", paste_into_terminal, 0 },
	{ "TIOCSCTTY", take_terminal, 0 },
	{ "execve", run_program, 0 },
	{ "clone", fork_bare, MAY_FORK },
	{ "unshare", enter_namespace, 0 },
	{ "clone into a namespace", fork_into_namespace, 0 },
	{ "clone3", fork_unseen, 0 },
	{ "ptrace", trace, 0 },
	{ "process_vm_writev", write_memory, 0 },
	{ "setresuid", become_root, MAY_BECOME },
	{ "mount", mount_something, 0 },
	{ "bpf", load_program, 0 },
	{ "perf_event_open", open_event, 0 },
	{ "a socket of the network", call_somebody, MAY_CALL },
	{ "netlink", speak_to_kernel, 0 },
	{ "code in memory", map_code, MAY_MAP_CODE },
	{ "a file that is changed", change_file, MAY_CHANGE },
	{ "rename", rename_file, MAY_CHANGE },
	{ "link", link_file, 0 },
	{ "mknod", make_device, 0 },
	{ "another's limits", change_limit, 0 },
	{ "io_uring_setup", use_ring, 0 },
};

#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static int confine_scout(void)
{
	scout_confine();
	return 0;
}

static int confine_keeper(void)
{
	return sandbox_enter_keeper(false);
}

static int confine_the_milter(void)
{
	confine_milter();
	return 0;
}

static int confine_the_filter(void)
{
	confine_filter();
	return 0;
}

static const struct process {
	const char *name;
	int (*confine)(void);
	unsigned int may;
} processes[] = {
	{ "daemon", sandbox_enter, 0 },
	{ "logger", sandbox_enter_logger, 0 },
	{ "filer", sandbox_enter_filer, MAY_CHANGE | MAY_MAP_CODE },
	{ "placer", sandbox_enter_placer, 0 },
	{ "attacher", sandbox_enter_attacher, MAY_CALL },
	{ "scout", confine_scout, MAY_THREAD },
	{ "keeper", confine_keeper,
	  MAY_FORK | MAY_THREAD | MAY_CHANGE | MAY_MAP_CODE | MAY_BECOME },
	{ "reader", sandbox_enter_reader, MAY_MAP_CODE },
	{ "responder's beginning", sandbox_enter_responder, MAY_MAP_CODE },
	{ "milter", confine_the_milter, MAY_THREAD },
	{ "filter", confine_the_filter, 0 },
};

#define PROCESSES (sizeof(processes) / sizeof(processes[0]))

static void *do_nothing(void *argument)
{
	return argument;
}

static uint64_t try_all(const struct process *process)
{
	uint64_t worked = 0;
	pthread_t thread;

	for (size_t i = 0; i < ATTEMPTS; i++)
		if (!attempts[i].make())
			worked |= 1ull << i;
	if (process->may & MAY_THREAD && pthread_create(&thread, NULL, do_nothing, NULL))
		worked |= 1ull << ATTEMPTS;
	return worked;
}

/* Which of them worked, as bits; the one beyond them: no thread, where there should be one. */
static uint64_t attempt_as(const struct process *process)
{
	uint64_t worked = ~0ull;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		if (!process->confine())
			worked = try_all(process);
		end(write(fds[1], &worked, sizeof(worked)) != sizeof(worked));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &worked, sizeof(worked)), sizeof(worked));
	close(fds[0]);
	waitpid(pid, &status, 0);
	return worked;
}

static void test_nothing_forbidden_works(void **state)
{
	unsigned int wrong = 0;

	(void)state;
	for (size_t p = 0; p < PROCESSES; p++) {
		uint64_t worked = attempt_as(&processes[p]);

		assert_true(worked != ~0ull);
		if (worked >> ATTEMPTS)
			print_error("%s: no thread can be had\n", processes[p].name);
		wrong += !!(worked >> ATTEMPTS);
		for (size_t i = 0; i < ATTEMPTS; i++) {
			if (!(worked >> i & 1) || attempts[i].may & processes[p].may)
				continue;
			print_error("%s: %s works\n", processes[p].name, attempts[i].what);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(kill(victim, 0), 0);
}

/* Without a list each of them does, so that the test above says something. */
static void test_what_is_forbidden_is_there(void **state)
{
	const size_t surely[] = { 0, 2, 3, 4, 5, 6, 7, 8, 11, 12, 24, 25, 26, 27, 28 };

	(void)state;
	signal(SIGUSR1, SIG_IGN);
	for (size_t i = 0; i < sizeof(surely) / sizeof(surely[0]); i++)
		if (attempts[surely[i]].make())
			fail_msg("%s: %s", attempts[surely[i]].what, strerror(errno));
}

/* What a stranger could have it do ends the responder. */
static void test_responder_is_ended(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		end(responder_confine() ? 2 : (int)syscall(SYS_getpid) & 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* Never root, and nobody who is somebody. */
static void test_stand_in(void **state)
{
	uid_t uid = 0;
	gid_t gid = 0;

	(void)state;
	assert_true(user_find("nobody", &uid, &gid));
	assert_int_equal(uid, 65534);
	assert_false(user_find("root", &uid, &gid));
	assert_true(user_is_stand_in(uid));
	assert_false(user_find("no-such-user", &uid, &gid));
	assert_true(user_is_stand_in(uid));
	assert_false(user_find("", &uid, &gid));
	assert_true(user_is_stand_in(uid) && user_is_stand_in(gid));
	assert_false(user_is_stand_in(65534));
	assert_false(user_is_stand_in(0));
}

static int start_victim(void **state)
{
	(void)state;
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	victim = fork();
	if (!victim) {
		signal(SIGUSR1, SIG_IGN);
		for (;;)
			pause();
	}
	return victim < 0 || terminal < 0;
}

static int end_victim(void **state)
{
	(void)state;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_forbidden_works),
		cmocka_unit_test(test_what_is_forbidden_is_there),
		cmocka_unit_test(test_responder_is_ended),
		cmocka_unit_test(test_stand_in),
	};

	return cmocka_run_group_tests(tests, start_victim, end_victim);
}
