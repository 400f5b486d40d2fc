#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Room that statfs does not tell: btrfs, its metadata, and overlays on it.

load lib
load watch

setup() {
	need_bpf
}

# The kernel's number of NAME, in MiB; of the btrfs at $MOUNT.
allocation() { # FILE
	echo $(($(cat "/sys/fs/btrfs/$(findmnt -no UUID "$MOUNT")/allocation/$1") / MIB))
}

free_space() { # PATH: in MiB
	echo $(($(resource free-space "$1" .value) / MIB))
}

has_room_below() { # PATH MIB
	(($(free_space "$1") < $2))
}

# All of it given to data, a half of which is free again.
fill_and_halve() {
	local -i i
	for ((i = 0; i < 60; i++)); do
		head -c 10M /dev/zero >"$MOUNT/old.$i" 2>/dev/null || break
	done
	sync -f "$MOUNT"
	rm -f "$MOUNT"/old.*[13579]
	sync -f "$MOUNT"
}

# Mail of SIZE bytes by COUNT writers until there is no room; who meets that says so in $SCRATCH/full.
mail_until_full() { # SIZE COUNT
	local -i i
	for ((i = 0; i < $2; i++)); do
		mkdir "$MOUNT/queue.$i"
		background "mail.$i" "$BUILD/tests/system/mails" "$MOUNT/queue.$i" "$1" "$SCRATCH/full"
	done
}

closed_or_full() {
	[[ -e $SCRATCH/full ]] || is_closed
}

# Small mails lie in the metadata. Told before its end, with data room to spare all the while.
metadata_runs_out() { # WRITERS MKFS-OPTION...
	local writers=$1 room
	shift
	loop_mount btrfs 512 "$@"
	fill_and_halve
	watch_only "$(filesystem "$MOUNT" 120M 60M)"
	is_open
	mail_until_full 1500 "$writers"
	wait_until 200 closed_or_full
	[[ ! -e $SCRATCH/full ]]
	log_says 'normal -> medium'
	room=$(($(allocation metadata/total_bytes) - $(allocation metadata/bytes_used) -
		$(allocation global_rsv_size)))
	tell "$writers writers, $*: $room MiB of metadata left, and $(available_mib "$MOUNT") MiB shown by df"
	[ "$(available_mib "$MOUNT")" -gt 120 ]
}

# Twenty are too slow for that: each waits for the others to be flushed.
and_high() {
	wait_until 200 high_or_full
	[[ ! -e $SCRATCH/full ]]
}

high_or_full() {
	[[ -e $SCRATCH/full ]] || level_is high
}

@test "btrfs: medium and high are told before metadata runs out, by two writers" {
	metadata_runs_out 2 -m single
	and_high
}

@test "btrfs: medium is told before metadata runs out, by twenty" {
	metadata_runs_out 20 -m single
}

@test "btrfs: the same with two copies of the metadata" {
	metadata_runs_out 2 -m dup
	and_high
}

# Reserving as much as there is, as btrfs does under many small mails, is not using it.
@test "btrfs: what operations reserve for a moment closes nothing" {
	loop_mount btrfs 512 -m single
	fill_and_halve
	watch_only "$(filesystem "$MOUNT" 60M 30M)"
	mail_until_full 1500 2
	wait_until 20 allocation_passes metadata/bytes_may_use 30
	reload "$(filesystem "$MOUNT" 60M 30M)" # looks at once
	tell "$(allocation metadata/bytes_may_use) MiB reserved, free-space is $(free_space "$MOUNT") MiB"
	[ "$(free_space "$MOUNT")" -gt 200 ]
	is_open
}

allocation_passes() { # FILE MIB
	(($(allocation "$1") > $2))
}

# The metadata that every new btrfs has counts with what may become more of it.
@test "btrfs: an empty one has the room that df says" {
	loop_mount btrfs 1024
	watch_only "$(filesystem "$MOUNT" 60M 30M)"
	[ $(($(available_mib "$MOUNT") - $(free_space "$MOUNT"))) -le 2 ]
}

@test "btrfs: a single file of it is watched with its dirty data, too" {
	loop_mount btrfs 512
	touch "$MOUNT/file"
	watch_only "$(filesystem "$MOUNT/file" 120M 40M)"
	dd if=/dev/zero of="$MOUNT/mail" bs=1M count=$(($(available_mib "$MOUNT") - 80)) status=none
	wait_until 20 is_closed
}

overlay() { # UPPER-FILESYSTEM: an overlay of it, at $OVERLAY
	OVERLAY=$SCRATCH/overlay
	mkdir "$1/upper" "$1/work" "$SCRATCH/lower" "$OVERLAY"
	mount -t overlay overlay -o "lowerdir=$SCRATCH/lower,upperdir=$1/upper,workdir=$1/work" \
		"$OVERLAY" || skip "no overlay here"
}

# Statfs on the overlay does not move while data is dirty, and has the overlay's own type.
fills_an_overlay() {
	local -i room
	room=$(available_mib "$OVERLAY")
	watch_only "$(filesystem "$OVERLAY" 200M 100M)"
	is_open
	dd if=/dev/zero of="$OVERLAY/mail" bs=1M count=$((room - 60)) status=none
	promptly is_closed
	promptly level_is high
	wait_until 20 has_room_below "$OVERLAY" 63
	[ "$(log_counts 'overlay, maybe')" -eq 0 ]
}

@test "an overlay on btrfs is btrfs" {
	loop_mount btrfs 1024
	overlay "$MOUNT"
	fills_an_overlay
}

# As in a container: /proc/self/mountinfo does not have the upper's mount.
@test "an overlay on a btrfs that is mounted elsewhere is known by its size" {
	loop_mount btrfs 1031
	overlay "$MOUNT"
	umount -l "$MOUNT"
	fills_an_overlay
}

@test "an overlay on a btrfs that may be one of two says so" {
	loop_mount btrfs 1024
	loop_mount btrfs 1024
	overlay "$MOUNT"
	umount -l "$MOUNT"
	watch_only "$(filesystem "$OVERLAY" 200M 100M)"
	log_says "$OVERLAY: an overlay, maybe on a btrfs.*free-space may be too large"
	sleep 6
	[ "$(log_counts 'maybe on a btrfs')" -eq 1 ]
}

@test "an overlay on another filesystem is no btrfs" {
	loop_mount btrfs 1024
	loop_mount ext4 100
	overlay "$MOUNT"
	umount -l "$MOUNT"
	watch_only "$(filesystem "$OVERLAY" 20M 10M)"
	[ $(($(available_mib "$OVERLAY") - $(free_space "$OVERLAY"))) -eq 0 ]
	sleep 1
	[ "$(log_counts 'maybe on a btrfs|cannot be read')" -eq 0 ]
}

# /sys of its own namespace is empty; that is not the fault of the BPF programs, which want BTF.
@test "btrfs: without /sys there is a warning, once" {
	loop_mount btrfs 512
	DAEMON_UNDER=("${APART[@]}" sh -c 'mount -t tmpfs none /sys/fs && exec "$@"' -)
	watch_only "$(filesystem "$MOUNT" 60M 30M)"
	log_says "$MOUNT: btrfs tells free space only when data has been written out.*/sys/fs/btrfs cannot be read"
	sleep 6
	[ "$(log_counts 'cannot be read')" -eq 1 ]
	[ "$(free_space "$MOUNT")" -gt 100 ]
}
