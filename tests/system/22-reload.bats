#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# SIGHUP: a good configuration takes the place of the old one, a bad one of nothing.

load lib
load watch

setup() {
	need_root
	mkdir "$SCRATCH/spool" "$SCRATCH/log"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/log"
	SPOOL=$SCRATCH/spool
	LOGS=$SCRATCH/log
}

# Leaves 4 of the 16 MiB.
fill() { # DIRECTORY
	dd if=/dev/zero of="$1/file" bs=1M count=12 status=none
}

# What is in force, without what passes by itself.
in_force() {
	ask status | jq -c '{mode, level, resources: [.resources[] | {name, object, enter, leave}]}'
}

@test "a bad configuration changes nothing, and the log says where it is wrong" {
	local before
	watch_only "$(filesystem "$SPOOL" 2M 1M)"
	before=$(in_force)
	reload "$(filesystem "$SPOOL" 8M 4M)" 'mode = "observe"' 'colour = "blue"'
	log_says "^error: reload: $CONFIG:5: .*colour.*; nothing changed"
	[ "$(in_force)" = "$before" ]
	reload "filesystem \"$SPOOL\" {"
	log_says "^error: reload: $CONFIG:[0-9]+: .*; nothing changed"
	[ "$(in_force)" = "$before" ]
	rm "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 20 log_says "^error: reload: $CONFIG.*No such file.*; nothing changed"
	[ "$(in_force)" = "$before" ]
	is_open
}

# It may hold what others should not know. Who reads it again keeps what that takes.
@test "a file that root alone may read is read again by a daemon that is root no longer" {
	chmod go+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$SCRATCH"
	printf '%s\n' 'user = "nobody"' "$(filesystem "$SPOOL" 2M 1M)" >"$CONFIG"
	chmod 0600 "$CONFIG"
	start_daemon_with_file
	[ "$(stat -c %U "/proc/$DAEMON")" = nobody ]
	sed -i 's/"2M"/"4M"/' "$CONFIG"
	[ "$(stat -c %a%U "$CONFIG")" = 600root ]
	kill -HUP "$DAEMON"
	wait_until 20 log_says '^configuration read again'
	resource_is free-space "$SPOOL" .enter.medium $((4 * MIB))
}

# The file as it is there.
start_daemon_with_file() {
	background daemon "$BUILD/spoolgated" -c "$CONFIG" -s "$SOCKET"
	DAEMON=$!
	LOG=$SCRATCH/daemon.out
	wait_until 60 daemon_answers_or_died
}

@test "thresholds are taken over, and judged by at once" {
	watch_only "$(filesystem "$SPOOL" 2M 1M)"
	fill "$SPOOL"
	sleep 1.5
	is_open
	reload "$(filesystem "$SPOOL" 8M 1M)"
	promptly is_closed
	resource_is free-space "$SPOOL" .enter.medium $((8 * MIB))
	resource_is free-space "$SPOOL" .level medium
	reload "$(filesystem "$SPOOL" 8M 6M)"
	promptly level_is high
}

@test "marks follow the thresholds: the kernel tells of what only the new ones are crossed by" {
	need_bpf
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 2M 1M)"
	reload "$(filesystem "$MOUNT" 30M 1M)"
	is_probed "$MOUNT"
	fill_to "$MOUNT" 20 "$MOUNT/file"
	promptly is_closed
	counter_passes rings 0
}

@test "what was raised stays raised over a reload with lower thresholds, until its dwell ends" {
	local since
	watch_only "$(filesystem "$SPOOL" 8M 1M 4s)"
	fill "$SPOOL"
	promptly is_closed
	since=$(field .since)
	reload "$(filesystem "$SPOOL" 2M 1M 4s)"
	resource_is free-space "$SPOOL" .enter.medium $((2 * MIB))
	stays 1500 is_closed
	[ "$(field .since)" = "$since" ]
	wait_until 30 is_open
}

@test "what was raised stays raised when other paths come and go" {
	watch_only "$(filesystem "$SPOOL" 8M 1M 60s)"
	fill "$SPOOL"
	promptly is_closed
	rm "$SPOOL/file"
	background watcher "$BUILD/spoolgate" -s "$SOCKET" watch
	wait_until 20 test -s "$SCRATCH/watcher.out"
	reload "$(filesystem "$LOGS" 2M 1M 60s)" "$(filesystem "$SPOOL" 8M 1M 60s)"
	stays 1500 is_closed
	reload "$(filesystem "$SPOOL" 8M 1M 60s)"
	stays 1500 is_closed
	if grep -v ' medium ' "$SCRATCH/watcher.out"; then return 1; fi
}

@test "off is off at once: refusing can be taken back without a restart" {
	watch_only "$(filesystem "$SPOOL" 8M 6M 60s)"
	fill "$SPOOL"
	promptly is_closed
	reload "$(filesystem "$SPOOL" off off 60s)"
	wait_until 1 is_open
}

@test "a path that is new is watched, one that is gone is not judged any more" {
	watch_only "$(filesystem "$SPOOL" 8M 1M 200ms)"
	fill "$LOGS"
	reload "$(filesystem "$LOGS" 8M 1M 200ms)"
	promptly is_closed
	has_no_resource free-space "$SPOOL"
	fill "$SPOOL"
	resource_is free-space "$LOGS" .level medium
	rm "$LOGS/file"
	wait_until 30 is_open
}

@test "the kernel tells of a path that a reload brought" {
	need_bpf
	loop_mount ext4 64
	watch_only "$(filesystem "$SPOOL" 2M 1M)"
	[ "$(field .backend.writes)" = poll ]
	reload "$(filesystem "$SPOOL" 2M 1M)" "$(filesystem "$MOUNT" 20M 2M)"
	wait_until 20 is_probed "$MOUNT"
	is_polled "$SPOOL"
	[[ $(field .backend.writes) == "$PROBE"* ]]
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	counter_passes rings 0
	reload "$(filesystem "$SPOOL" 2M 1M)"
	wait_until 20 is_open
	umount "$MOUNT"
}

@test "mode, admission and reply are taken over" {
	watch_only "$(filesystem "$SPOOL" 8M 1M 60s)"
	fill "$SPOOL"
	promptly is_closed
	reload 'mode = "observe"' "$(filesystem "$SPOOL" 8M 1M 60s)"
	is_open
	[ "$(field .mode)" = observe ]
	reload "$(filesystem "$SPOOL" 8M 1M 60s)" \
		'admission { medium { inbound = "delay 7" } reply = "451 4.3.2 Later" high { submission = "defer" } }'
	admits inbound 'delay 7'
	reload "$(filesystem "$SPOOL" 8M 1M 60s)" 'admission { reply = "451 4.3.2 Later" }'
	admits inbound 'defer 451 4.3.2 Later'
}

@test "what only a restart can change is named, and stays" {
	watch_only "$(filesystem "$SPOOL" 2M 1M)"
	reload 'state { mode = "0600" }' "$(filesystem "$SPOOL" 2M 1M)"
	log_says '^warning: reload: .*restart'
	[ "$(stat -c %a "$SOCKET")" = 660 ]
	is_open
}

@test "an override and its end outlive a reload" {
	local until
	watch_only "$(filesystem "$SPOOL" 2M 1M)"
	cli override high --for 1h
	until=$(field .override.until)
	reload "$(filesystem "$SPOOL" 3M 1M)" "$(filesystem "$LOGS" 3M 1M)"
	is_closed
	[ "$(field .override.until)" = "$until" ]
}

@test "a hundred reloads with other paths each time: the last is watched like the first" {
	local descriptors
	watch_only "$(filesystem "$SPOOL" 8M 1M 200ms)"
	descriptors=$(descriptors_open)
	for _ in {1..50}; do
		reload "$(filesystem "$LOGS" 8M 1M 200ms)"
		reload "$(filesystem "$SPOOL" 8M 1M 200ms)"
	done
	wait_until 20 resource_is free-space "$SPOOL" ".value > $((8 * MIB))" true
	is_open
	[ "$(descriptors_open)" -le $((descriptors + 2)) ]
	[ "$(find "/proc/$(scout_pid)/task" -mindepth 1 -maxdepth 1 | wc -l)" -lt 20 ]
	fill "$SPOOL"
	wait_until 20 resource_is free-space "$SPOOL" .level medium
	if grep '^error' "$LOG"; then return 1; fi
}

descriptors_open() {
	find "/proc/$DAEMON/fd" -mindepth 1 | wc -l
}
