/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process that parses strangers' lines must never do: start programs, trace or
 * signal others, load BPF, mount, change identity, open network sockets. Those are refused
 * (EPERM) rather than everything else allowed by name: a list of allowed calls breaks with the
 * next libc, at 3 a.m., in the one process that must not fail.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "daemon/sandbox.h"

static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(seccomp),
	SCMP_SYS(vfork),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(kill),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(open_tree),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(setuid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setregid),
	SCMP_SYS(setgroups),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(quotactl),
	SCMP_SYS(acct),
	SCMP_SYS(personality),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
};

/* Of those: enter a namespace, load a program. It makes a listener as well. */
static const int attachers[] = {
	SCMP_SYS(bpf),
	SCMP_SYS(setns),
};

static bool is_attachers(int call)
{
	for (size_t i = 0; i < sizeof(attachers) / sizeof(attachers[0]); i++)
		if (attachers[i] == call)
			return true;
	return false;
}

static int refuse(scmp_filter_ctx filter, bool attaches)
{
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (attaches && is_attachers(refused[i]))
			continue;
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
		if (error == -EDOM) /* not a system call of this machine */
			error = 0;
	}
	return error;
}

/*
 * Sockets of our own: unix ones (the service manager, the state socket) and no others. Listeners
 * on TCP are made before, and accept(2) makes no socket that could connect to somebody.
 */
static int refuse_sockets(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp other = { .arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX };

	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, &other);
}

int sandbox_load(void *filter)
{
	int error = seccomp_load(filter);

	if (error == -EINVAL || error == -ENOSYS || error == -ECANCELED) {
		log_info("system calls are not restricted: no seccomp here");
		error = 0;
	}
	if (error)
		log_error("system calls cannot be restricted: %s", strerror(-error));
	return error;
}

static int enter(bool attaches)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error;

	if (!filter)
		return -ENOMEM;
	error = refuse(filter, attaches);
	if (!error && !attaches)
		error = refuse_sockets(filter);
	if (!error)
		error = sandbox_load(filter);
	seccomp_release(filter);
	return error;
}

int sandbox_enter(void)
{
	return enter(false);
}

int sandbox_enter_attacher(void)
{
	return enter(true);
}
