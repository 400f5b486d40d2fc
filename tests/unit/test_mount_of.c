/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounts of a device, out of lines as mountinfo has them, and one that is really there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch/mount_of.h"

static const char lines[] =
	"20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
	"21 1 0:31 /sub /mnt/a\\040b\\134c rw,noatime shared:1 master:2 - btrfs /dev/sdb rw\n"
	"22 1 0:310 / /other rw - btrfs /dev/sdc rw\n"
	"rubbish\n"
	"23 1 0:31\n"
	"24 1 0:31 / /second rw - btrfs /dev/sdb rw,subvol=/ - x\n"
	"25 1 8:1048575 / /far rw - xfs /dev/sdz rw"; /* cut off */

static void lines_of_a_device(void **state)
{
	FILE *in = fmemopen((void *)(uintptr_t)lines, sizeof(lines) - 1, "r");
	struct mount_of mount;

	(void)state;
	assert_non_null(in);
	assert_true(mount_of_next(in, 31, &mount));
	assert_int_equal(mount.id, 21);
	assert_string_equal(mount.type, "btrfs");
	assert_string_equal(mount.point, "/mnt/a b\\c");
	assert_true(mount_of_next(in, 31, &mount));
	assert_int_equal(mount.id, 24);
	assert_string_equal(mount.point, "/second");
	assert_false(mount_of_next(in, 31, &mount));
	rewind(in);
	assert_true(mount_of_next(in, 8 << 20 | 0xfffff, &mount));
	assert_string_equal(mount.point, "/far");
	fclose(in);
}

/* A point too long for a path is no mount that can be opened. */
static void a_long_line(void **state)
{
	char *line = malloc(3 * PATH_MAX);
	struct mount_of mount;
	FILE *in;

	(void)state;
	assert_non_null(line);
	sprintf(line, "1 1 0:5 / /%0*d rw - btrfs none rw\n2 1 0:5 / /x rw - btrfs none rw\n",
		PATH_MAX, 0);
	in = fmemopen(line, strlen(line), "r");
	assert_non_null(in);
	assert_true(mount_of_next(in, 5, &mount));
	assert_int_equal(mount.id, 2);
	fclose(in);
	free(line);
}

static void one_that_is_there(void **state)
{
	FILE *in = fopen("/proc/self/mountinfo", "r");
	struct mount_of mount;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(in);
	assert_int_equal(stat("/proc", &st), 0);
	assert_true(mount_of_next(in, major(st.st_dev) << 20 | minor(st.st_dev), &mount));
	assert_string_equal(mount.type, "proc");
	fd = mount_of_open(&mount);
	assert_true(fd >= 0);
	close(fd);
	/* Another mount is seen at the point. */
	mount.id++;
	assert_int_equal(mount_of_open(&mount), -EXDEV);
	strcpy(mount.point, "/dev/null");
	assert_int_equal(mount_of_open(&mount), -EINVAL);
	strcpy(mount.point, "/nowhere");
	assert_int_equal(mount_of_open(&mount), -ENOENT);
	fclose(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_device),
		cmocka_unit_test(a_long_line),
		cmocka_unit_test(one_that_is_there),
	};

	return cmocka_run_group_tests_name("mount_of", tests, NULL, NULL);
}
