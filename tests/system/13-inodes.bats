#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Files that can still be created.

load lib
load watch

setup() {
	need_bpf
}

# Judged by inodes alone.
by_inodes() { # PATH MEDIUM HIGH
	printf 'filesystem "%s" { free-space { medium = "off" high = "off" }' "$1"
	printf ' time-to-full { medium = "off" high = "off" }'
	printf ' free-inodes { medium = "%s" high = "%s" dwell = "200ms" } }\n' "$2" "$3"
}

# Files of 2 bytes; with 0, without anything in them.
flood() { # DIRECTORY COUNT BYTES
	mkdir -p "$1"
	if (($3)); then
		seq "$2" | split -l 1 -a 5 - "$1/"
	else
		(cd "$1" && seq "$2" | xargs touch)
	fi
}

@test "a flood of small files turns the admission by free-inodes, and the kernel tells of it" {
	loop_mount ext4 64 -N 4096
	watch_only "$(by_inodes "$MOUNT" 50% 10%)"
	resource_is free-inodes "$MOUNT" .unit count
	[[ $(resource free-inodes "$MOUNT" .backend) == "$PROBE"* ]]
	is_open
	flood "$MOUNT/queue" 2500 2
	promptly is_closed
	counter_passes rings 0
	resource_is free-inodes "$MOUNT" .level medium
	resource_is free-space "$MOUNT" .level normal
	[[ $(field '.reasons[0]') == "free-inodes of $MOUNT is "*": medium is entered below "* ]]
	flood "$MOUNT/more" 1300 2
	promptly level_is high
	rm -r "$MOUNT/queue" "$MOUNT/more"
	wait_until 30 is_open
}

@test "a flood of empty files is seen, at the latest by the next safety look" {
	loop_mount ext4 64 -N 4096
	watch_only "$(by_inodes "$MOUNT" 50% 10%)"
	flood "$MOUNT/queue" 2500 0
	wait_until 30 is_closed
	resource_is free-inodes "$MOUNT" .level medium
}

@test "a count as a threshold is a count" {
	loop_mount ext4 64 -N 4096
	watch_only "$(by_inodes "$MOUNT" 3000 1000)"
	resource_is free-inodes "$MOUNT" .enter.medium 3000
	flood "$MOUNT/queue" 1300 2
	wait_until 30 is_closed
	resource_is free-inodes "$MOUNT" '.value < 3000 and .value > 2000' true
}

@test "btrfs has no free-inodes, and a flood of files never turns the admission by them" {
	loop_mount btrfs 256
	watch_only "$(by_inodes "$MOUNT" 50% 10%)"
	has_resource free-space "$MOUNT"
	has_no_resource free-inodes "$MOUNT"
	flood "$MOUNT/queue" 5000 2
	sync -f "$MOUNT"
	stays 6000 is_open
	has_no_resource free-inodes "$MOUNT"
	[ "$(field '.reasons | length')" -eq 0 ]
}

@test "by default inodes are judged at 10 % and 5 %" {
	loop_mount ext4 64 -N 4096
	start_daemon 'user = ""' "$CALM" "filesystem \"$MOUNT\" {}"
	resource_is free-inodes "$MOUNT" .enter.medium 409
	resource_is free-inodes "$MOUNT" .enter.high 204
}
