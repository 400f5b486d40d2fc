#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A level by hand: who may, what it does, how long.

load lib
load watch

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	BLOCK=$(filesystem "$SCRATCH/spool" 1M 512K 200ms)
}

# Open to all, so that who may override is decided by who asks.
open_socket='state { mode = "0666" admin = "nobody" }'

as() { # USER COMMAND...
	local user=$1
	shift
	need_tool setpriv
	getent passwd "$user" >/dev/null || skip "no user $user"
	# The build need not be where others may look.
	[[ -e $SCRATCH/spoolgate ]] || install -m 0755 "$BUILD/spoolgate" "$SCRATCH/spoolgate"
	setpriv --reuid "$user" --regid nogroup --clear-groups "$SCRATCH/spoolgate" -s "$SOCKET" "$@"
}

fill_spool() {
	dd if=/dev/zero of="$SCRATCH/spool/file" bs=64K count=244 status=none
}

@test "root sets a level and ends it" {
	watch_only "$BLOCK"
	run cli override high --for 10min --reason 'moving the queue'
	[ "$status" -eq 0 ]
	[ "$output" = "override high for 10 min" ]
	level_is high
	is_closed
	admits submission "$DEFER"
	admits internal accept
	[ "$(field '.override | .level, .reason, .by')" = $'high\nmoving the queue\nroot' ]
	[[ $(field '.reasons[0]') == "override to high by root until "*": moving the queue" ]]
	run cli override off
	[ "$status" -eq 0 ]
	is_open
	[ "$(field .override)" = null ]
	log_says 'override to high for 600 s by root: moving the queue'
	log_says 'override ended by root'
}

@test "one hour is the default" {
	local left
	watch_only "$BLOCK"
	cli override medium
	left=$(($(date -d "$(field .override.until)" +%s) - $(date +%s)))
	[ "$left" -gt 3500 ]
	[ "$left" -le 3601 ]
}

@test "normal wins over pressure, and pressure is back when it ends" {
	watch_only "$BLOCK"
	fill_spool
	wait_until 20 is_closed
	cli override normal
	is_open
	resource_is free-space "$SCRATCH/spool" .level medium
	stays 1500 is_open
	cli override off
	is_closed
}

@test "an override ends by itself" {
	local begin
	watch_only "$BLOCK"
	begin=$(now_ms)
	cli override high --for 2s
	is_closed
	stays 1200 is_closed
	wait_until 30 is_open
	[ $(($(now_ms) - begin)) -ge 1900 ]
	[ "$(field .override)" = null ]
	log_says 'override ended'
	cli override off
	is_open
}

@test "another user is refused with 77, and nothing changes" {
	watch_only "$open_socket" "$BLOCK"
	run as daemon override high
	[ "$status" -eq 77 ]
	[[ $output == *"not allowed"*"root and the configured admin"* ]]
	is_open
	cli override high
	run as daemon override off
	[ "$status" -eq 77 ]
	is_closed
	# Asking is everyone's who can reach the socket.
	run as daemon check
	[ "$status" -eq 75 ]
}

@test "the configured admin may override" {
	watch_only "$open_socket" "$BLOCK"
	run as nobody override high --for 1h
	[ "$status" -eq 0 ]
	is_closed
	[ "$(field .override.by)" = nobody ]
	as nobody override off
	is_open
}

@test "a socket that is closed to a user is unreachable for them" {
	watch_only "$BLOCK"
	run as nobody override high
	[ "$status" -eq 69 ]
	[[ $output == *"the socket is for root and its group"* ]]
	is_open
}

kept() { # SIGNAL
	local until
	watch_only "$BLOCK"
	cli override high --for 4s --reason 'kept'
	until=$(field .override.until)
	stop_daemon "$1" || [ "$1" = KILL ]
	watch_only "$BLOCK"
	is_closed
	[ "$(field '.override | .level, .reason, .by')" = $'high\nkept\nroot' ]
	[ $(($(date -d "$(field .override.until)" +%s) - $(date -d "$until" +%s))) -le 1 ]
	wait_until 30 is_open
	[ "$(date +%s)" -ge $(($(date -d "$until" +%s) - 1)) ]
}

@test "an override is kept over a restart, with its end" {
	kept TERM
}

@test "an override is kept over kill -9, with its end" {
	kept KILL
}

@test "an override that was ended, or whose end has passed, does not come back" {
	watch_only "$BLOCK"
	cli override high
	cli override off
	stop_daemon
	watch_only "$BLOCK"
	is_open
	cli override high --for 1s
	stop_daemon
	sleep 1.2
	watch_only "$BLOCK"
	is_open
	[ "$(field .override)" = null ]
}

# The daemon writes the file as the user it becomes, and reads it as root.
@test "an override is kept over a restart of a daemon that gives up root" {
	SOCKET=$SCRATCH/spoolgate/state.sock
	start_daemon 'user = "nobody"' "$CALM" "$BLOCK"
	cli override high --reason 'kept'
	stop_daemon
	start_daemon 'user = "nobody"' "$CALM" "$BLOCK"
	is_closed
	[ "$(field .override.reason)" = kept ]
	cli override off
	is_open
}

@test "a file of somebody else's in the override's place is not believed" {
	printf '{"level":"high","until":%d,"reason":"","by":"root"}' $(($(date +%s) + 600)) \
		>"$SOCKET.override"
	chown daemon "$SOCKET.override"
	watch_only "$BLOCK"
	is_open
	log_says "^warning: $SOCKET.override is not one of ours"
}

@test "rubbish in the override's place does not fail the start" {
	head -c 3000 /dev/urandom >"$SOCKET.override"
	watch_only "$BLOCK"
	is_open
	log_says "^warning: $SOCKET.override is not one of ours"
	cli override high
	is_closed
}

@test "what is no level, no time or no reason is refused with 64, before anyone is asked" {
	for wrong in 'override' 'override higher' 'override high --for 0s' 'override high --for 8d' \
		'override high --for soon' 'override off --for 1h' 'override high low'; do
		# shellcheck disable=SC2086
		run cli $wrong
		[ "$status" -eq 64 ]
	done
}
