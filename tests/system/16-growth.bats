#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A page that takes more than a page of room, and statfs with numbers that are none.

load lib
load watch

setup() {
	need_bpf
}

closed_or_full() {
	[[ -e $SCRATCH/full ]] || is_closed
}

# Small mail as fast as it can be made, until it is deferred: nobody is to have met a full disk.
deferred_before_full() { # MAIL-BYTES [ATTRIBUTE-BYTES]
	mkdir "$MOUNT/queue"
	background mail "$BUILD/tests/system/mails" "$MOUNT/queue" "$1" "$SCRATCH/full" "${2:-0}"
	wait_until 60 closed_or_full
	[[ ! -e $SCRATCH/full ]]
	tell "deferred with $(available_mib "$MOUNT") MiB left, after $(counter looks) looks"
	end_process "${BACKGROUND[-1]}" >/dev/null 2>&1 || true
	unset 'BACKGROUND[-1]'
	rm -r "$MOUNT/queue"
	sync -f "$MOUNT"
}

# A mail of 4 KB takes 16 times the pages that it dirties. The daemon has looked when it starts, and
# looks again by itself 5 s later only; each time it starts the mail begins at another moment.
@test "ext4 with clusters of 64 KiB: deferred before it is full, however fast small mail comes" {
	loop_mount ext4 1024 -O bigalloc -C 65536
	for pause in 0 0.3 0.6 0.9; do
		: >"$LOG"
		watch_only "$(filesystem "$MOUNT" 300M 50M)"
		sleep "$pause"
		deferred_before_full 4000
		# Not by a safety look that happened to come in time.
		log_says 'normal -> medium: free-space of .* is 2[0-9][0-9] MiB'
		stop_daemon
	done
}

has_looks() { # MORE-THAN
	(($(counter looks) > $1))
}

# The trial's page knows nothing of these: seven blocks each, beside the mail's own. What went from
# look to look does; some mail has to come for that.
@test "ext4: attributes that take seven times as much are learned from what they took" {
	loop_mount ext4 512 -I 128 -N 60000 -O ea_inode
	watch_only "$(filesystem "$MOUNT" 60M 30M)"
	mkdir "$MOUNT/before"
	for part in 1 2 3; do
		mkdir "$MOUNT/before/$part"
		"$BUILD/tests/system/mails" "$MOUNT/before/$part" 4000 "$SCRATCH/full" 28000 1200
		wait_until 20 has_looks "$(counter looks)"
	done
	[[ ! -e $SCRATCH/full ]]
	rm -r "$MOUNT/before"
	sync -f "$MOUNT"
	wait_until 20 has_looks "$(counter looks)"
	deferred_before_full 4000 28000
	stop_daemon
}

# AFS, CephFS and servers whose reserve is in use say so; df shows it as negative.
@test "less than nothing available is nothing" {
	[[ -e /dev/fuse ]] || skip "no FUSE here"
	mkdir "$SCRATCH/server"
	echo "1000000 500000 500000 1000 900 4096 4096" >"$SCRATCH/told"
	background fuse "$BUILD/tests/system/fuse" "$SCRATCH/server" "$SCRATCH/told"
	wait_until 20 grep -q ready "$SCRATCH/fuse.out"
	watch_only "$(filesystem "$SCRATCH/server" 100M 50M)"
	resource_is free-space "$SCRATCH/server" .value $((500000 * 4096))
	is_open
	echo "1000000 500 -2000 1000 -1 4096 4096" >"$SCRATCH/told"
	wait_until 20 resource_is free-space "$SCRATCH/server" .value 0
	is_closed
	resource_is free-inodes "$SCRATCH/server" .value 0
	stop_daemon
}
