#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The gate: whom it diverts, whom it lets pass, and what those hear. The server is a real one,
# and its ports are the real ports, in a network namespace of the test's own.

load lib
load watch
load gate

setup() {
	need_bpf
	make_netns mail
}

@test "closed: strangers hear 421 over IPv4, IPv6 and v4-mapped, the server hears nothing; open: its own banner" {
	serve 25
	start_gated "$(gate)"
	if grep 'warning: gate' "$LOG"; then return 1; fi
	is_served $STRANGER $HERE 25
	is_served $STRANGER6 $HERE6 25
	gate_is open
	close_gate
	gate_is closed
	: >"$SCRATCH/server-25.out"
	is_diverted $STRANGER $HERE 25
	is_diverted $STRANGER6 $HERE6 25
	[ "$(call ::ffff:$STRANGER ::ffff:$HERE 25)" = "$REFUSAL" ]
	[ ! -s "$SCRATCH/server-25.out" ]
	[ "$(field .gate.diverted)" -eq 3 ]
	[ "$(field .gate.reason)" = 'override to high by root: maintenance' ]
	[ "$(field '.gate.lease_s > 8 and .gate.lease_s <= 15')" = true ]
	open_gate
	gate_is open
	is_served $STRANGER $HERE 25
	is_served $STRANGER6 $HERE6 25
	[ "$(field '.gate.gates[0].ports[0].passed')" -ge 4 ]
	log_says 'gate of .* closed: override to high by root: maintenance'
	log_says 'gate of .*: 3 connections diverted, 0 dropped in [0-9]+ s, most from 198.51.100.0/24 \(2\), 2001:db8:5::/48 \(1\)'
}

@test "what is written closes it, and what is removed opens it: without a word to the server" {
	loop_mount ext4 64
	serve 25
	watch_only "$(filesystem "$MOUNT" 20M 2M 500ms)" 'admission { ramp = "0s" }' "$(gate)"
	is_served $STRANGER $HERE 25
	fill_to "$MOUNT" 10 "$MOUNT/file"
	wait_until 10 is_diverted $STRANGER $HERE 25
	[ "$(field .gate.reason)" = 'level medium' ]
	remove "$MOUNT/file"
	wait_until 20 is_served $STRANGER $HERE 25
}

@test "a session that is open goes on, and internal clients pass" {
	serve 25
	start_gated "$(gate)"
	mkfifo "$SCRATCH/go"
	# shellcheck disable=SC2016
	background session nsenter --net="$NETNS" bash -c 'exec 3<>"/dev/tcp/$1/25"
		read -r line <&3 && echo "$line"
		read -r line <"$2" && echo "$line" >&3
		read -r line <&3 && echo "heard $line"' - $HERE "$SCRATCH/go"
	wait_until 10 grep -q "$BANNER" "$SCRATCH/session.out"
	close_gate
	is_diverted $STRANGER $HERE 25
	echo 'DATA of a session' >"$SCRATCH/go"
	wait_until 10 grep -q 'heard DATA of a session' "$SCRATCH/session.out"
	is_served $OWN $OWN 25
	is_served $OWN6 $OWN6 25
	[ "$(field '.gate.gates[0].ports[0].internal')" -eq 2 ]
}

@test "submission ports divert at high only, and 465 is closed without a word" {
	serve 25 465 587
	start_gated "$(gate 'ports = {25} submission-ports = {465, 587}')"
	close_gate medium
	is_diverted $STRANGER $HERE 25
	is_served $STRANGER $HERE 587
	is_served $STRANGER6 $HERE6 465
	close_gate high
	is_diverted $STRANGER $HERE 587
	is_diverted $STRANGER6 $HERE6 587
	[ -z "$(call $STRANGER $HERE 465)" ]
	[ "$(field '.gate.ports | join(" ")')" = '25 465 587' ]
	[ "$(field '.gate.gates[0].ports[1].diverted')" -eq 1 ]
}

# Who talks first, and a lot, must still hear the whole reply: a reset would eat it.
early() { # BYTES
	# shellcheck disable=SC2016
	in_net timeout 20 bash -c 'exec 3<>/dev/tcp/$1/25
		head -c $2 /dev/zero >&3 2>/dev/null
		sleep 0.5
		cat <&3' - $HERE "$1" | tr -d '\r'
}

resets_sent() {
	in_net awk '/^Tcp:/ { if ($15 != "OutRsts") print $15 }' /proc/net/snmp
}

# Linux shows a client what came before a reset; others do not: none must be sent.
@test "early talkers hear the reply, and no reset" {
	start_gated "$(gate)"
	close_gate
	[ "$(early 20)" = "$REFUSAL" ]
	[ "$(early 3000)" = "$REFUSAL" ]
	[ "$(resets_sent)" -eq 0 ]
	[ "$(field .gate.dropped)" -eq 0 ]
}

@test "thousands at once, and thousands that never close, hurt nobody" {
	start_gated "$(gate)"
	close_gate
	background mute nsenter --net="$NETNS" "$BUILD/tests/system/flood" $HERE 25 5000 5000 mute
	wait_until 30 test -s "$SCRATCH/mute.out"
	run in_net "$BUILD/tests/system/flood" $HERE 25 3000 1000 polite
	tell "$output"
	[[ $output == 'heard 3000, ended without a word 0, refused 0, hung 0; '* ]]
	grep -q 'refused 0, hung 0;' "$SCRATCH/mute.out"
	is_diverted $STRANGER6 $HERE6 25
	level_is high
	[ "$(field .gate.diverted)" -ge 8001 ]
	[ "$(field .gate.responder_starts)" -eq 0 ]
}

@test "maintenance of a server that does not even run; the reply is the configured one" {
	start_gated "$(gate 'ports = {25} reply = "421 4.3.2 Back at noon"')"
	log_says 'warning: gate: nobody listens on port 25 in'
	is_refused $STRANGER $HERE 25
	close_gate
	[ "$(call $STRANGER $HERE 25)" = '421 4.3.2 Back at noon' ]
	open_gate
	is_refused $STRANGER $HERE 25
}

@test "the responder cannot be reached but by diversion" {
	local port
	start_gated "$(gate)"
	port=$(in_net ss -Hltn | awk '/192.0.0.8/ { sub(/.*:/, "", $4); print $4 }')
	[ -n "$port" ]
	for address in 127.0.0.1 $HERE; do
		is_refused $STRANGER $address "$port"
	done
	is_refused $STRANGER6 $HERE6 "$port"
}

@test "observing diverts nobody, and an override to normal opens" {
	serve 25
	start_gated 'mode = "observe"' "$(gate)"
	close_gate
	is_served $STRANGER $HERE 25
	gate_is open
	[ "$(field .gate.reason)" = 'observing only' ]
	stop_daemon
	start_gated "$(gate)"
	gate_is closed # the override was kept
	cli override normal --for 1min
	gate_is open
	is_served $STRANGER $HERE 25
}

@test "a reload takes other ports, internal networks and an admission over" {
	serve 25 2525
	start_gated "$(gate)"
	close_gate
	is_diverted $STRANGER $HERE 25
	reload "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate 'ports = {25, 2525}')" \
		'classes { internal = {"198.51.100.0/25", "2001:db8:5::/48"} }'
	is_served $STRANGER $HERE 25
	is_served $STRANGER6 $HERE6 25
	is_served ::ffff:$STRANGER ::ffff:$HERE 25
	is_diverted 198.51.100.128 $HERE 2525
	is_diverted 2001:db8:6::1 $HERE6 2525
	is_diverted $OWN $OWN 25
	reload "$(filesystem "$SCRATCH" 2K 1K)" "$(gate 'ports = {25}')" \
		'admission { ramp = "0s" high { inbound = "accept" submission = "accept" } medium { inbound = "accept" } }'
	is_served $STRANGER $HERE 25
	is_served $STRANGER $HERE 2525
	reload "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate 'ports = {25} host = "other.example"' | sed 's/host = "mx.example"//')"
	log_says 'warning: reload: of a gate only ports, submission-ports and lease'
	[ "$(call $STRANGER $HERE 25)" = "$REFUSAL" ]
}

@test "what a port has counted is its own, and stays in the sum, whatever ports a reload takes" {
	local counts='.gate | [.diverted, (.gates[0].ports[] | .port, .diverted)] | join(" ")'
	start_gated "$(gate 'ports = {25, 2525}')"
	close_gate
	is_diverted $STRANGER $HERE 25
	is_diverted $STRANGER $HERE 25
	is_diverted $STRANGER $HERE 2525
	reload "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate 'ports = {587, 2525}')"
	is_diverted $STRANGER $HERE 587
	[ "$(field "$counts")" = '4 587 1 2525 1' ]
	is_refused $STRANGER $HERE 25
	reload "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate 'ports = {25}')"
	[ "$(field "$counts")" = '4 25 2' ]
	is_diverted $STRANGER $HERE 25
	[ "$(field "$counts")" = '5 25 3' ]
}

# Who is let in first after a closure is the same by the gate and by the state socket.
@test "reopening by degrees lets in whom the state socket accepts" {
	local -i i taken=0
	local answer
	serve 25
	watch_only "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "1h" }' "$(gate)"
	close_gate
	open_gate
	[[ $(field .gate.reason) == 'reopening by degrees'* ]]
	for ((i = 1; i <= 40; i++)); do
		answer=$(ask "admission inbound 1 198.51.100.$i")
		if [[ $answer == accept ]]; then
			is_served 198.51.100.$i $HERE 25
			taken+=1
		else
			is_diverted 198.51.100.$i $HERE 25
		fi
		answer=$(ask "admission inbound 1 2001:db8:$i::1")
		if [[ $answer == accept ]]; then
			is_served 2001:db8:$i::ffff $HERE6 25
			taken+=1
		else
			is_diverted 2001:db8:$i::ffff $HERE6 25
		fi
	done
	tell "$taken of 80 clients are let in at the beginning"
	[ "$taken" -lt 40 ]
}

@test "two namespaces, two gates" {
	local first=$NETNS first_gate
	first_gate=$(gate)
	serve 25
	make_netns other
	serve 25 587
	start_gated "$first_gate" "$(gate 'ports = {} submission-ports = {587}')"
	close_gate
	is_diverted $STRANGER $HERE 587
	is_served $STRANGER $HERE 25
	NETNS=$first
	is_diverted $STRANGER6 $HERE6 25
	[ "$(field '.gate.gates | length')" -eq 2 ]
	[ "$(field '.gate.ports | join(" ")')" = '25 587' ]
	[ "$(field '.gate.diverted')" -eq 2 ]
	[ "$(pgrep -c -P "$DAEMON" -x spoolgate-resp)" -eq 2 ]
}

@test "a namespace that is not there is warned of, and fails nothing; the gate is in it once it comes" {
	local late=$SCRATCH/no.net there=$NETNS
	start_gated "gate { netns = \"$late\" host = \"mx.example\" }" "$(gate)"
	log_says "warning: gate: off in $late: No such file or directory; on once it is there"
	close_gate
	is_diverted $STRANGER $HERE 25
	[ "$(field '.gate.gates[0].state')" = off ]
	[ "$(field '.gate.gates[1].state')" = closed ]
	make_netns no
	wait_until 20 is_diverted $STRANGER $HERE 25
	[ "$(field '.gate.gates | map(.state) | join(" ")')" = 'closed closed' ]
	log_says "^gate: a network namespace is at $late: the gate is in it"
	NETNS=$there
	is_diverted $STRANGER6 $HERE6 25
}

in_new_netns() {
	umount "$NETNS"
	rm "$NETNS"
	make_netns mail
}

# A container that is started anew.
@test "a namespace that is made anew: the gate is in it again, with its counters, ports and responder" {
	local responder
	serve 25
	start_gated "$(gate 'ports = {25} submission-ports = {587}')"
	close_gate
	is_diverted $STRANGER $HERE 25
	responder=$(responder_pid)
	in_new_netns
	is_refused $STRANGER $HERE 25
	wait_until 20 is_diverted $STRANGER $HERE 25
	is_diverted $STRANGER6 $HERE6 587
	is_served $OWN $OWN 25 || is_refused $OWN $OWN 25
	another_responder_than "$responder"
	log_says "warning: gate: the network namespace at $NETNS is another one now: the gate is in that again"
	[ "$(log_counts 'gate: the network namespace')" -eq 1 ]
	gate_is closed
	[ "$(field .gate.diverted)" -ge 3 ]
	kill -KILL "$(responder_pid)"
	wait_until 10 is_diverted $STRANGER $HERE 25
	for _ in 1 2 3; do
		in_new_netns
		wait_until 20 is_diverted $STRANGER $HERE 25
	done
	open_gate
	serve 25
	is_served $STRANGER $HERE 25
	[ "$(wc -w <<<"$(responder_pid)")" -eq 1 ]
	stop_daemon KILL || true
	is_served $STRANGER $HERE 25
}

@test "a namespace that is gone for a while: the gate is off, and says why; then it is there again" {
	start_gated "$(gate)"
	close_gate
	umount "$NETNS"
	wait_until 20 gate_is off
	log_says "warning: gate: the network namespace at $NETNS is not there any more: no gate is in it until there is one again"
	[ "$(field .gate.reason)" = 'no network namespace is there now' ]
	stays 6000 gate_is off
	[ "$(log_counts 'warning: gate: the network namespace')" -eq 1 ]
	rm "$NETNS"
	make_netns mail
	wait_until 20 is_diverted $STRANGER $HERE 25
	gate_is closed
}

attacher_pid() {
	pgrep -P "$DAEMON" -x spoolgate-att
}

@test "the attacher holds three capabilities, the maps and no link, and goes with the daemon" {
	local attacher
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate)"
	attacher=$(attacher_pid)
	[ "$(awk '/^CapPrm/ { print $2 }' "/proc/$attacher/status")" = 0000000000201004 ]
	[ "$(awk '/^CapBnd/ { print $2 }' "/proc/$attacher/status")" = 0000000000000000 ]
	[ "$(awk '/^Seccomp:/ { print $2 }' "/proc/$attacher/status")" = 2 ]
	[ "$(awk '/^Uid/ { print $2 }' "/proc/$attacher/status")" = "$(id -u nobody)" ]
	if bpf_held_by "$attacher" | grep -E '^(link|prog)'; then return 1; fi
	close_gate
	in_new_netns
	wait_until 20 is_diverted $STRANGER $HERE 25
	if bpf_held_by "$attacher" | grep -E '^(link|prog)'; then return 1; fi
	kill -KILL "$attacher"
	wait_until 10 log_says 'warning: the attacher ended .signal 9. and is started again'
	is_diverted $STRANGER $HERE 25
	wait_until 20 attacher_pid
	in_new_netns
	wait_until 20 is_diverted $STRANGER $HERE 25
	attacher=$(attacher_pid)
	stop_daemon KILL || true
	wait_until 20 is_gone "$attacher"
	is_refused $STRANGER $HERE 25
}

@test "a gate in the daemon's own namespace has no attacher" {
	DAEMON_UNDER=(nsenter --net="$NETNS")
	start_gated 'gate { ports = {25} }'
	gate_is open
	if attacher_pid; then return 1; fi
}

# As Docker's are: closed to the user that the daemon becomes.
@test "a namespace that is made anew where only root can see it is seen by the attacher" {
	local directory=$SCRATCH/closed
	mkdir -m 0700 "$directory"
	touch "$directory/net"
	mount --bind "$NETNS" "$directory/net"
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' \
		"gate { netns = \"$directory/net\" host = \"mx.example\" }"
	close_gate
	is_diverted $STRANGER $HERE 25
	umount "$directory/net"
	in_new_netns
	mount --bind "$NETNS" "$directory/net"
	wait_until 20 is_diverted $STRANGER $HERE 25
}

@test "two gates in one namespace, by two paths, are warned of" {
	local other=$SCRATCH/other.net
	touch "$other"
	mount --bind "$NETNS" "$other"
	start_gated "$(gate)" "gate { netns = \"$other\" ports = {587} }"
	log_says "warning: gate: $NETNS and $other are one network namespace"
}

listener_inode() {
	in_net ss -Hltne | sed -n '/192\.0\.0\.8/s/.* ino:\([0-9]*\).*/\1/p'
}

nobody_has_socket() { # INODE
	local pid
	for pid in $(processes_below "$SCRATCH") "$DAEMON"; do
		[[ -z $(find "/proc/$pid/fd" -lname "socket:\[$1\]") ]] || return 1
	done
}

# A namespace takes its interfaces along, and their other ends.
other_end_is_gone() {
	! in_net ip link show other-end
}

@test "a namespace that is deleted goes, and the other gate stays" {
	local lost=$NETNS lost_gate inode responders
	lost_gate=$(gate)
	make_netns other
	ip link add in-lost netns "$lost" type veth peer name other-end netns "$NETNS" || skip "no veth here"
	start_gated "$lost_gate" "$(gate)"
	close_gate
	responders=$(responder_pid)
	[ "$(wc -w <<<"$responders")" -eq 2 ]
	is_diverted $STRANGER $HERE 25
	NETNS=$lost
	inode=$(listener_inode)
	[ -n "$inode" ]
	is_diverted $STRANGER $HERE 25
	if nobody_has_socket "$inode"; then return 1; fi
	umount "$lost"
	NETNS=$SCRATCH/other.net
	wait_until 15 nobody_has_socket "$inode"
	wait_until 15 other_end_is_gone
	[ "$(responder_pid | wc -w)" -eq 1 ]
	[[ " $responders " == *"$(responder_pid)"* ]]
	[ "$(field '.gate.gates | map(.state) | join(" ")')" = 'off closed' ]
	[ "$(field '.gate.gates[0].reason')" = 'no network namespace is there now' ]
	[ "$(field '.gate.gates[0].ports[0].diverted')" -eq 1 ]
	log_says "gate of $lost: 1 connections diverted, 0 dropped in [0-9]+ s"
	is_diverted $STRANGER6 $HERE6 25
	[ "$(field .gate.responder_starts)" -eq 0 ]
	kill -KILL "$(responder_pid)" # the keeper goes on with what it has
	wait_until 10 is_diverted $STRANGER $HERE 25
}

@test "a namespace whose path is closed to the user that the daemon becomes is no lost one" {
	local directory=$SCRATCH/closed
	mkdir -m 0700 "$directory"
	touch "$directory/net"
	mount --bind "$NETNS" "$directory/net"
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH" 2K 1K)" \
		"gate { netns = \"$directory/net\" host = \"mx.example\" }"
	close_gate
	stays 7000 is_diverted $STRANGER $HERE 25
	gate_is closed
}

@test "another program that selects sockets in the namespace is warned of" {
	start_gated "$(gate)"
	if grep 'sk_lookup' "$LOG"; then return 1; fi
	background second "$BUILD/spoolgated" -s "$SCRATCH/second.sock" -c "$CONFIG"
	wait_until 10 grep -q 'warning: gate: 1 other sk_lookup program is in' "$SCRATCH/second.out"
}

# At boot the daemon is there before the mail server, and before containers.
# And what a responder came to has no voice of its own.
@test "in the daemon's own namespace: who listens is looked at later, and docker-proxy does not count" {
	local proxy=$SCRATCH/docker-proxy
	cp "$(type -P bash)" "$proxy"
	DAEMON_UNDER=(nsenter --net="$NETNS" setpriv --bounding-set -sys_resource,-ipc_lock
		prlimit --memlock=131072:131072)
	start_gated 'gate { ports = {25, 587} submission-ports = {465} }'
	serve 25 587
	background proxy "$proxy" -c 'read -rt 240 <> <(:)' - -proto tcp -host-ip 0.0.0.0 -host-port 587 -container-port 25
	wait_until 60 grep -q 'warning: gate: nobody listens on port 465 in the daemon.s own network namespace yet' "$LOG"
	log_says 'warning: gate: port 587 of this host is forwarded by docker-proxy: .* wants netns'
	[ "$(log_counts 'warning: gate')" -eq 2 ]
	log_says 'gate: the memory of the responder in .* is not locked'
}

@test "without a gate block there is no gate: no program, no responder" {
	start_gated
	gate_is off
	if responder_pid; then return 1; fi
	[ -z "$(in_net bpftool net list 2>/dev/null | grep sk_lookup)" ]
}

@test "status shows it" {
	serve 25
	start_gated "$(gate 'ports = {25} submission-ports = {465}')"
	run cli status
	[[ $output == *'gate        open: ports 25, 465'* ]]
	close_gate
	is_diverted $STRANGER $HERE 25
	run cli status
	[[ $output == *'gate        closed: ports 25, 465; 1 diverted, 0 dropped; lease '*' s; override to high by root: maintenance'* ]]
}
