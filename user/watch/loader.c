/* SPDX-License-Identifier: GPL-2.0-only */
/* Attach probes in a process of its own. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/allow.h"
#include "common/apart.h"
#include "common/capabilities.h"
#include "common/passing.h"
#include "common/user.h"
#include "watch/attach.h"
#include "watch/loader.h"

/* What is missed without them is seen by looks, or shown and not judged. */
static const enum signal_id later[] = {
	SIGNAL_DIRECT_WRITES, SIGNAL_FALLOCATE,	 SIGNAL_SYNC_EXT4,
	SIGNAL_SYNC_XFS,      SIGNAL_SYNC_BTRFS,
};

#define LATER (sizeof(later) / sizeof(later[0]))

/*
 * Both sides are one program, forked: what points into the table of probes does so in either. The
 * links are descriptors, and come along.
 */
struct news {
	enum signal_id signal;
	struct attachment attachment;
};

_Static_assert(PROBE_PROGRAMS <= PASSED_MOST, "a probe's links come with one message");

static int send_news(int fd, const struct news *news)
{
	unsigned int count = 0;

	while (count < PROBE_PROGRAMS && news->attachment.links[count] >= 0)
		count++;
	return send_with(fd, news, sizeof(*news), 0, news->attachment.links, count) < 0 ? -errno
											: 0;
}

/* Returns false when there is none; *END when there will be none. */
static bool receive_news(int fd, struct news *news, bool *end)
{
	int links[PASSED_MOST];
	unsigned int count;
	ssize_t size = receive_with(fd, news, sizeof(*news), MSG_DONTWAIT, links, &count);

	*end = !size || (size < 0 && errno != EAGAIN && errno != EINTR);
	if (size != sizeof(*news))
		return false;
	memset(news->attachment.links, -1, sizeof(news->attachment.links));
	memcpy(news->attachment.links, links, sizeof(int) * count);
	return true;
}

/* Of a module's types the kernel gives a descriptor to CAP_SYS_ADMIN alone, and where there is it.
 */
#define KEPT                                                             \
	(1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN | \
	 1ull << CAP_SYS_RESOURCE | 1ull << CAP_DAC_READ_SEARCH)

static const struct allowed allowed[] = {
	ALLOW(bpf),   ALLOW(sendmsg), /* the links, to the daemon */
	ALLOW_LIBBPF, ALLOW_LOOKING,  ALLOW_DESCRIPTORS, ALLOW_END,
};

/* What fails here costs a signal that is optional. */
static void confine(const char *user)
{
	const struct allowed *const lists[] = { allow_basics, allowed, NULL };
	int error;

	capabilities_bound();
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	error = user_become(user);
	if (!error)
		error = capabilities_keep(KEPT, true);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!error)
		error = allow_only(SCMP_ACT_ERRNO(ENOSYS), lists);
	if (error && error != -ENOSYS)
		_exit(1);
}

/* What comes to the whole process group is for the daemon: its end is ours. */
static void load_all(struct kernel *kernel, int fd, const char *user) __attribute__((noreturn));
static void load_all(struct kernel *kernel, int fd, const char *user)
{
	int kept[KERNEL_MAPS + 1];
	size_t i;

	prctl(PR_SET_NAME, "spoolgate-load");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	kernel_maps(kernel, kept);
	kept[KERNEL_MAPS] = fd;
	apart_close_all_but(kept, KERNEL_MAPS + 1);
	confine(user);
	for (i = 0; i < LATER; i++) {
		struct news news = { .signal = later[i] };

		kernel_next_probe(kernel, later[i]);
		news.attachment = *kernel_attachment(kernel, later[i]);
		if (send_news(fd, &news))
			break;
	}
	_exit(0);
}

int loader_start(struct loader *loader, struct kernel *kernel, const char *user)
{
	int fds[2], error;
	size_t i;

	loader->fd = -1;
	loader->pid = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	fflush(NULL);
	loader->pid = fork();
	if (loader->pid < 0) {
		error = -errno;
		close(fds[0]);
		close(fds[1]);
		return error;
	}
	if (!loader->pid)
		load_all(kernel, fds[1], user);
	close(fds[1]);
	loader->fd = fds[0];
	for (i = 0; i < LATER; i++)
		kernel_await(kernel, later[i], true);
	return 0;
}

bool loader_has(enum signal_id signal)
{
	size_t i;

	for (i = 0; i < LATER; i++)
		if (later[i] == signal)
			return true;
	return false;
}

unsigned int loader_take(struct loader *loader, struct kernel *kernel,
			 void (*told)(void *context, enum signal_id signal), void *context)
{
	unsigned int missing = 0;
	struct news news;
	bool end = false;
	size_t i;

	while (receive_news(loader->fd, &news, &end)) {
		kernel_adopt(kernel, news.signal, &news.attachment);
		told(context, news.signal);
	}
	if (!end)
		return 0;
	for (i = 0; i < LATER; i++) {
		missing += kernel_attachment(kernel, later[i])->awaited;
		kernel_await(kernel, later[i], false);
	}
	loader_stop(loader);
	return missing;
}

void loader_stop(struct loader *loader)
{
	if (loader->fd >= 0)
		close(loader->fd);
	loader->fd = -1;
	loader_reap(loader);
}

void loader_reap(struct loader *loader)
{
	if (loader->pid > 0 && waitpid(loader->pid, NULL, WNOHANG))
		loader->pid = 0;
}
