#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sizes, reservations, reopening by degrees, delay, observe, and levels that last.

load lib
load watch

teardown() {
	tear_down
}

# A filesystem with about HEADROOM MiB above its high threshold.
room_of() { # MIB
	local available
	loop_mount ext4 800
	available=$(($(stat -f -c '%a * %S' "$MOUNT")))
	watch_only "$(filesystem "$MOUNT" off "$((available - $1 * MIB))B")" 'admission { ramp = "0s" }'
}

# One request a line on one connection; the replies on stdout.
ask_all() {
	socat -t 5 - "UNIX-CONNECT:$SOCKET"
}

@test "a message larger than the room above high is deferred, a small one is not" {
	need_bpf
	room_of 100
	[[ $(ask "admission inbound $((200 * MIB)) 192.0.2.1") == "$DEFER" ]]
	[[ $(ask "admission submission $((200 * MIB))") == "$DEFER" ]]
	[[ $(ask "admission inbound 20000 192.0.2.1") == accept ]]
	[[ $(ask "admission inbound") == accept ]]
	[[ $(ask "admission internal $((200 * MIB))") == accept ]]
}

@test "a hundred sessions of 20 MB do not all get into 500 MB, and small mail still does" {
	need_bpf
	room_of 500
	local accepted i
	accepted=$(for i in $(seq 100); do echo "admission inbound 20000000 192.0.2.$i"; done |
		ask_all | grep -c '^accept$')
	echo "$accepted accepted"
	((accepted >= 5 && accepted <= 26))
	[[ $(ask 'admission inbound 50000 198.51.100.1') == accept ]]
	(($(field .counters.promised_bytes) == accepted * 20000000 + 50000))
}

@test "one address cannot promise itself the room of all, and submission has its share" {
	need_bpf
	room_of 500
	local accepted i
	accepted=$(for i in $(seq 2000); do echo "admission inbound 1000000 192.0.2.1"; done |
		ask_all | grep -c '^accept$')
	echo "$accepted accepted of one address"
	((accepted <= 135))
	[[ $(ask 'admission inbound 1000000 192.0.2.2') == accept ]]
	# Thousands of addresses: all strangers together leave room for users.
	for i in $(seq 4000); do
		echo "admission inbound 1000000 10.0.$((i / 250)).$((i % 250))"
	done | ask_all | grep -c '^accept$' || true
	[[ $(ask 'admission submission 20000000 192.0.2.9') == accept ]]
}

# From each address all sizes from 100 MB down: most are refused, the rest take what is left.
halving_sizes() { # ADDRESSES
	local -i i size
	for ((i = 1; i <= $1; i++)); do
		for ((size = 104857600; size > 0; size /= 2)); do
			echo "admission inbound $size 203.0.113.$i"
		done
	done
}

@test "addresses that promise themselves half of what is left, over and over, do not lock small mail out" {
	need_bpf
	room_of 500
	halving_sizes 40 | ask_all >/dev/null
	tell "$(field .counters.promised_bytes) bytes promised"
	(($(field .counters.promised_bytes) > 370 * MIB))
	[[ $(ask 'admission inbound 1000000 192.0.2.1') == "$DEFER" ]]
	[[ $(ask 'admission inbound 1000 192.0.2.1') == accept ]]
	[[ $(ask 'admission inbound 100000 192.0.2.2') == accept ]]
	[[ $(ask 'admission submission 20000000 192.0.2.9') == accept ]]
}

@test "what does not arrive within a minute is released" {
	need_bpf
	room_of 100
	local i
	for i in $(seq 40); do echo "admission inbound 10000000 192.0.2.$i"; done | ask_all >/dev/null
	(($(field .counters.promised_bytes) > 0))
	[[ $(ask 'admission inbound 40000000 198.51.100.1') == "$DEFER" ]]
	wait_until 75 eval '[[ $(field .counters.promised_bytes) == 0 ]]'
	[[ $(ask 'admission inbound 20000000 198.51.100.1') == accept ]]
}

@test "what arrives is released as it arrives" {
	need_bpf
	room_of 300
	local before i
	for i in $(seq 10); do echo "admission inbound 10000000 192.0.2.$i"; done | ask_all >/dev/null
	before=$(field .counters.promised_bytes)
	dd if=/dev/zero of="$MOUNT/mail" bs=1M count=60 2>/dev/null
	wait_until 30 eval "(( \$(field .counters.promised_bytes) < $before ))"
}

@test "after a closure the clients come back by degrees, and each keeps its answer" {
	need_bpf
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" 40M 10M 1s)" 'admission { ramp = "20s" }'
	fallocate -l 60M "$MOUNT/fill"
	wait_until 30 is_closed
	rm "$MOUNT/fill"
	wait_until 30 is_open
	local early late i
	asks() { for i in $(seq 250); do echo "admission inbound 1000 192.0.2.$i"; done; }
	early=$(asks | ask_all | grep -c '^accept$')
	sleep 9
	late=$(asks | ask_all | grep -c '^accept$')
	echo "$early, then $late of 250"
	((early < 150 && late > early && late < 250))
	sleep 13
	[[ $(asks | ask_all | grep -c '^accept$') == 250 ]]
	daemon_log | grep -F 'inbound is closed'
	daemon_log | grep -F 'inbound reopens'
	daemon_log | grep -F 'inbound is open to all'
}

@test "normal by hand has no ramp" {
	need_bpf
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" 40M 10M 1s)"
	fallocate -l 60M "$MOUNT/fill"
	wait_until 30 is_closed
	[[ $(ask 'override normal 60') == ok ]]
	local i
	[[ $(for i in $(seq 100); do echo "admission inbound 1000 192.0.2.$i"; done |
		ask_all | grep -c '^accept$') == 100 ]]
}

@test "delay is said where it is configured" {
	need_root
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" 40M 10M)" 'admission { medium { inbound = "delay 10" } }'
	fallocate -l 60M "$MOUNT/fill"
	wait_until 30 admits inbound 'delay 10'
}

@test "observe judges and logs everything, and accepts everyone" {
	need_root
	loop_mount ext4 100
	watch_only 'mode = "observe"' "$(filesystem "$MOUNT" 40M 10M)"
	fallocate -l 85M "$MOUNT/fill"
	wait_until 30 level_is high
	[[ $(ask admission) == accept ]]
	[[ $(ask 'admission submission') == accept ]]
	[[ $(ask "admission inbound $((500 * MIB)) 192.0.2.1") == accept ]]
	[[ $(field .judged.inbound) == "$DEFER" ]]
	daemon_log | grep -F '(observing only)'
}

@test "a level that lasts is said again" {
	need_root
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" off off)" 'stuck = "1min"'
	[[ $(ask 'override medium 300 a test') == ok ]]
	wait_until 70 log_says 'level medium for 6[0-9] s now'
}

log_says() { # REGEX
	grep -E "$1" "$LOG"
}
