#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# time-to-full: a steady fill is foreseen, churn and overwriting in place are not.

load lib
load watch

teardown() {
	tear_down
}

# Nothing but time-to-full can raise the level; judged from the first byte on.
foresee() {
	watch_only "filesystem \"$MOUNT\" {" \
		'free-space { medium = "90%" high = "8M" dwell = "1s" }' \
		'free-inodes { medium = "off" high = "off" }' \
		'time-to-full { medium = "1d" high = "25s" sustain = "0s" dwell = "1s" } }'
}

seconds_to_full() {
	resource time-to-full "$MOUNT" '.value // "never"'
}

# MIB a second in steps of a fifth, until ended.
fill_steadily() { # MIB
	background fill bash -c 'i=0; while dd if=/dev/zero of="$0/fill" bs=102400 count=$(($1 * 2)) \
		seek=$((i++ * $1 * 2)) conv=notrunc 2>/dev/null; do read -rt 0.2 <> <(:); done' "$MOUNT" "$1"
}

# The forecast now against the rate of the next four seconds, or of what has become of them.
foreseen_well() {
	local told before after rate begin
	told=$(seconds_to_full)
	before=$(resource free-space "$MOUNT" .value)
	begin=$(now_us)
	sleep 4
	after=$(resource free-space "$MOUNT" .value)
	rate=$(jq -n "($before - $after) * 1000000 / $(($(now_us) - begin))")
	echo "told $told s; $before bytes left, at $rate bytes/s"
	[[ $(jq -n "$told / (($before - 8 * 1048576) / $rate) | . > 0.8 and . < 1.2") == true ]]
}

@test "a steady fill is foreseen within a fifth, after ten seconds" {
	need_bpf
	loop_mount ext4 400
	foresee
	fill_steadily 4
	sleep 12
	# The best of five windows of four seconds: a host that halts the writer for one has not
	# filled steadily.
	foreseen_well || foreseen_well || foreseen_well || foreseen_well || foreseen_well
}

@test "what fills is deferred before it is full, by time alone" {
	need_bpf
	loop_mount ext4 400
	foresee
	[[ $(field .level) != high ]]
	fill_steadily 12
	wait_until 40 eval '[[ $(resource time-to-full "$MOUNT" .level) == high ]]'
	[[ $(resource free-space "$MOUNT" .level) != high ]]
	field '.reasons[0]' | grep -F 'time-to-full'
}

is_far() { # SECONDS
	echo "$1 s to full"
	[[ $1 == never || $(jq -n "$1 > 120") == true ]]
}

@test "writing and deleting at equal rates foresees nothing" {
	need_bpf
	loop_mount ext4 400
	foresee
	background churn bash -c 'while dd if=/dev/zero of="$0/mail" bs=1M count=20 2>/dev/null; do
		rm "$0/mail"; read -rt 0.3 <> <(:); done' "$MOUNT"
	local i
	for i in $(seq 28); do
		sleep 0.5
		[[ $(resource time-to-full "$MOUNT" .level) != high ]]
		# Of room for 370 MB, 20 MB in eight seconds and more would be 148 s.
		is_far "$(seconds_to_full)"
	done
}

@test "a database that overwrites in place foresees nothing" {
	need_bpf
	loop_mount ext4 400
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=100 conv=fsync 2>/dev/null
	foresee
	background database bash -c 'while dd if=/dev/zero of="$0/database" bs=1M count=100 \
		conv=notrunc,fsync 2>/dev/null; do :; done' "$MOUNT"
	sleep 12
	[[ $(seconds_to_full) == never ]]
}

@test "with room to spare a fill is shown as a forecast, and not judged" {
	need_bpf
	loop_mount ext4 400
	watch_only "filesystem \"$MOUNT\" {" \
		'free-space { medium = "16M" high = "8M" }' \
		'free-inodes { medium = "off" high = "off" }' \
		'time-to-full { medium = "1d" high = "1h" sustain = "0s" } }'
	fill_steadily 4
	wait_until 20 eval '[[ $(resource free-space "$MOUNT" .forecast_s) != null ]]'
	[[ $(field .level) == normal ]]
}
