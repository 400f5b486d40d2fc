#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever dies, the gate opens; and while it is closed nobody is left hanging.

load lib
load watch
load gate

setup() {
	need_bpf
	make_netns mail
	serve 25
}

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

@test "the responder has no capability, few system calls, locked memory, a listener and a pulse" {
	local pid set
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH" 2K 1K)" "$(gate)"
	pid=$(responder_pid)
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(status_of "$pid" $set)" = 0000000000000000 ]
	done
	[ "$(status_of "$pid" Uid)" = "$(id -u nobody)" ]
	[ "$(status_of "$pid" NoNewPrivs)" = 1 ]
	[ "$(status_of "$pid" Seccomp)" = 2 ]
	[ "$(status_of "$pid" VmLck)" -gt 0 ]
	[ -z "$(bpf_held_by "$pid")" ]
	# The keeper has the pulse to hand to the next one, and the attacher's maps, which keep no link.
	bpf_held_by "$(keeper_pid)" | grep -q '^map'
	if bpf_held_by "$(keeper_pid)" | grep -v '^map'; then return 1; fi
	# Another program than the daemon's, started with nothing but its greeting.
	[[ $(readlink "/proc/$pid/exe") == */spoolgate-responder ]]
	[[ $(tr '\0' '|' <"/proc/$pid/cmdline") == 'spoolgate-responder|421 4.3.2 '*'channel|' ]]
	[ ! -s "/proc/$pid/environ" ]
	# /dev/null thrice, the listener, its epoll.
	[ "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" -eq 5 ]
	[ "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)" -eq 1 ]
	[ "$(grep -c anon_inode:bpf-map "/proc/$pid/maps")" -eq 1 ]
}

@test "nobody else starts a responder, and without the program the gate is off, and says so" {
	run "$BUILD/spoolgate-responder" '421 4.3.2 HOST' </dev/null
	[ "$status" -eq 64 ]
	[[ $output == 'spoolgate-responder: spoolgated starts it'* ]]
	cp "$BUILD/spoolgated" "$SCRATCH/spoolgated"
	DAEMON_PROGRAM=$SCRATCH/spoolgated start_daemon "$CALM" "$(filesystem "$SCRATCH" 2K 1K)" "$(gate)"
	log_says "^warning: gate: cannot open $SCRATCH/spoolgate-responder: No such file or directory"
	[[ $(field .gate.state) == off ]]
	is_served $STRANGER $HERE 25
	stop_daemon
}

@test "kill -9: connections reach the server again at once, and no link, program, map or process is left" {
	local held keeper responder
	start_gated "$(gate)"
	held=$(bpf_held_by "$DAEMON")
	keeper=$(keeper_pid)
	responder=$(responder_pid)
	close_gate
	is_diverted $STRANGER $HERE 25
	stop_daemon KILL || true
	is_served $STRANGER $HERE 25
	is_served $STRANGER6 $HERE6 25
	wait_until 10 is_gone "$keeper"
	wait_until 10 is_gone "$responder"
	wait_until 10 bpf_is_gone "$held"
	[ -z "$(in_net ss -Hltn | grep 192.0.0.8)" ]
}

@test "SIGTERM opens it, and leaves nothing" {
	local held keeper
	start_gated "$(gate)"
	held=$(bpf_held_by "$DAEMON")
	keeper=$(keeper_pid)
	close_gate
	stop_daemon
	is_served $STRANGER $HERE 25
	wait_until 10 is_gone "$keeper"
	wait_until 10 bpf_is_gone "$held"
}

# Once a minute otherwise: the last of it would be in no log.
@test "SIGTERM while the gate is closed: whom it diverted since the last summary is in the log" {
	start_gated "$(gate)"
	close_gate
	is_diverted $STRANGER $HERE 25
	is_diverted $STRANGER $HERE 25
	stop_daemon
	wait_until 5 log_says 'gate of .*: 2 connections diverted, 0 dropped in [0-9]+ s, most from 198.51.100.0/24 \(2\)'
}

@test "kill -9 with a scout that hangs on a frozen filesystem opens it too" {
	local held
	loop_mount ext4 64
	watch_only "$(filesystem "$MOUNT" 20M 2M)" "$(gate)"
	held=$(bpf_held_by "$DAEMON")
	freeze "$MOUNT" 60
	wait_until 10 has_hung_thread "$(scout_pid)"
	close_gate
	is_diverted $STRANGER $HERE 25
	stop_daemon KILL || true
	is_served $STRANGER $HERE 25
	wait_until 10 bpf_is_gone "$held"
	thaw "$MOUNT"
}

@test "a daemon that is stopped: the lease runs out, and connections reach the server" {
	start_gated "$(gate 'ports = {25} lease = "10s"')"
	close_gate
	is_diverted $STRANGER $HERE 25
	kill -STOP "$DAEMON"
	is_diverted $STRANGER $HERE 25
	wait_until 20 is_served $STRANGER $HERE 25
	kill -CONT "$DAEMON"
	wait_until 10 is_diverted $STRANGER $HERE 25
}

@test "the lease is renewed for as long as the daemon lives" {
	start_gated "$(gate 'ports = {25} lease = "10s"')"
	close_gate
	stays 14000 is_diverted $STRANGER $HERE 25
}

@test "a responder that is killed is started again, and who waited is answered" {
	local before
	start_gated "$(gate)"
	close_gate
	before=$(responder_pid)
	kill -KILL "$before"
	is_diverted $STRANGER $HERE 25
	wait_until 10 another_responder_than "$before"
	stays 3000 is_diverted $STRANGER6 $HERE6 25
	log_says 'warning: the responder ended \(signal 9\) and is started again'
	[ "$(field .gate.responder_starts)" -eq 1 ]
}

@test "a responder that is stopped is ended and started again" {
	local before
	start_gated "$(gate)"
	close_gate
	before=$(responder_pid)
	kill -STOP "$before"
	wait_until 30 another_responder_than "$before"
	wait_until 10 is_diverted $STRANGER $HERE 25
}

# The first seconds of a stop are the worst: its last beat is not old yet, so clients are diverted.
@test "who comes in the first seconds of a stop waits no longer than 4 s, whatever the daemon does" {
	local -i begin took
	local heard moment
	start_gated "$(gate 'ports = {25} lease = "60s"')"
	close_gate
	is_diverted $STRANGER $HERE 25
	kill -STOP "$DAEMON"
	for moment in 0 0.5 1.5; do
		sleep 2.5 # a new one has beaten
		kill -STOP "$(responder_pid)"
		sleep $moment
		begin=$(now_ms)
		heard=$(call $STRANGER $HERE 25)
		took=$(($(now_ms) - begin))
		tell "$moment s after the stop: $took ms: $heard"
		[[ $heard == "$REFUSAL" || $heard == *'Connection refused'* ]]
		[ "$took" -lt 4000 ]
	done
	kill -CONT "$DAEMON"
}

@test "no responder that beats: clients are refused at once" {
	start_gated "$(gate)"
	close_gate
	is_diverted $STRANGER $HERE 25
	kill -STOP "$DAEMON" "$(keeper_pid)" "$(responder_pid)"
	sleep 2.5
	is_refused $STRANGER $HERE 25
	is_refused $STRANGER6 $HERE6 25
	is_served $OWN $OWN 25
	kill -CONT "$DAEMON" "$(keeper_pid)" "$(responder_pid)"
	wait_until 10 is_diverted $STRANGER $HERE 25
	[ "$(field '.gate.gates[0].ports[0].no_pulse')" -ge 2 ]
	[ "$(field .gate.dropped)" -ge 2 ]
}

# Three quarters of the backlog, here of 8, may wait.
@test "an accept queue that fills: clients beyond it are refused at once, none hangs" {
	local -i i waiting=0
	in_net sysctl -qw net.core.somaxconn=8
	start_gated "$(gate)"
	close_gate
	kill -STOP "$(keeper_pid)" "$(responder_pid)"
	for ((i = 0; i < 10; i++)); do
		background "waiter-$i" nsenter --net="$NETNS" timeout 30 socat -t 20 - "TCP:$HERE:25,bind=$STRANGER"
		sleep 0.05
	done
	wait_until 1.5 is_refused $STRANGER $HERE 25
	kill -CONT "$(keeper_pid)" "$(responder_pid)"
	wait_until 10 is_diverted $STRANGER $HERE 25
	for ((i = 0; i < 10; i++)); do
		wait_until 10 grep -qE '^421|refused' "$SCRATCH/waiter-$i.out"
		if grep -q '^421' "$SCRATCH/waiter-$i.out"; then waiting+=1; fi
	done
	tell "$waiting of 10 were answered in the end"
	[ "$waiting" -ge 5 ]
	[ "$(field '.gate.gates[0].ports[0].full')" -ge 1 ]
}

@test "without the responders' keeper the daemon ends with an error, and the gate opens" {
	local pid status=0
	start_gated "$(gate)"
	close_gate
	pid=$DAEMON
	kill -KILL "$(keeper_pid)"
	wait_until 10 is_gone "$pid"
	wait "$pid" || status=$?
	DAEMON=
	[ "$status" -eq 70 ]
	log_says "^error: the keeper of the helper processes is gone: ending"
	is_served $STRANGER $HERE 25
}

@test "the server can be started and stopped while its clients are diverted" {
	local -i i
	start_gated "$(gate)"
	close_gate
	for ((i = 0; i < 20; i++)); do
		is_diverted $STRANGER $HERE 25
	done
	end_process "${BACKGROUND[0]}" || true
	wait_until 10 listens_not 25
	serve 25
	open_gate
	is_served $STRANGER $HERE 25
}

listens_not() { # PORT
	! listens "$1"
}
