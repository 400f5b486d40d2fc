#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Filesystems that fail. The failing device is a loop device over a file on a filesystem that has
# been shut down: every write to it is EIO (there is no device-mapper everywhere).

load lib
load watch

teardown() {
	tear_down
}

# A filesystem of KIND on a loop device whose backing file lies on another, which can be failed.
# Its mount point is in $MOUNT, the other's in $BACKING.
mount_on_failing() { # KIND MIB
	loop_mount ext4 $(($2 + 200))
	BACKING=$MOUNT
	MOUNT=$SCRATCH/failing
	mkdir "$MOUNT"
	truncate -s "${2}M" "$BACKING/image"
	TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "mkfs.$1" -q "$BACKING/image" >/dev/null
	mount -o loop "$BACKING/image" "$MOUNT"
}

fail_backing() {
	"$BUILD/tests/system/shutdown" "$BACKING"
}

resource() { # NAME EXPRESSION
	field ".resources[] | select(.name == \"$1\" and .object == \"$MOUNT\") | $2"
}

is_level() { # LEVEL
	[[ $(field .level) == "$1" ]]
}

start_on() { # PATH
	start_daemon 'user = ""' "filesystem \"$1\" {" \
		'free-space { medium = "off" high = "off" }' \
		'free-inodes { medium = "off" high = "off" }' '}'
}

write_and_sync() {
	dd if=/dev/zero of="$MOUNT/file" bs=64k count=16 conv=fsync 2>/dev/null || true
}

errors_defer() { # KIND MIB
	local begin
	need_bpf
	mount_on_failing "$1" "$2"
	start_on "$MOUNT"
	write_and_sync
	[[ $(ask admission) == accept ]]
	[[ $(resource filesystem-error .value) == null ]]
	fail_backing
	begin=$(now_ms)
	write_and_sync
	wait_until 30 is_level high
	tell "$1: high $(($(now_ms) - begin)) ms after the write that failed began"
	[[ $(ask admission) == 'defer 452 4.3.1 Insufficient system resources' ]]
	[[ $(ask 'admission submission') == defer* ]]
	[[ $(ask 'admission internal') == accept ]]
	field '.reasons[0]' | grep -F "filesystem-error of $MOUNT"
}

@test "a write-back error on ext4 defers at once" {
	errors_defer ext4 64
}

@test "a write-back error on XFS defers at once" {
	errors_defer xfs 320
}

@test "a write-back error on btrfs defers at once" {
	errors_defer btrfs 256
}

@test "an error is forgotten a minute after the last: the threshold is a time" {
	need_bpf
	mount_on_failing ext4 64
	start_daemon 'user = ""' "filesystem \"$MOUNT\" {" \
		'free-space { medium = "off" high = "off" }' \
		'error { high = "4s" leave-high = "4s" }' '}'
	fail_backing
	write_and_sync
	wait_until 30 is_level high
	# The filesystem is given up, so that no further write can fail.
	umount -l "$MOUNT"
	wait_until 20 is_level normal
}

@test "a read-only filesystem defers, without any probe" {
	need_root
	need_tool capsh libcap2-bin
	loop_mount ext4 64
	DAEMON_UNDER=(capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c 'exec "$0" "$@"')
	start_on "$MOUNT"
	[[ $(ask admission) == accept ]]
	mount -o remount,ro "$MOUNT"
	wait_until 30 is_level high
	[[ $(resource filesystem-error .value) == 0 ]]
	mount -o remount,rw "$MOUNT"
	wait_until 30 is_level normal
}

@test "a filesystem that answers EIO is a failure, and not a path that is not there" {
	need_bpf
	loop_mount xfs 320
	start_on "$MOUNT"
	[[ $(ask admission) == accept ]]
	"$BUILD/tests/system/shutdown" "$MOUNT"
	wait_until 30 is_level high
	[[ $(ask admission) == defer* ]]
	daemon_log | grep -F 'error: '"$MOUNT"': the filesystem has failed: Input/output error'
	sleep 3
	[[ $(ask admission) == defer* ]]
}

@test "a full disk is judged as free space, and is no error" {
	need_bpf
	loop_mount ext4 32
	start_on "$MOUNT"
	dd if=/dev/zero of="$MOUNT/file" bs=1M conv=fsync 2>/dev/null || true
	sleep 2
	[[ $(resource filesystem-error .value) == null ]]
	[[ $(ask admission) == accept ]]
}
