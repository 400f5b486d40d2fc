#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A user without privileges holds the locks of directories that they may read. Neither looks nor trial
# writes may be held up by that so that mail is refused, and a filesystem that hangs beside it is
# found all the same.

load lib
load watch

setup() {
	need_bpf
}

# A queue like Postfix's on a filesystem of this KIND, and one that strangers may read all of.
queue_on() { # KIND
	loop_mount "$1" 128
	QUEUE=$MOUNT/spool
	mkdir -p "$QUEUE/incoming"
	chmod 0755 "$QUEUE" "$QUEUE/incoming"
	chown mail "$QUEUE/incoming"
}

hold() { # DIRECTORY...
	background hold "$BUILD/tests/system/hold" "$(id -u nobody)" "$@"
	HOLDER=$!
	wait_until 20 grep -qx held "$SCRATCH/hold.out" || skip "$(cat "$SCRATCH/hold.out")"
}

# Who comes to write waits, and then even readers wait for them.
wait_behind() { # DIRECTORY...
	local directory
	for directory; do
		background "waits-${directory##*/}" touch "$directory/new"
	done
	sleep 0.5
}

watching() {
	watch_only "$(filesystem "$QUEUE" 20M 10M 1s)"
}

# Safety looks come every 5 s, and silence is level high after 10.
is_open_throughout() {
	stays 18000 is_open
	resource_is free-space "$QUEUE" .stalled_s null
	level_is normal
}

# Free space is told all the while.
is_watched() {
	fill_to "$MOUNT" 5 "$MOUNT/file"
	sync -f "$MOUNT"
	wait_until 20 is_closed
	remove "$MOUNT/file"
	wait_until 20 is_open
}

held_is_open() { # KIND
	queue_on "$1"
	watching
	is_open
	hold "$QUEUE" "$QUEUE/incoming" "$MOUNT"
	wait_behind "$QUEUE" "$QUEUE/incoming"
	is_open_throughout
	end_process "$HOLDER" KILL || true
	is_watched
}

@test "ext4: with its directories held mail is accepted" {
	held_is_open ext4
}

@test "XFS: with its directories held mail is accepted" {
	held_is_open xfs
}

@test "btrfs: with its directories held mail is accepted" {
	held_is_open btrfs
}

@test "held before the start, with nothing at hand that was looked up: mail is accepted" {
	queue_on btrfs
	hold "$QUEUE" "$QUEUE/incoming"
	wait_behind "$QUEUE" "$QUEUE/incoming"
	watching
	is_open_throughout
	end_process "$HOLDER" KILL || true
	is_watched
}

without_unnamed_files() {
	DAEMON_UNDER=("$BUILD/tests/system/no_tmpfile")
}

# Nobody writes: no other sign of life would come.
@test "where trial files have names they are made in a directory of their own, which nobody holds" {
	queue_on ext4
	without_unnamed_files
	watching
	wait_until 20 is_probed "$QUEUE"
	[ "$(stat -c '%U %a' "$QUEUE/incoming/.spoolgate")" = 'mail 700' ]
	hold "$QUEUE" "$QUEUE/incoming"
	stays 45000 is_open
	level_is normal
	end_process "$HOLDER" KILL || true
	[ -z "$(ls "$QUEUE/incoming/.spoolgate")" ]
	is_watched
}

@test "where trial files have names and wait for a directory while others write, that is told, and mail accepted" {
	queue_on ext4
	: >"$QUEUE/incoming/.spoolgate" # no directory of their own
	without_unnamed_files
	watching
	wait_until 20 is_probed "$QUEUE"
	hold "$QUEUE" "$QUEUE/incoming"
	background others bash -c 'while :; do echo mail >>"$1"; sync "$1"; read -rt 0.5 <> <(:); done' - \
		"$MOUNT/other"
	stays 45000 is_open
	log_says "^warning: $QUEUE: a trial file cannot be made there for 10 s now, while others write"
	level_is normal
	end_process "${BACKGROUND[-1]}" || true
	end_process "$HOLDER" KILL || true
	log_says "^$QUEUE: trial files can be made there again"
	is_watched
}

@test "where trial files have names and the filesystem is frozen, that is found" {
	queue_on ext4
	without_unnamed_files
	watching
	wait_until 20 is_probed "$QUEUE"
	freeze "$MOUNT" 90
	wait_until 80 is_closed
	thaw "$MOUNT"
	wait_until 30 is_open
}

@test "a filesystem that is frozen while its directories are held is found" {
	queue_on ext4
	watching
	hold "$QUEUE" "$QUEUE/incoming"
	freeze "$MOUNT" 60
	wait_until 30 is_closed
	thaw "$MOUNT"
	wait_until 30 is_open
}
