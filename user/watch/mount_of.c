/* SPDX-License-Identifier: GPL-2.0-only */
/* Which mounts show a device. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/mount_of.h"

/* In place: blanks, newlines and backslashes are written as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to = *text;
		}
	}
	*to = '\0';
}

/* "36 35 0:31 /root /mnt rw,noatime shared:1 - btrfs /dev/sda rw": any number before the dash. */
static bool parse(char *line, uint32_t device, struct mount_of *mount)
{
	unsigned int major, minor;
	int point = 0, end = 0;
	char *type;

	if (sscanf(line, "%d %*d %u:%u %*s %n%*s%n", &mount->id, &major, &minor, &point, &end) != 3)
		return false;
	if ((major << 20 | minor) != device || end <= point ||
	    (size_t)(end - point) >= sizeof(mount->point))
		return false;
	type = strstr(line + end, " - ");
	if (!type || sscanf(type, " - %31s", mount->type) != 1)
		return false;
	memcpy(mount->point, line + point, (size_t)(end - point));
	mount->point[end - point] = '\0';
	unescape(mount->point);
	return true;
}

bool mount_of_next(FILE *mountinfo, uint32_t device, struct mount_of *mount)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (!found && getline(&line, &size, mountinfo) > 0)
		found = parse(line, device, mount);
	free(line);
	return found;
}

int mount_of_open(const struct mount_of *mount)
{
	struct statx stx = { 0 };
	struct stat st;
	int fd;

	/* To open anything else may do something, and a directory of btrfs wait for its lock. */
	if (stat(mount->point, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return -EINVAL;
	fd = open(mount->point, S_ISDIR(st.st_mode) ? O_PATH | O_DIRECTORY | O_CLOEXEC
						    : O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) || !(stx.stx_mask & STATX_MNT_ID) ||
	    stx.stx_mnt_id != (uint64_t)mount->id) {
		close(fd);
		return -EXDEV;
	}
	return fd;
}
