#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Thresholds that can never be left or entered are warned of, once: at start, at a reload, and when
# a size becomes known or another one.

load lib
load watch

teardown() {
	tear_down
}

# The warnings of PATTERN that there are.
warned() { # PATTERN COUNT
	wait_until 20 eval "((\$(log_counts '^warning: $1') >= $2))"
	sleep 1
	(($(log_counts "^warning: $1") == $2))
}

@test "above the size: at start and at a reload, with FILE:LINE and what is allowed" {
	need_root
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" 1G 5M)" 'io { stall { high = "100%" } }'
	warned "$CONFIG:[0-9]+: medium of free-space of $MOUNT is entered below 1.0 GiB, and there is never more than [0-9.]+ MiB: it is never left; allowed: less than " 1
	warned "$CONFIG:[0-9]+: high of io-stall of host is entered above 100 %, which it never is; allowed: less than 100 %" 1
	sleep 6 # a safety look finds the same
	warned "$CONFIG:[0-9]+: medium of free-space" 1
	reload "filesystem \"$MOUNT\" { free-space { medium = \"10M\" leave-medium = \"100%\" high = \"0B\" } }"
	warned "$CONFIG:3: leave-medium of free-space of $MOUNT is [0-9.]+ MiB, and there is never more than" 1
	warned "$CONFIG:3: high of free-space of $MOUNT is entered below 0 B, which it never is" 1
	reload "$(filesystem "$MOUNT" 10M 5M)"
	warned "$CONFIG:" 4
}

@test "of inodes, of memory and of a queue" {
	need_root
	loop_mount ext4 100
	mkdir "$MOUNT/queue"
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { free-inodes { medium = \"100000000\" } }" \
		"queue \"$MOUNT/queue\" { length { medium = \"100000000\" } }" \
		'memory { available { medium = "900T" high = "800T" } }'
	warned "$CONFIG:2: medium of free-inodes of $MOUNT is entered below 100000000" 1
	warned "$CONFIG:3: medium of queue-length of $MOUNT/queue is entered above 100000000, which it never is" 1
	warned "$CONFIG:4: (medium|high) of memory-available of host is entered below" 2
}

@test "when a filesystem is mounted, and when another takes its place" {
	need_root
	mkdir "$SCRATCH/spool"
	watch_only "$(filesystem "$SCRATCH/spool/mail" 40M 20M)"
	warned "$CONFIG:" 0
	mount -t tmpfs -o size=30M none "$SCRATCH/spool"
	mkdir "$SCRATCH/spool/mail"
	warned "$CONFIG:[0-9]+: medium of free-space of $SCRATCH/spool/mail is entered below 40 MiB, and there is never more than 30 MiB" 1
	mount -o remount,size=60M "$SCRATCH/spool"
	wait_until 20 resource_is free-space "$SCRATCH/spool/mail" .level normal
	mount -o remount,size=15M "$SCRATCH/spool"
	warned "$CONFIG:[0-9]+: medium of free-space .* never more than 15 MiB" 1
	warned "$CONFIG:[0-9]+: high of free-space .* never more than 15 MiB" 1
}
