#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What `spoolgate` prints, and with which exit code, with the daemon there and without.

load lib
load watch

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	SPOOL=$SCRATCH/spool
}

start() {
	watch_only "$(filesystem "$SPOOL" 8M 2M 200ms)"
}

# Leaves so much of the 16 MiB.
leave() { # MIB
	dd if=/dev/zero of="$SPOOL/file" bs=1M count=$((16 - $1)) status=none
}

@test "check: accept with 0, defer with 75, for each class" {
	start
	run cli check
	[ "$status" -eq 0 ]
	[ "$output" = accept ]
	leave 4
	wait_until 20 level_is medium
	run cli check
	[ "$status" -eq 75 ]
	[ "$output" = "$DEFER" ]
	run cli check inbound 1000 192.0.2.1
	[ "$status" -eq 75 ]
	run cli check submission
	[ "$status" -eq 0 ]
	leave 1
	wait_until 20 level_is high
	run cli check submission
	[ "$status" -eq 75 ]
	run cli check internal
	[ "$status" -eq 0 ]
	[ "$output" = accept ]
}

@test "check: delay is 0" {
	watch_only "$(filesystem "$SPOOL" 8M 2M)" 'admission { medium { inbound = "delay 10" } }'
	leave 4
	wait_until 20 level_is medium
	run cli check
	[ "$status" -eq 0 ]
	[ "$output" = 'delay 10' ]
}

@test "check --nagios: 0, 1, 2 and a line with the values" {
	start
	run cli check --nagios
	[ "$status" -eq 0 ]
	[[ $output == "SPOOLGATE OK - level normal since "*" | "*"'free-space $SPOOL'="[0-9]*"B;"$((8 * MIB))":;"$((2 * MIB))":"* ]]
	leave 4
	wait_until 20 level_is medium
	run cli check inbound --nagios
	[ "$status" -eq 2 ]
	[ "$output" = "SPOOLGATE CRITICAL - inbound: $DEFER" ]
	run cli check submission 1000 --nagios
	[ "$status" -eq 0 ]
	[ "$output" = 'SPOOLGATE OK - submission: accept' ]
	# A plugin has four exit codes.
	run cli check strangers --nagios
	[ "$status" -eq 3 ]
	[[ $output == *'unknown class "strangers"'* ]]
	run cli check --nagios --fail-open
	[ "$status" -eq 3 ]
	run cli check --nagios
	[ "$status" -eq 1 ]
	[[ $output == "SPOOLGATE WARNING - level medium since "*": free-space of $SPOOL is "*" | "* ]]
	leave 1
	wait_until 20 level_is high
	run cli check --nagios
	[ "$status" -eq 2 ]
	[[ $output == "SPOOLGATE CRITICAL - level high"* ]]
}

@test "without the daemon: 69 and why, --fail-open accepts, --nagios is unknown" {
	local command
	for command in status 'status --json' check 'check submission' watch 'override high' 'override off'; do
		# shellcheck disable=SC2086
		run cli $command
		[ "$status" -eq 69 ]
		[[ $output == "spoolgate: $SOCKET: "*"(is spoolgated running?)" ]]
	done
	run cli check --fail-open
	[ "$status" -eq 0 ]
	[[ $output == *accept* ]]
	run cli check --nagios
	[ "$status" -eq 3 ]
	[[ $output == "SPOOLGATE UNKNOWN - "* ]]
}

# Whoever listens at a socket that was named by hand must not write to the terminal.
@test "what is no text is no answer, and is not shown" {
	local command
	cat >"$SCRATCH/other" <<-'EOF'
		#!/bin/sh
		read -r request
		case $request in
		admission*) printf 'accept \033[2J\n' ;;
		*) printf '{"level":"normal"} \033[2J\n' ;;
		esac
	EOF
	chmod +x "$SCRATCH/other"
	rm -f "$SOCKET"
	background other socat "UNIX-LISTEN:$SOCKET,fork" "EXEC:$SCRATCH/other"
	wait_until 20 test -S "$SOCKET"
	for command in check status 'status --json' watch 'watch --json'; do
		# shellcheck disable=SC2086
		run cli $command
		[ "$status" -eq 69 ]
		[ "$output" = "spoolgate: $SOCKET: it is not spoolgated that answers there" ]
	done
}

@test "--fail-open accepts on stdout, and says on stderr why" {
	[ "$(cli check --fail-open 2>"$SCRATCH/why")" = accept ]
	grep -q 'is spoolgated running' "$SCRATCH/why"
}

@test "--fail-open opens only where the daemon cannot be asked" {
	start
	leave 4
	wait_until 20 level_is medium
	run cli check --fail-open
	[ "$status" -eq 75 ]
	[ "$output" = "$DEFER" ]
}

@test "status: level, admissions, why, every resource, every backend; no colour in a pipe" {
	start
	leave 4
	wait_until 20 level_is medium
	run cli status
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "medium since "*"(mode enforce, spoolgated "*")" ]]
	[[ $output =~ inbound\ +"$DEFER" ]]
	[[ $output =~ submission\ +accept ]]
	[[ $output =~ internal\ +accept ]]
	[[ $output == *$'\n'"! free-space of $SPOOL is 4.0 MiB: medium is entered below 8.0 MiB and left above 9.6 MiB"* ]]
	[[ $output =~ RESOURCE\ +OBJECT\ +LEVEL\ +VALUE\ +MEDIUM\ +HIGH\ +LEAVE\ +BACKEND ]]
	[[ $output =~ free-space\ +"$SPOOL"\ +medium\ +"4.0 MiB"\ +"8.0 MiB"\ +"2.0 MiB"\ +"9.6 MiB"\ +poll ]]
	[[ $output =~ memory-available\ +host\ +normal ]]
	[[ $output =~ writes\ +(tp_btf/|poll) ]]
	[[ $output != *$'\e'* ]]
}

@test "status is coloured on a terminal" {
	need_tool script
	start
	leave 4
	wait_until 20 level_is medium
	TERM=xterm script -qec "$BUILD/spoolgate -s $SOCKET status" /dev/null </dev/null >"$SCRATCH/screen"
	grep -q $'\e\[' "$SCRATCH/screen"
	grep -q medium "$SCRATCH/screen"
}

@test "status --json is the daemon's line" {
	start
	run cli status --json
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -r .level <<<"$output")" = normal ]
}

@test "watch: the present state first, then a line a change; 69 when the daemon goes" {
	local status=0 pid
	start
	background watcher "$BUILD/spoolgate" -s "$SOCKET" watch
	pid=$!
	wait_until 20 grep -q 'normal .*inbound accept, submission accept, internal accept' "$SCRATCH/watcher.out"
	leave 4
	wait_until 20 grep -q "medium .*inbound defer, submission accept.*free-space of $SPOOL is " "$SCRATCH/watcher.out"
	rm "$SPOOL/file"
	wait_until 20 is_open
	wait_until 20 last_line_is "$SCRATCH/watcher.out" 'normal.*inbound accept'
	[ "$(wc -l <"$SCRATCH/watcher.out")" -eq 3 ]
	stop_daemon
	wait_until 30 is_gone "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 69 ]
}

@test "watch --json: the daemon's lines" {
	start
	background watcher "$BUILD/spoolgate" -s "$SOCKET" watch --json
	wait_until 20 test -s "$SCRATCH/watcher.out"
	cli override high
	wait_until 20 has_lines "$SCRATCH/watcher.out" 2
	[ "$(jq -r .level "$SCRATCH/watcher.out" | sed -n '1p;$p' | tr '\n' ' ')" = 'normal high ' ]
}

@test "watch --exec: a command a change, with the state in its environment only" {
	start
	# shellcheck disable=SC2016
	background watcher "$BUILD/spoolgate" -s "$SOCKET" watch --exec \
		'echo "$SPOOLGATE_LEVEL|$SPOOLGATE_INBOUND|$SPOOLGATE_SUBMISSION|$SPOOLGATE_INTERNAL|$SPOOLGATE_MODE|$SPOOLGATE_REASON"'
	wait_until 20 grep -qxF 'normal|accept|accept|accept|enforce|' "$SCRATCH/watcher.out"
	# shellcheck disable=SC2016
	cli override high --reason '$(touch '"$SCRATCH"'/owned); `id`'
	wait_until 20 grep -qF "high|$DEFER|$DEFER|accept|enforce|override to high by root until " "$SCRATCH/watcher.out"
	# shellcheck disable=SC2016
	grep -qF '$(touch' "$SCRATCH/watcher.out"
	[ ! -e "$SCRATCH/owned" ]
}

@test "what is wrong on the command line is 64, with what is right" {
	local wrong
	for wrong in '' 'no-such-command' 'check everyone' 'check inbound much' 'status now' 'watch --json --exec true' '--wrong'; do
		# shellcheck disable=SC2086
		run cli $wrong
		[ "$status" -eq 64 ]
		[[ $output ]]
	done
}

@test "--help is there for the program and each command, on stdout with 0" {
	local command
	for command in '' status check watch override; do
		# shellcheck disable=SC2086
		"$BUILD/spoolgate" $command --help >"$SCRATCH/help"
		grep -q '^Usage: spoolgate' "$SCRATCH/help"
	done
}

@test "output that cannot be written is not success" {
	start
	run bash -c '"$1" -s "$2" status >/dev/full' - "$BUILD/spoolgate" "$SOCKET"
	[ "$status" -eq 74 ]
	[[ $output == *"No space left on device"* ]]
}
