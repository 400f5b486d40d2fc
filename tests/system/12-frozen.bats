#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A filesystem that hangs, and processes of ours that are killed or stopped meanwhile.

load lib
load watch

setup() {
	need_bpf
}

# A whole minute, should the machine be slow; the tests thaw long before.
hang() { # MOUNT
	freeze "$1" 60
}

is_stalled() { # PATH
	resource_is free-space "$1" '.stalled_s > 0' true
}

# Nothing that a socket answers may wait for a disk: the slowest of 50 comes within 50 ms (it is 2
# here; a host that is busy with other things has three tries).
answers_at_once() {
	local slowest
	for _ in 1 2 3; do
		slowest=$("$BUILD/tests/system/clients" slowest "$SOCKET" 50)
		tell "$1: the slowest of 50 answers took $slowest ms"
		((${slowest%.*} >= 50)) || return 0
	done
	return 1
}

@test "a frozen filesystem: answers come at once, it is shown, after 10 s it is level high, a reload does not open it, thawing does" {
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M 5s)"
	hang "$MOUNT"
	answers_at_once "frozen"
	wait_until 20 is_stalled "$MOUNT"
	is_open
	answers_at_once "frozen, stalled"
	log_says "^warning: $MOUNT: the filesystem does not answer"
	run cli status
	[ "$status" -eq 0 ]
	[[ $output == *"$MOUNT"*", stalled "* ]]
	wait_until 20 level_is high
	resource_is free-space "$MOUNT" '.stalled_s >= 10' true
	[[ $(field '.reasons[0]') =~ ^"free-space of $MOUNT does not answer, for "[0-9.]+" s now"$ ]]
	is_closed
	admits submission "$DEFER"
	admits internal accept
	answers_at_once "frozen, level high"

	reload "$(filesystem "$MOUNT" 30M 3M 5s)"
	is_closed
	reload "$(filesystem "$MOUNT" 30M 3M 5s)" "$(filesystem "$SCRATCH" 1K 1K)"
	answers_at_once "frozen, reloaded"
	stays 2500 is_closed

	thaw "$MOUNT"
	wait_until 20 resource_is free-space "$MOUNT" .stalled_s null
	stays 1000 is_closed
	wait_until 20 is_open
	log_says "^$MOUNT: the filesystem answers again, after [0-9]+ s"
	stop_daemon
}

# The filesystem in $MOUNT, of which one resource is judged, and errors, as ever.
judged_alone() { # BLOCK THRESHOLDS
	local block
	printf 'filesystem "%s" {\n' "$MOUNT"
	for block in free-space free-inodes; do
		[[ $block == "$1" ]] || printf '%s { medium = "off" high = "off" }\n' "$block"
	done
	printf '%s { %s }\n}\n' "$1" "$2"
}

freezing_is_high_by() { # RESOURCE
	wait_until 30 resource_is "$1" "$MOUNT" .level high
	is_closed
	[[ $(field '.reasons[0]') =~ ^"$1 of $MOUNT does not answer, for "[0-9.]+" s now"$ ]]
}

@test "where free inodes are judged and not free space a frozen filesystem is level high, too" {
	loop_mount ext4 64
	watch_only "$(judged_alone free-inodes 'medium = "10%" high = "5%" dwell = "2s"')"
	hang "$MOUNT"
	freezing_is_high_by free-inodes
	thaw "$MOUNT"
	wait_until 30 is_open
	stop_daemon
}

@test "where nothing but errors is judged a frozen filesystem is level high, too" {
	loop_mount ext4 64
	watch_only "$(judged_alone error 'high = "60s"')"
	hang "$MOUNT"
	freezing_is_high_by filesystem-error
	thaw "$MOUNT"
	wait_until 30 is_open
	stop_daemon
}

@test "a dwell of free inodes does not run out on a filesystem that is frozen" {
	local -i i
	loop_mount ext4 64
	watch_only "$(judged_alone free-inodes 'medium = "10000" high = "1" dwell = "6s"')"
	mkdir "$MOUNT/many"
	for ((i = 0; i < 7000; i++)); do : >"$MOUNT/many/$i"; done
	wait_until 30 is_closed
	rm -r "$MOUNT/many"
	wait_until 20 resource_is free-inodes "$MOUNT" '.value > 13000' true
	hang "$MOUNT"
	stays 12000 is_closed
	thaw "$MOUNT"
	wait_until 30 is_open
	stop_daemon
}

has_fsyncs() {
	resource_is sync-latency "$MOUNT" '.value > 0' true
}

@test "fsync times go on being told while the filesystem is frozen" {
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" off off)"
	for _ in {1..40}; do
		dd if=/dev/zero of="$MOUNT/file" bs=4k count=1 conv=fsync,notrunc status=none
	done
	wait_until 20 has_fsyncs
	hang "$MOUNT"
	wait_until 20 is_stalled "$MOUNT"
	# None ended in the last ten seconds.
	wait_until 25 resource_is sync-latency "$MOUNT" .value 0
	is_stalled "$MOUNT"
	thaw "$MOUNT"
	stop_daemon
}

@test "a frozen filesystem leaves the others watched" {
	local frozen
	loop_mount ext4 64
	frozen=$MOUNT
	loop_mount ext4 64
	watch_only "$(filesystem "$frozen" 20M 2M)" "$(filesystem "$MOUNT" 20M 2M)"
	hang "$frozen"
	wait_until 20 is_stalled "$frozen"
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	resource_is free-space "$MOUNT" .level medium
	resource_is free-space "$MOUNT" .stalled_s null
	thaw "$frozen"
}

@test "a filesystem that is frozen already does not fail the start" {
	local begin
	loop_mount ext4 64
	hang "$MOUNT"
	begin=$(now_ms)
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	[ $(($(now_ms) - begin)) -lt 15000 ]
	is_open
	is_stalled "$MOUNT"
	thaw "$MOUNT"
	wait_until 20 is_probed "$MOUNT"
	resource_is free-space "$MOUNT" ".value > $((40 * MIB))" true
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
}

@test "frozen at the start with xfs and btrfs, too" {
	local xfs
	loop_mount xfs 64
	xfs=$MOUNT
	loop_mount btrfs 128
	hang "$xfs"
	hang "$MOUNT"
	watch_only "$(filesystem "$xfs" 1M 512K)" "$(filesystem "$MOUNT" 1M 512K)"
	is_open
	is_stalled "$xfs"
	is_stalled "$MOUNT"
	thaw "$xfs"
	thaw "$MOUNT"
	wait_until 20 is_probed "$xfs"
	wait_until 20 is_probed "$MOUNT"
}

@test "kill -9 of the daemon with a hung filesystem leaves no BPF link, program or map" {
	local held scout keeper
	loop_mount ext4 64
	hang "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	scout=$(scout_pid)
	keeper=$(keeper_pid)
	held=$(bpf_held_by "$DAEMON")
	[ "$(grep -c '^link' <<<"$held")" -ge 3 ]
	[ "$(grep -c '^prog' <<<"$held")" -ge 3 ]
	[ "$(grep -c '^map' <<<"$held")" -ge 3 ]
	has_hung_thread "$scout"
	stop_daemon KILL || true
	wait_until 20 bpf_is_gone "$held"
	wait_until 20 is_gone "$keeper"
	# The scout cannot end before the disk answers. That is what it is for.
	[[ -d /proc/$scout ]]
	has_hung_thread "$scout"
	[ -z "$(bpf_held_by "$scout")" ]
	thaw "$MOUNT"
	wait_until 20 is_gone "$scout"
}

@test "kill -9 of the daemon on a healthy host leaves no BPF link, program or map, and no process" {
	local held scout keeper
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	scout=$(scout_pid)
	keeper=$(keeper_pid)
	held=$(bpf_held_by "$DAEMON")
	[[ $held ]]
	stop_daemon KILL || true
	wait_until 20 bpf_is_gone "$held"
	wait_until 20 is_gone "$keeper"
	wait_until 20 is_gone "$scout"
}

@test "SIGTERM with a hung filesystem ends the daemon at once, with 0" {
	local begin held
	loop_mount ext4 64
	hang "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	held=$(bpf_held_by "$DAEMON")
	has_hung_thread "$(scout_pid)"
	begin=$(now_ms)
	stop_daemon
	[ $(($(now_ms) - begin)) -lt 15000 ]
	[ ! -e "$SOCKET" ]
	wait_until 20 bpf_is_gone "$held"
	thaw "$MOUNT"
}

is_overridden() { # LEVEL
	[[ $(jq -r .level <"$SOCKET.override") == "$1" ]]
}

# The state socket and the override beside it are files, too. Who holds BPF links waits for none.
@test "with its own socket where it hangs: overrides, requests, kill -9 and SIGTERM are as ever" {
	local begin held
	loop_mount ext4 64
	chmod 0777 "$MOUNT" # a sticky one keeps what root made from whom we become
	SOCKET=$MOUNT/state.sock
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	cli override medium
	is_overridden medium
	hang "$MOUNT"
	begin=$(now_ms)
	cli override high
	cli override normal
	level_is normal
	answers_at_once "frozen with the socket, overridden"
	[[ $(ps_state "$DAEMON") != D ]]
	[ $(($(now_ms) - begin)) -lt 15000 ]
	log_says "^warning: the override is not kept over a restart: $SOCKET.override: its filesystem does not answer"
	held=$(bpf_held_by "$DAEMON")
	[[ $held ]]
	stop_daemon KILL || true
	wait_until 20 bpf_is_gone "$held"
	thaw "$MOUNT"
	wait_until 20 is_overridden normal

	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	level_is normal
	cli override off
	[ ! -e "$SOCKET.override" ]
	hang "$MOUNT"
	cli override high
	begin=$(now_ms)
	stop_daemon
	[ $(($(now_ms) - begin)) -lt 15000 ]
	thaw "$MOUNT"
	wait_until 20 test ! -e "$SOCKET"
	is_overridden high
}

@test "its own socket where it hangs at the start: it ends, with what is wrong" {
	loop_mount ext4 64
	SOCKET=$MOUNT/state.sock
	hang "$MOUNT"
	run watch_only "$(filesystem "$MOUNT" 20M 2M)"
	[ "$status" -eq 1 ]
	log_says "^error: cannot listen on $SOCKET: its filesystem does not answer"
	thaw "$MOUNT"
}

# One spool that answers nothing, one that is there, in a mount namespace of the daemon's own.
in_hung_spools() {
	# shellcheck disable=SC2016
	DAEMON_UNDER=("${APART[@]}" bash -c '
		mount -t tmpfs none /var/spool && mkdir /var/spool/{postfix,exim4} || exit
		"$1" /var/spool/postfix >"$2" &
		echo $! >"$2.pid"
		until grep -q hangs "$2"; do sleep 0.05; done
		exec "${@:3}"' - "$BUILD/tests/system/hung" "$SCRATCH/hung")
}

@test "the embedded default with a spool that hangs: it starts, and shows it as stalled" {
	[[ -e /dev/fuse ]] || skip "needs /dev/fuse"
	[[ ! -e /etc/spoolgate/spoolgate.conf ]] || skip "this host has a configuration"
	in_hung_spools
	start_daemon
	wait_until 20 is_stalled /var/spool/postfix
	has_resource free-space /var/spool/exim4
	has_no_resource free-space /var/spool/smtpd
	stop_daemon
	kill "$(cat "$SCRATCH/hung.pid")"
}

@test "a scout that is killed is started again, and all is watched again" {
	local before
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	before=$(scout_pid)
	kill -KILL "$before"
	wait_until 20 another_scout_than "$before"
	wait_until 20 counter_passes scout_starts 1
	log_says 'the scout ended .signal 9. and is started again'
	wait_until 20 is_probed "$MOUNT"
	is_open
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	counter_passes rings 0
	stop_daemon
}

pids_are() { # DIRECTORY MAX
	echo "$2" >"$1/pids.max"
}

@test "a scout that cannot be started for a while is started once it can" {
	local pids cgroup
	pids=$(findmnt -nt cgroup -O pids -o TARGET | tail -n 1)
	[[ $pids ]] || skip "no hierarchy of cgroup v1 that limits processes"
	cgroup=$pids/spoolgate-pids-$BASHPID
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	mkdir "$cgroup"
	echo "$(keeper_pid)" >"$cgroup/cgroup.procs"
	pids_are "$cgroup" 1
	kill -KILL "$(scout_pid)"
	sleep 8
	[ -z "$(scout_pid)" ]
	pids_are "$cgroup" max
	wait_until 20 scout_pid
	wait_until 20 is_open
	# No failed fork has made the keeper deaf to the daemon's end.
	stop_daemon KILL || true
	wait_until 10 rmdir "$cgroup"
}

@test "without the scout's keeper the daemon ends with an error, and nothing is left" {
	local held pid scout status=0
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	pid=$DAEMON
	scout=$(scout_pid)
	held=$(bpf_held_by "$DAEMON")
	kill -KILL "$(keeper_pid)"
	wait_until 20 is_gone "$pid"
	wait "$pid" || status=$?
	DAEMON=
	[ "$status" -eq 70 ]
	log_says "^error: the keeper of the helper processes is gone: ending"
	[ ! -e "$SOCKET" ]
	wait_until 20 bpf_is_gone "$held"
	wait_until 20 is_gone "$scout"
}

@test "a stopped daemon stops nobody else, and goes on where it was" {
	local begin
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M 2s)"
	kill -STOP "$DAEMON"
	begin=$(now_ms)
	fill_to "$MOUNT" 10 "$MOUNT/file"
	sync -f "$MOUNT"
	[ $(($(now_ms) - begin)) -lt 15000 ]
	background patient "$BUILD/spoolgate" -s "$SOCKET" check --fail-open
	run cli check
	[ "$status" -eq 69 ]
	wait_until 20 grep -qx accept "$SCRATCH/patient.out"
	kill -CONT "$DAEMON"
	promptly is_closed
	remove "$MOUNT/file"
	wait_until 20 is_open
	stop_daemon
}

# The daemon and its children as a process group of their own, all of which get the signal: so
# does a terminal, and so does a service manager.
signal_all() { # SIGNAL
	# shellcheck disable=SC2034,SC2054
	DAEMON_UNDER=(env --default-signal=INT,HUP setsid)
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	# The children first: the daemon must not take their end for a failure.
	kill -"$1" "$(scout_pid)" "$(keeper_pid)"
	sleep 0.3
	kill -"$1" -- -"$DAEMON"
}

ends_well() { # SIGNAL
	local status=0 pid
	signal_all "$1"
	pid=$DAEMON
	wait_until 20 is_gone "$pid"
	wait "$pid" || status=$?
	DAEMON=
	[ "$status" -eq 0 ]
	log_says "^ending on SIG$1"
	if grep '^error' "$LOG"; then return 1; fi
	[ ! -e "$SOCKET" ]
}

@test "^C on the terminal ends it with 0, and without an error" {
	ends_well INT
}

@test "SIGTERM to every process of the service ends it with 0, and without an error" {
	ends_well TERM
}

@test "SIGHUP to the whole process group reads the configuration, and ends nothing" {
	signal_all HUP
	wait_until 20 log_says 'configuration read again'
	stays 1000 is_open
	if grep '^error' "$LOG"; then return 1; fi
	counter_passes looks 0
	stop_daemon
}
