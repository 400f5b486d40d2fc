#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The brake: when the daemon does not answer a look, the kernel closes the gate by itself; and a
# daemon that answers is never braked, whatever is written.
#
# Alone: a daemon that gets no CPU is one that does not answer.

load lib
load watch
load gate

setup() {
	need_bpf
	make_netns mail
	serve 25
}

teardown() {
	[[ ! -e $SCRATCH/control ]] || echo "link $SCRATCH" >"$SCRATCH/control"
	tear_down
}

available() { # MOUNT, in bytes
	echo $(($(stat -f -c '%a * %S' "$1")))
}

# The free space before the last client that was served is in $served, before the first that was
# diverted in $diverted. The writer stops then.
fill_until_diverted() { # MOUNT [COMMAND]
	local file=$1/mail writer before
	served='' diverted=''
	"${2:-write_fast}" "$file" 3>&- &
	writer=$!
	BACKGROUND+=("$writer")
	until [[ $diverted ]] || is_gone "$writer"; do
		before=$(available "$1")
		if is_served $STRANGER $HERE 25; then served=$before; else diverted=$before; fi
	done
	kill "$writer" 2>/dev/null || true
	wait "$writer" || true
}

# As fast as this filesystem syncs 4 MiB: mail comes synced.
write_fast() { # FILE
	exec dd if=/dev/zero of="$1" bs=4M oflag=dsync count=100 status=none
}

# Some 2 MiB a second, so that what is written in a time does not depend on the disk.
write_slowly() { # FILE
	while dd if=/dev/zero of="$1" bs=128K count=1 oflag=append,dsync conv=notrunc status=none; do
		sleep 0.05
	done
}

@test "a stopped daemon: the gate is closed before free space falls under high by 4 MiB, and opens again" {
	local served diverted
	loop_mount ext4 512
	watch_only "$(filesystem "$MOUNT" 160M 128M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	is_served $STRANGER $HERE 25
	kill -STOP "$DAEMON"
	fill_until_diverted "$MOUNT"
	[ -n "$diverted" ]
	tell "served with $((served / MIB)) MiB free, diverted with $((diverted / MIB)); high is entered below 128 MiB"
	[ "$served" -gt $((124 * MIB)) ]
	is_diverted $STRANGER6 $HERE6 25
	kill -CONT "$DAEMON"
	wait_until 10 gate_is closed
	log_says "warning: the brake closed the gate: writing to $MOUNT went past the room above high"
	[ "$(field .gate.brakes)" -ge 1 ]
	is_diverted $STRANGER $HERE 25
	rm "$MOUNT/mail"
	wait_until 20 gate_is open
	is_served $STRANGER $HERE 25
}

# High is the last level: there is no next one to look for.
@test "a daemon stopped at level high: its lease runs out, and no 8 MiB are let in before the brake" {
	local served diverted reopened
	loop_mount ext4 512
	watch_only "$(filesystem "$MOUNT" 160M 128M 60s)" 'admission { ramp = "0s" }' \
		"$(gate 'ports = {25} lease = "10s"')"
	fill_to "$MOUNT" 120 "$MOUNT/old"
	sync -f "$MOUNT"
	wait_until 10 level_is high
	stays 2000 is_diverted $STRANGER $HERE 25
	kill -STOP "$DAEMON"
	wait_until 20 is_served $STRANGER $HERE 25
	reopened=$(available "$MOUNT")
	fill_until_diverted "$MOUNT" write_slowly
	[ -n "$diverted" ]
	tell "open with $((reopened / MIB)) MiB free, served with $((served / MIB)), diverted with $((diverted / MIB))"
	[ "$served" -gt $((reopened - 8 * MIB)) ]
	kill -CONT "$DAEMON"
	wait_until 10 gate_is closed
}

# What that costs: a look per half a MiB, and no more than 100 a second.
@test "a healthy daemon at level high beside a busy overwriter: looks are bounded, and cheap" {
	local -i looks before
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	sync -f "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 250M 240M 60s)" "$(gate)"
	wait_until 10 level_is high
	looks=$(counter looks) before=$(ticks_of "$DAEMON")+$(ticks_of "$(scout_pid)")
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 6
	wait_until 30 is_gone "$!"
	looks=$(counter looks)-looks before=$(ticks_of "$DAEMON")+$(ticks_of "$(scout_pid)")-before
	tell "$(cat "$SCRATCH/writer.out"); $((looks / 6)) looks/s, $((before * 1000 / $(getconf CLK_TCK) / 6)) ms of CPU a second"
	[ "$looks" -le 660 ]
	[ "$(field .gate.brakes)" -eq 0 ]
}

# User's and system's time.
ticks_of() { # PID
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# A stop that is over is answered by the first look: room there is, so it opens.
@test "a brake is answered by a look: overwriting while stopped brakes, going on opens at once" {
	local -i begin
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	sync -f "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 100M 64M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	kill -STOP "$DAEMON"
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 60
	wait_until 20 is_diverted $STRANGER $HERE 25
	begin=$(now_ms)
	kill -CONT "$DAEMON"
	wait_until 10 is_served $STRANGER $HERE 25
	begin=$(($(now_ms) - begin))
	tell "served $begin ms after it went on"
	[ "$begin" -lt 1900 ] # unanswered, the brake holds for 2 s after the last write
	gate_is open
	level_is normal
	[ "$(field .gate.brakes)" -ge 1 ]
	end_process "${BACKGROUND[-1]}" || true
	sync -f "$MOUNT"
}

# The bells of marks come first: any user can have OOM kills, in a cgroup of their own.
@test "OOM kills by the hundred do not keep a stopped daemon's gate from being braked" {
	local memory cgroup
	local -i kills
	memory=$(findmnt -nt cgroup -O memory -o TARGET | tail -n 1)
	[[ $memory ]] || skip "no hierarchy of cgroup v1 that accounts memory"
	cgroup=$memory/spoolgate-kills-$BASHPID
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	sync -f "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 100M 64M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	kill -STOP "$DAEMON"
	mkdir "$cgroup"
	echo 4M >"$cgroup/memory.limit_in_bytes"
	# As many as would fill a ring buffer of one page.
	for ((kills = 0; kills < 200; kills++)); do
		(echo "$BASHPID" >"$cgroup/cgroup.procs" && exec "$BUILD/tests/system/hog" 16) \
			>/dev/null 2>&1 || true
	done
	tell "$(sed -n 's/^oom_kill //p' "$cgroup/memory.oom_control") kills"
	wait_until 10 rmdir "$cgroup"
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 60
	wait_until 20 is_diverted $STRANGER $HERE 25
	kill -CONT "$DAEMON"
	wait_until 10 is_served $STRANGER $HERE 25
	[ "$(counter ring_failures)" -eq 0 ]
	end_process "${BACKGROUND[-1]}" || true
	sync -f "$MOUNT"
}

of_bells() { # FIELD: of the daemon's ring buffer (map type 27)
	awk -v field="$1:" '$1 == field { print $2 }' \
		"$(grep -lE '^map_type:[[:space:]]*27$' "/proc/$DAEMON/fdinfo/"* | head -n 1)"
}

# The bells are the daemon's; the brake goes by what the ledger has.
@test "with the ring buffer full a stopped daemon's gate is braked, and a mark rings when there is room" {
	local -i failures rings
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	sync -f "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 100M 64M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	[ "$(of_bells max_entries)" -eq 65536 ]
	failures=$(counter ring_failures) rings=$(counter rings)
	kill -STOP "$DAEMON"
	"$BUILD/tests/system/bells" "$(of_bells map_id)" fill
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 60
	wait_until 20 is_diverted $STRANGER $HERE 25
	"$BUILD/tests/system/bells" "$(of_bells map_id)" empty
	kill -CONT "$DAEMON"
	wait_until 10 is_served $STRANGER $HERE 25
	[ "$(counter ring_failures)" -gt "$failures" ]
	wait_until 10 counter_passes rings "$rings"
	end_process "${BACKGROUND[-1]}" || true
	sync -f "$MOUNT"
}

@test "a brake lapses by itself when nothing is written any more" {
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	watch_only "$(filesystem "$MOUNT" 100M 64M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	kill -STOP "$DAEMON"
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 60
	wait_until 20 is_diverted $STRANGER $HERE 25
	end_process "${BACKGROUND[-1]}" || true
	wait_until 10 is_served $STRANGER $HERE 25
	kill -CONT "$DAEMON"
}

@test "a healthy daemon is never braked: overwriting in place at full speed with 16 MiB of room" {
	local -i before
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	sync -f "$MOUNT"
	before=$(($(available "$MOUNT") / MIB))
	watch_only "$(filesystem "$MOUNT" $((before - 8))M $((before - 16))M 500ms)" "$(gate)"
	level_is normal
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 6
	wait_until 30 is_gone "$!"
	tell "$(cat "$SCRATCH/writer.out"); $(counter rings) rings, $(counter late_looks) late looks, $(field .gate.brakes) brakes"
	[ "$(field .gate.brakes)" -eq 0 ]
	level_is normal
	counter_passes rings 10
}

@test "an override to normal beats the brake" {
	loop_mount ext4 256
	dd if=/dev/zero of="$MOUNT/database" bs=1M count=64 status=none
	watch_only "$(filesystem "$MOUNT" 100M 64M 500ms)" "$(gate)"
	cli override normal --for 10min
	kill -STOP "$DAEMON"
	background writer "$BUILD/tests/system/overwrite" "$MOUNT/database" 64 4
	stays 3000 is_served $STRANGER $HERE 25
	kill -CONT "$DAEMON"
	[ "$(field .gate.brakes)" -eq 0 ]
	end_process "${BACKGROUND[-1]}" || true
}

# A path of which no look comes back, though what it leads to is written to.
through_a_link() { # TARGET: the path is in $LINK
	[[ -e /dev/fuse ]] || skip "needs /dev/fuse"
	echo "link $1" >"$SCRATCH/control"
	mkdir "$SCRATCH/fuse"
	background fuse "$BUILD/tests/system/fuse" "$SCRATCH/fuse" "$SCRATCH/control"
	wait_until 20 grep -qx ready "$SCRATCH/fuse.out"
	LINK=$SCRATCH/fuse/link
}


@test "the look at one filesystem answers for no other: braked by one, the gate stays closed beside a busy one" {
	local hung busy
	local -i room looks diverted=0
	loop_mount ext4 256
	hung=$MOUNT
	loop_mount ext4 256
	busy=$MOUNT
	dd if=/dev/zero of="$busy/database" bs=1M count=64 status=none
	sync -f "$busy"
	room=$(($(available "$busy") / MIB))
	through_a_link "$hung"
	watch_only "$(filesystem "$LINK" 100M 64M 60s)" \
		"$(filesystem "$busy" $((room - 4))M $((room - 16))M 60s)" \
		'admission { ramp = "0s" }' "$(gate)"
	wait_until 20 is_probed "$LINK"
	looks=$(counter looks)
	echo hang >"$SCRATCH/control"
	background overwriter "$BUILD/tests/system/overwrite" "$busy/database" 64 60
	# Past its room, and on, for as long as it is to be braked.
	background writer bash -c 'while :; do
		dd if=/dev/zero of="$1" bs=1M count=190 status=none; sync -f "$1"; done' - "$hung/mail"
	wait_until 20 is_diverted $STRANGER $HERE 25
	# After ten seconds of silence it is level high that closes the gate.
	while level_is normal; do
		is_diverted $STRANGER $HERE 25
		diverted+=1
	done
	tell "$diverted diverted, and none served, beside $(($(counter looks) - looks)) looks at the other one"
	[ "$diverted" -ge 3 ]
	[ $(($(counter looks) - looks)) -ge 10 ]
	kill "${BACKGROUND[-1]}" "${BACKGROUND[-2]}"
	echo "link $hung" >"$SCRATCH/control"
	wait_until 20 gate_is closed
}
