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

value_of() { # NAME
	resource "$1" "$MOUNT" .value
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
	[[ $(value_of filesystem-error) == null ]]
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
	[[ $(value_of filesystem-error) == 0 ]]
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

# What is looked for is a name that nobody has; in a directory that all may write in, somebody may.
@test "nobody closes the gate by taking the name that a touch looks for" {
	need_bpf
	loop_mount ext4 32
	start_on "$MOUNT"
	mkdir "$MOUNT/.spoolgate-does-not-exist"
	sleep 7
	[[ $(ask admission) == accept ]]
	[[ $(value_of filesystem-error) == null ]]
	[ "$(log_counts 'has failed')" -eq 0 ]
}

is_level_of() { # PATH LEVEL
	resource_is filesystem-error "$1" .level "$2"
}

# Slots of the ledger are handed out anew at a reload.
@test "an error stays with its filesystem when a reload puts another before it, or takes it away" {
	local broken sound
	need_bpf
	loop_mount ext4 32
	sound=$MOUNT
	mount_on_failing ext4 64
	broken=$MOUNT
	only_errors() { # PATH...
		local path
		for path; do
			printf 'filesystem "%s" { free-space { medium = off high = off }
				free-inodes { medium = off high = off } }\n' "$path"
		done
	}
	watch_only "$(only_errors "$broken" "$sound")"
	fail_backing
	write_and_sync
	wait_until 30 is_level_of "$broken" high
	is_level_of "$sound" normal
	reload "$(only_errors "$sound" "$broken")"
	wait_until 20 is_level_of "$sound" normal
	is_level_of "$broken" high
	is_closed
	reload "$(only_errors "$sound")"
	wait_until 20 is_open
	is_level_of "$sound" normal
}

full_disk() { # KIND MIB
	need_bpf
	loop_mount "$1" "$2"
	start_on "$MOUNT"
	dd if=/dev/zero of="$MOUNT/file" bs=1M conv=fsync 2>/dev/null || true
	sleep 2
	[[ $(value_of filesystem-error) == null ]]
	[[ $(ask admission) == accept ]]
}

@test "a full ext4 is judged as free space, and is no error" {
	full_disk ext4 32
}

@test "a full XFS is judged as free space, and is no error" {
	full_disk xfs 320
}

@test "a full btrfs is judged as free space, and is no error" {
	full_disk btrfs 128
}

# A sparse image on a tmpfs without room for all of it: what a thin pool that is full does.
full_below() { # KIND
	need_bpf
	need_root
	BACKING=$SCRATCH/backing MOUNT=$SCRATCH/thin
	mkdir "$BACKING" "$MOUNT"
	mount -t tmpfs -o size=100m thin "$BACKING"
	truncate -s 400M "$BACKING/image"
	TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "mkfs.$1" -q "$BACKING/image" >/dev/null
	mount -o loop "$BACKING/image" "$MOUNT"
	start_on "$MOUNT"
	[[ $(ask admission) == accept ]]
	dd if=/dev/zero of="$MOUNT/file" bs=1M count=150 conv=fsync 2>"$SCRATCH/dd" || true
	tell "$(grep -E "fsync|writ" "$SCRATCH/dd")"
	wait_until 30 is_level high
	field '.reasons[0]' | grep -F "filesystem-error of $MOUNT"
}

@test "no room on the device below an ext4 is an error" {
	full_below ext4
}

@test "no room on the device below an XFS is an error" {
	full_below xfs
}

@test "no room on the device below a btrfs is an error" {
	full_below btrfs
}

rings_for() { # FILE
	local -i rings
	rings=$(counter rings)
	dd if=/dev/zero of="$MOUNT/$1" bs=64k count=1 conv=fsync status=none 2>"$SCRATCH/dd" && return 1
	wait_until 20 counter_passes rings "$rings"
}

# The server's limits, maybe of one user alone, whose first is the mapping's first error, too.
@test "on a filesystem without a device a quota or no room is a reason to look and no error; EIO is" {
	need_bpf
	[[ -c /dev/fuse ]] || skip "no FUSE here"
	MOUNT=$SCRATCH/limits
	mkdir "$MOUNT"
	background limits "$BUILD/tests/system/limits" "$MOUNT"
	wait_until 10 grep -q ready "$SCRATCH/limits.out"
	start_on "$MOUNT"
	resource_is filesystem-error "$MOUNT" .backend tp_btf/filemap_set_wb_err
	rings_for edquot
	grep -F 'quota exceeded' "$SCRATCH/dd"
	sleep 1.2
	rings_for enospc
	grep -F 'No space left' "$SCRATCH/dd"
	sleep 1.2
	[[ $(value_of filesystem-error) == null ]]
	[[ $(ask admission) == accept ]]
	rings_for eio
	wait_until 20 is_level high
}
