#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What naming one thing in the configuration takes away, and that it is told. /var/spool of these
# tests is in a mount namespace of the daemon's own.

load lib
load watch

setup() {
	need_root
	[[ ! -e /etc/spoolgate/spoolgate.conf ]] || skip "this host has a configuration"
	mkdir "$SCRATCH/mailboxes"
	mount -t tmpfs -o size=16M none "$SCRATCH/mailboxes"
	MAILBOXES=$SCRATCH/mailboxes
}

# /var/spool/postfix on a filesystem of its own, /var/spool/exim4 on that of /var/spool.
# shellcheck disable=SC2016
in_spools() {
	DAEMON_UNDER=("${APART[@]}" bash -c '
		mount -t tmpfs none /var/spool && mkdir /var/spool/{postfix,exim4} &&
			mount -t tmpfs none /var/spool/postfix || exit
		exec "$@"' -)
}

# One spool that answers nothing, in the same way.
# shellcheck disable=SC2016,SC2034
in_hung_spool() {
	DAEMON_UNDER=("${APART[@]}" bash -c '
		mount -t tmpfs none /var/spool && mkdir /var/spool/postfix || exit
		"$1" /var/spool/postfix >"$2" &
		echo $! >"$2.pid"
		until grep -q hangs "$2"; do sleep 0.05; done
		exec "${@:3}"' - "$BUILD/tests/system/hung" "$SCRATCH/hung")
}

watched() {
	field '[.resources[] | select(.name == "free-space") | .object] | sort | join(" ")'
}

unwatched() { # PATH: how often that was said
	log_counts "^warning: queue directory $1 is there, and its filesystem is not watched: it can"
}

is_unwatched() { # PATH COUNT
	[ "$(unwatched "$1")" -eq "$2" ]
}

@test "with the sample configuration, as it is installed, all is watched that is without any" {
	local without
	in_spools
	start_daemon
	without=$(watched)
	[[ $without == *'/var/spool/exim4 /var/spool/postfix' ]]
	stop_daemon
	start_daemon "$(cat "$TOP/share/spoolgate.conf")"
	[ "$(watched)" = "$without" ]
	stop_daemon
	if grep -E 'is not watched|not internal' "$LOG"; then return 1; fi
}

@test "a queue directory on a filesystem that nobody watches is told of, at start and at a reload" {
	in_spools
	watch_only "$(filesystem "$MAILBOXES" 2M 1M)"
	wait_until 20 is_unwatched /var/spool/postfix 1
	wait_until 20 is_unwatched /var/spool/exim4 1
	log_says "add to $CONFIG: filesystem \"/var/spool/postfix\" \{\}\$"
	[ "$(unwatched /var/spool/smtpd)" -eq 0 ]
	# Any path on its filesystem will do.
	reload "$(filesystem "$MAILBOXES" 2M 1M)" "$(filesystem /var/spool 2M 1M)"
	wait_until 20 is_unwatched /var/spool/postfix 2
	reload "$(filesystem "$MAILBOXES" 3M 1M)" "$(filesystem /var/spool 2M 1M)"
	wait_until 20 is_unwatched /var/spool/postfix 3
	reload "$(filesystem /var/spool/postfix 2M 1M)" "$(filesystem /var/spool 2M 1M)"
	sleep 1.5
	is_unwatched /var/spool/postfix 3
	is_unwatched /var/spool/exim4 1
	stop_daemon
}

scout_threads() {
	find "/proc/$(scout_pid)/task" -mindepth 1 -maxdepth 1 | wc -l
}

@test "a queue directory that hangs and is not watched holds up nothing, and reloads pile up nothing" {
	local -i threads round
	[[ -e /dev/fuse ]] || skip "needs /dev/fuse"
	in_hung_spool
	watch_only "$(filesystem "$MAILBOXES" 2M 1M)"
	is_open
	reload "$(filesystem "$MAILBOXES" 2M 1M)"
	threads=$(scout_threads)
	for ((round = 0; round < 5; round++)); do
		reload "$(filesystem "$MAILBOXES" 2M 1M)"
	done
	[ "$(scout_threads)" -le "$threads" ]
	is_unwatched /var/spool/postfix 0
	dd if=/dev/zero of="$MAILBOXES/file" bs=1M count=15 status=none
	promptly is_closed
	stop_daemon
	kill "$(cat "$SCRATCH/hung.pid")"
}

not_internal() { # WHAT
	log_counts "^$1 not internal \(classes"
}

@test "networks of one's own without the loopback's are told of, at start and at a reload" {
	watch_only "$(filesystem "$MAILBOXES" 2M 1M)" 'classes { internal = {"192.0.2.25"} }'
	log_says '^127.0.0.1 and ::1 are not internal'
	reload "$(filesystem "$MAILBOXES" 2M 1M)" 'classes { internal = {"127.0.0.1", "192.0.2.25"} }'
	log_says '^::1 is not internal'
	reload "$(filesystem "$MAILBOXES" 2M 1M)" 'classes { internal = {"127.0.0.1", "::1"} }'
	reload "$(filesystem "$MAILBOXES" 2M 1M)"
	sleep 0.5
	[ "$(not_internal '.* (is|are)')" -eq 2 ]
	stop_daemon
}
