/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The write probe where no flag tells what it will come to, by a process that has the scout's
 * capabilities and no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/quota.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "watch/write_probe.h"

#define MAIL_USER 4242

/* CAP_SYS_RESOURCE passes quotas. */
static int shed(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = { 0 };

	kept[0].permitted = kept[0].effective = CAP_TO_MASK(CAP_DAC_READ_SEARCH) |
						CAP_TO_MASK(CAP_DAC_OVERRIDE) |
						CAP_TO_MASK(CAP_SETUID) | CAP_TO_MASK(CAP_SETGID);
	return syscall(SYS_capset, &header, kept) ? -errno : 0;
}

static int try_it(const char *directory)
{
	const struct write_probe_as owner = { 0 };
	struct write_probe probe;

	write_probe(directory, &owner, WRITE_PROBE_PAGE, true, &probe);
	return probe.proved ? -probe.error : EPROTO;
}

/* What the probe says of DIRECTORY, in a process that has the scout's capabilities. */
static int probe_of(const char *directory)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(shed() ? EPROTO : try_it(directory));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;
	return -WEXITSTATUS(status);
}

/* quotactl() wants the device, and nothing here has made it a file. */
static int limit_mail_user(const char *directory, uint64_t kib)
{
	struct dqblk limit = { .dqb_bhardlimit = kib, .dqb_valid = QIF_BLIMITS };
	const char *device = "/tmp/quota-device";
	struct stat st;
	int error = 0;

	if (stat(directory, &st) || mknod(device, S_IFBLK | 0600, st.st_dev))
		return -errno;
	if (quotactl(QCMD(Q_SETQUOTA, USRQUOTA), device, MAIL_USER, (caddr_t)&limit))
		error = -errno;
	unlink(device);
	return error;
}

int act_probe_quota(const char *directory)
{
	char spool[128];
	int error, limited, owner, root;

	snprintf(spool, sizeof(spool), "%s/spool", directory);
	if (mkdir(spool, 0700) || chown(spool, MAIL_USER, MAIL_USER))
		return -errno;
	limited = probe_of(spool);
	error = limited ? limited : limit_mail_user(directory, 1);
	owner = error ? error : probe_of(spool);
	root = error ? error : probe_of(directory);
	limit_mail_user(directory, 0);
	rmdir(spool);
	if (error)
		return error;
	if (root)
		return root;
	return owner == -EDQUOT ? 0 : owner ? owner : -ENODATA;
}

/* Both are below DIRECTORY: what is left in UPPER keeps it from being removed. */
static const char *const layers[] = { "lower", "upper", "work", "work/work", "merged" };

#define LAYERS (sizeof(layers) / sizeof(layers[0]))

static int mount_overlay(const char *directory)
{
	char options[512], path[128];

	for (size_t i = 0; i < LAYERS; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, layers[i]);
		if (i != 3 && mkdir(path, 0755))
			return -errno;
	}
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
		 directory, directory, directory);
	if (mount("overlay", path, "overlay", 0, options) || chown(path, MAIL_USER, MAIL_USER))
		return -errno;
	return 0;
}

static int remove_overlay(const char *directory)
{
	char path[128];
	int error = 0;

	/* It stays where the probe made it, so that its names are never in a directory of others. */
	snprintf(path, sizeof(path), "%s/merged/.spoolgate", directory);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/merged", directory);
	umount2(path, MNT_DETACH);
	for (size_t i = LAYERS; i-- > 0;) {
		snprintf(path, sizeof(path), "%s/%s", directory, layers[i]);
		if (rmdir(path) && errno != ENOENT)
			error = -errno;
	}
	return error;
}

int act_probe_overlay(const char *directory)
{
	int fd, error = mount_overlay(directory), left;
	char path[128];

	snprintf(path, sizeof(path), "%s/merged", directory);
	fd = error ? -1 : open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	if (!error)
		error = probe_of(path);
	left = remove_overlay(directory);
	return error ? error : left ? left : fd < 0;
}

int act_probe_server(const char *directory)
{
	char all[128];
	int error, fd, refused;

	snprintf(all, sizeof(all), "%s/all", directory);
	error = probe_of(directory);
	fd = error ? -1 : open(all, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error ? error : -errno;
	close(fd);
	refused = probe_of(directory);
	unlink(all);
	/* What the server answers to the sync; close() would have made it EIO. */
	return refused == -EDQUOT ? 0 : refused ? refused : -ENODATA;
}
