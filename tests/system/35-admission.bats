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

# What is promised fades by seconds, and is written off by what is written.
promised_is() { # BYTES
	local -i promised
	promised=$(field .counters.promised_bytes)
	tell "$promised of $1 bytes promised"
	((promised <= $1 && promised >= $1 * 9 / 10))
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
	promised_is $((accepted * 20000000 + 50000))
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

# Announce a message of 1 MB, write and sync it, and delete it again: COUNT of them, 3 a second.
mails_that_come_and_go() { # COUNT
	python3 - "$SOCKET" "$MOUNT" "$1" <<-'END'
		import os, socket, sys, time
		s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile('rw')
		begin = time.time()
		for i in range(int(sys.argv[3])):
		    f.write('admission inbound 1000000 198.51.%d.%d\n' % (i // 250, i % 250 + 1)); f.flush()
		    print(f.readline().strip())
		    fd = os.open(sys.argv[2] + '/mail', os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
		    os.write(fd, os.urandom(1000000)); os.fsync(fd); os.close(fd)
		    os.unlink(sys.argv[2] + '/mail')
		    time.sleep(max(0, begin + (i + 1) / 3 - time.time()))
	END
}

@test "mail that came and went promises nothing: three times the room passes, and all of it is accepted" {
	need_bpf
	need_tool python3
	room_of 20
	[[ $(mails_that_come_and_go 60 | sort | uniq -c | tr -s ' ') == ' 60 accept' ]]
	(($(field .counters.refused_by_size) == 0))
	(($(field .counters.promised_bytes) < 4000000))
}

@test "what is told to have ended promises nothing" {
	need_bpf
	room_of 100
	local i
	for i in $(seq 50); do
		[[ $(ask 'admission inbound 20000000 192.0.2.1') == accept ]]
		[[ $(ask 'ended inbound 20000000 192.0.2.1') == ok ]]
	done
	(($(field .counters.promised_bytes) == 0))
	# Nothing of others, and not more than there was.
	[[ $(ask 'admission inbound 20000000 192.0.2.1') == accept ]]
	[[ $(ask 'ended inbound 20000000 192.0.2.2') == ok ]]
	[[ $(ask 'ended submission 20000000 192.0.2.1') == ok ]]
	promised_is 20000000
}

# The room of two filesystems: LOG has hardly any above high, and is at level normal all the same.
spool_and_log() { # SPOOL-OPTION LOG-OPTION
	loop_mount ext4 400
	local spool=$MOUNT
	loop_mount ext4 100
	LOG_MOUNT=$MOUNT MOUNT=$spool
	watch_only "filesystem \"$spool\" { $1 free-space { medium = \"60M\" high = \"50M\" } }" \
		"filesystem \"$LOG_MOUNT\" { $2 free-space { medium = \"70M\" high = \"69M\" } }" \
		'admission { ramp = "0s" }'
	level_is normal
}

takes_mail() { # PATH true|false
	resource_is free-space "$1" .mail "$2"
}

@test "a tight filesystem that takes no mail has no say in what size a message may have" {
	need_bpf
	spool_and_log 'mail = true' ''
	takes_mail "$MOUNT" true
	takes_mail "$LOG_MOUNT" false
	[[ $(ask 'admission inbound 30000000 192.0.2.1') == accept ]]
	[[ $(field .sizes.object) == "$MOUNT" ]]
	cli status | grep -E "^sizes +room for .* above high on $MOUNT"
	# Where nobody says, a message that fits into one of them may be for that.
	reload "filesystem \"$MOUNT\" { free-space { medium = \"60M\" high = \"50M\" } }" \
		"filesystem \"$LOG_MOUNT\" { free-space { medium = \"70M\" high = \"69M\" } }" 'admission { ramp = "0s" }'
	[[ $(ask 'admission inbound 30000000 192.0.2.2') == accept ]]
	[[ $(ask 'admission inbound 390000000 192.0.2.2') == "$DEFER" ]]
	# Where both do, it has to fit into both.
	reload "filesystem \"$MOUNT\" { mail = true free-space { medium = \"60M\" high = \"50M\" } }" \
		"filesystem \"$LOG_MOUNT\" { mail = true free-space { medium = \"70M\" high = \"69M\" } }" 'admission { ramp = "0s" }'
	[[ $(ask 'admission inbound 30000000 192.0.2.3') == "$DEFER" ]]
	# Its level still counts.
	fallocate -l 20M "$LOG_MOUNT/fill"
	wait_until 20 level_is high
}

@test "-n says which filesystems take mail" {
	printf '%s\n' 'filesystem "/srv/a" { mail = true }' 'filesystem "/srv/b" { mail = false }' \
		'filesystem "/var/log" {}' 'filesystem "/srv/c" {}' >"$CONFIG"
	run "$BUILD/spoolgated" -n -c "$CONFIG"
	[ "$status" -eq 0 ]
	[[ $output == *'"/srv/a": takes mail'* && $output == *'"/srv/b": takes no mail (mail = false)'* ]]
	[[ $output == *'"/var/log": takes no mail, unless '* && $output == *'"/srv/c": may take mail'* ]]
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
