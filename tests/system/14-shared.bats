#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Several paths, and what they lie on.

load lib
load watch

setup() {
	need_bpf
}

# How many of the paths have a row of their own.
rows() {
	field '[.resources[] | select(.name == "free-space")] | length'
}

rows_are() { # COUNT
	[[ $(rows) == "$1" ]]
}

@test "paths on one filesystem with the same thresholds are one resource" {
	loop_mount ext4 64
	mkdir "$MOUNT/incoming" "$MOUNT/deferred"
	watch_only "$(filesystem "$MOUNT/incoming" 20M 2M)" "$(filesystem "$MOUNT" 20M 2M)" \
		"$(filesystem "$MOUNT/deferred" 20M 2M)"
	[ "$(rows)" -eq 1 ]
	is_probed "$MOUNT/incoming"
	log_says "^watching $MOUNT: on the same filesystem as $MOUNT/incoming"
	fill_to "$MOUNT" 10 "$MOUNT/deferred/file"
	promptly is_closed
	counter_passes rings 0
	resource_is free-space "$MOUNT/incoming" .level medium
	[ "$(field '.reasons | length')" -eq 1 ]
}

@test "paths on one filesystem with thresholds of their own are each judged by them" {
	loop_mount ext4 64
	mkdir "$MOUNT/a" "$MOUNT/b"
	watch_only "$(filesystem "$MOUNT/a" 10M 2M)" "$(filesystem "$MOUNT/b" 30M 2M)"
	[ "$(rows)" -eq 2 ]
	is_open
	fill_to "$MOUNT" 20 "$MOUNT/file"
	promptly is_closed
	resource_is free-space "$MOUNT/a" .level normal
	resource_is free-space "$MOUNT/b" .level medium
	fill_to "$MOUNT" 6 "$MOUNT/more"
	promptly resource_is free-space "$MOUNT/a" .level medium
	remove "$MOUNT/file"
	wait_until 30 is_open
}

@test "subvolumes of a btrfs are one resource, and writing into any of them rings" {
	loop_mount btrfs 256
	btrfs -q subvolume create "$MOUNT/mail"
	btrfs -q subvolume create "$MOUNT/log"
	sync -f "$MOUNT"
	watch_only "$(filesystem "$MOUNT/mail" 60M 10M)" "$(filesystem "$MOUNT/log" 60M 10M)" \
		"$(filesystem "$MOUNT" 60M 10M)"
	[ "$(rows)" -eq 1 ]
	is_probed "$MOUNT/mail"
	fill_to "$MOUNT" 40 "$MOUNT/log/file"
	promptly is_closed
	counter_passes rings 0
}

@test "paths share a filesystem also where nothing can be learned from the kernel" {
	need_tool capsh
	loop_mount btrfs 256
	btrfs -q subvolume create "$MOUNT/mail"
	mkdir "$SCRATCH/tmpfs"
	mount -t tmpfs -o size=16M none "$SCRATCH/tmpfs"
	mkdir "$SCRATCH/tmpfs/a" "$SCRATCH/tmpfs/b"
	# shellcheck disable=SC2016,SC2034,SC2054
	DAEMON_UNDER=(capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c 'exec "$@"' sh)
	watch_only "$(filesystem "$MOUNT/mail" 60M 10M)" "$(filesystem "$MOUNT" 60M 10M)" \
		"$(filesystem "$SCRATCH/tmpfs/a" 2M 1M)" "$(filesystem "$SCRATCH/tmpfs/b" 2M 1M)"
	[ "$(rows)" -eq 2 ]
	fill_to "$MOUNT" 40 "$MOUNT/file"
	wait_until 20 resource_is free-space "$MOUNT/mail" .level medium
}

@test "a subvolume mounted elsewhere is the same filesystem" {
	loop_mount btrfs 256
	btrfs -q subvolume create "$MOUNT/mail"
	mkdir "$SCRATCH/elsewhere"
	mount -o subvol=mail "$(findmnt -no SOURCE "$MOUNT" | sed 's/\[.*//')" "$SCRATCH/elsewhere"
	watch_only "$(filesystem "$SCRATCH/elsewhere" 60M 10M)" "$(filesystem "$MOUNT" 60M 10M)"
	[ "$(rows)" -eq 1 ]
	is_probed "$SCRATCH/elsewhere"
}

@test "a bind mount is the filesystem it shows" {
	loop_mount ext4 64
	mkdir "$MOUNT/spool" "$SCRATCH/spool"
	mount --bind "$MOUNT/spool" "$SCRATCH/spool"
	watch_only "$(filesystem "$SCRATCH/spool" 20M 2M)" "$(filesystem "$MOUNT" 20M 2M)"
	[ "$(rows)" -eq 1 ]
	is_probed "$SCRATCH/spool"
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	counter_passes rings 0
}

# An overlay in $SCRATCH/merged with its upper directory on $MOUNT.
overlay() {
	mkdir "$SCRATCH/lower" "$SCRATCH/merged" "$MOUNT/upper" "$MOUNT/work"
	mount -t overlay overlay "$SCRATCH/merged" \
		-o "lowerdir=$SCRATCH/lower,upperdir=$MOUNT/upper,workdir=$MOUNT/work"
}

@test "an overlay learns the device of its upper filesystem: writing below it rings" {
	loop_mount ext4 64
	overlay
	watch_only "$(filesystem "$SCRATCH/merged" 20M 2M)"
	is_probed "$SCRATCH/merged"
	fill_to "$MOUNT" 10 "$SCRATCH/merged/file"
	promptly is_closed
	counter_passes rings 0
	rm "$SCRATCH/merged/file"
	wait_until 30 is_open
	dd if=/dev/zero of="$MOUNT/file" bs=1M count=40 status=none
	promptly is_closed
}

@test "an overlay and its upper filesystem are one resource" {
	loop_mount ext4 64
	overlay
	watch_only "$(filesystem "$SCRATCH/merged" 20M 2M)" "$(filesystem "$MOUNT" 20M 2M)"
	[ "$(rows)" -eq 1 ]
}

# Read-only belongs to the mount, and not to the filesystem that several paths share.
read_only_bind_defers() { # FIRST SECOND: $MOUNT/news and $MOUNT/spool in the order they are watched
	loop_mount ext4 64
	mkdir "$MOUNT/news" "$MOUNT/spool"
	watch_only "$(filesystem "$MOUNT/$1" 20M 2M)" "$(filesystem "$MOUNT/$2" 20M 2M)"
	[ "$(rows)" -eq 1 ]
	is_open
	mount --bind "$MOUNT/spool" "$MOUNT/spool"
	mount -o remount,ro,bind "$MOUNT/spool"
	wait_until 20 is_closed
	resource_is filesystem-error "$MOUNT/spool" .level high
	field '.reasons[0]' | grep -F "$MOUNT/spool is 0 s, for no mail can be written there: Read-only"
	umount "$MOUNT/spool"
	wait_until 20 is_open
}

@test "the second of two paths is mounted read-only: it is judged for itself" {
	read_only_bind_defers news spool
}

@test "the first of two paths is mounted read-only: it is judged for itself" {
	read_only_bind_defers spool news
}

@test "two filesystems are two resources, and the host's level is the worse of them" {
	local first
	loop_mount ext4 64
	first=$MOUNT
	loop_mount xfs 64
	watch_only "$(filesystem "$first" 20M 2M)" "$(filesystem "$MOUNT" 20M 2M)"
	[ "$(rows)" -eq 2 ]
	fill_to "$first" 10 "$first/file"
	promptly level_is medium
	fill_to "$first" 1 "$first/more"
	promptly level_is high
	resource_is free-space "$MOUNT" .level normal
}

@test "a watched filesystem can be unmounted, the path then is what is below, and mounted again" {
	local loop
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M 200ms)"
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	loop=$(findmnt -no SOURCE "$MOUNT")
	mkdir "$SCRATCH/aside"
	mount "$loop" "$SCRATCH/aside" # so that it is there to be mounted again
	umount "$MOUNT"
	wait_until 20 resource_is free-space "$MOUNT" ".value > $((60 * MIB))" true
	wait_until 20 is_open
	log_says "^warning: $MOUNT: its filesystem is gone .unmounted.; judged is now the filesystem of its parent$"
	mount "$loop" "$MOUNT"
	promptly is_closed
	log_says "^$MOUNT: another filesystem is there now, and judged$"
	wait_until 20 is_probed "$MOUNT"
	umount "$SCRATCH/aside"
	umount "$MOUNT"
}

@test "no descriptor of ours is held on a watched filesystem" {
	local pid ext4
	loop_mount ext4 64
	ext4=$MOUNT
	loop_mount btrfs 128
	cd "$ext4" # started by hand from there
	watch_only "$(filesystem "$ext4" 2M 1M)" "$(filesystem "$MOUNT" 2M 1M)"
	cd /
	sleep 1
	for pid in "$DAEMON" "$(keeper_pid)" "$(scout_pid)" $(pgrep -P "$DAEMON"); do
		if find "/proc/$pid/fd" "/proc/$pid/cwd" "/proc/$pid/root" \
			\( -lname "$ext4*" -o -lname "$MOUNT*" \) | grep .; then
			return 1
		fi
	done
	umount "$ext4" "$MOUNT"
}

@test "paths part when a filesystem is mounted over one of them, and join when it goes" {
	local first
	loop_mount ext4 64
	first=$MOUNT
	mkdir "$first/a" "$first/b"
	loop_mount ext4 64
	watch_only "$(filesystem "$first/a" 20M 2M)" "$(filesystem "$first/b" 20M 2M)"
	[ "$(rows)" -eq 1 ]
	mount --bind "$MOUNT" "$first/b"
	wait_until 20 rows_are 2
	wait_until 20 is_probed "$first/b"
	fill_to "$first/b" 10 "$first/b/file"
	promptly resource_is free-space "$first/b" .level medium
	resource_is free-space "$first/a" .level normal
	umount "$first/b"
	wait_until 20 rows_are 1
	wait_until 20 is_open
}

@test "the first of two paths on a filesystem goes: the other goes on, by itself" {
	loop_mount ext4 64
	mkdir "$MOUNT/a" "$MOUNT/b"
	watch_only "$(filesystem "$MOUNT/a" 20M 2M)" "$(filesystem "$MOUNT/b" 20M 2M)"
	[ "$(rows)" -eq 1 ]
	rmdir "$MOUNT/a"
	wait_until 30 has_resource free-space "$MOUNT/b"
	wait_until 20 is_probed "$MOUNT/b"
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	resource_is free-space "$MOUNT/b" .level medium
}
