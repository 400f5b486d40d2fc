#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Each party outside that the daemon talks to stands still, and each of its own processes: who asks
# is answered all the while, and the watchdog is fed.

load lib
load watch
load gate

readonly SLOWEST=4000 # ms; who waits for one of them waits for 5 s, or for good

setup() {
	need_root
	mkdir -m 0755 "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	CALM_SPOOL=$(filesystem "$SCRATCH/spool" 2M 1M)
}

teardown() {
	rm -f "$SCRATCH/stalled"
	[[ ! -s $SCRATCH/reader ]] || kill -CONT "$(<"$SCRATCH/reader")" 2>/dev/null || true
	[[ ! -s $SCRATCH/fuse ]] || kill -KILL "$(<"$SCRATCH/fuse")" 2>/dev/null || true
	tear_down
}

# A service manager with a watchdog of a second. Its pid is in $MANAGER, what it heard in manager.out.
manage() {
	background manager socat -u "UNIX-RECV:$SCRATCH/notify" -
	MANAGER=$!
	wait_until 10 test -S "$SCRATCH/notify"
	chmod 0777 "$SCRATCH/notify"
	DAEMON_UNDER+=(env "NOTIFY_SOCKET=$SCRATCH/notify" WATCHDOG_USEC=1000000)
}

heard() { # PATTERN: how often
	grep -ao "$1" "$SCRATCH/manager.out" | wc -l
}

has_heard_more() { # PATTERN COUNT
	(($(heard "$1") > $2))
}

answers_all_along() { # SECONDS
	local -i end begin took slowest=0 asked=0
	end=$(($(now_ms) + $1 * 1000))
	while ((begin = $(now_ms), begin < end)); do
		[[ $(ask 'admission inbound') == accept ]]
		took=$(($(now_ms) - begin))
		((took <= slowest)) || slowest=$took
		asked+=1
	done
	tell "$asked answers in $1 s, the slowest in $slowest ms"
	((slowest < SLOWEST))
}

# Nobody waits for what stands still; the watchdog neither.
stands_still() { # SECONDS
	local -i fed
	fed=$(heard WATCHDOG=1)
	answers_all_along "$1"
	wait_until 10 has_heard_more WATCHDOG=1 "$fed"
}

child_of_daemon() { # NAME
	pgrep -P "$DAEMON" -x "spoolgate-$1"
}

another_child_than() { # NAME PID
	local pid
	pid=$(child_of_daemon "$1") && [[ $pid && $pid != "$2" && $(ps_state "$pid") != Z ]]
}

is_kept() { # LEVEL
	[[ $(jq -r .level <"$SOCKET.override") == "$1" ]]
}

@test "a service manager that does not read: answers go on, and it hears what it must once it reads" {
	local -i i ready
	manage
	watch_only "$CALM_SPOOL"
	wait_until 10 has_heard_more READY=1 0
	ready=$(heard READY=1)
	kill -STOP "$MANAGER"
	for ((i = 0; i < 20; i++)); do
		[[ $(ask 'override high 60 still') == ok ]]
		[[ $(ask 'override off') == ok ]]
	done
	log_says 'warning: the service manager does not read what it is told'
	kill -HUP "$DAEMON"
	wait_until 20 log_says 'configuration read again'
	[[ $(ask 'override medium 60 last') == ok ]]
	[[ $(ask 'admission inbound') == 'defer 452 '* ]]
	kill -CONT "$MANAGER"
	wait_until 20 has_heard_more READY=1 "$ready"
	has_heard_more RELOADING=1 0
	wait_until 20 log_says 'the service manager reads again'
	# The last word is the last state.
	[[ $(grep -ao 'STATUS=[a-z]*' "$SCRATCH/manager.out" | tail -n 1) == STATUS=defer ]]
	stop_daemon
	wait_until 10 has_heard_more STOPPING=1 0
}

# A module of the name service that waits for as long as $SCRATCH/stalled is there.
stall_names() {
	need_tool cc gcc
	cat >"$SCRATCH/stall.c" <<-'C'
		#include <nss.h>
		#include <pwd.h>
		#include <stdlib.h>
		#include <unistd.h>
		enum nss_status _nss_stall_getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size, int *error)
		{
			while (getenv("STALLED") && !access(getenv("STALLED"), F_OK))
				usleep(10000);
			return NSS_STATUS_NOTFOUND;
		}
	C
	cc -shared -fPIC -w "$SCRATCH/stall.c" -o "$SCRATCH/libnss_stall.so.2"
	echo 'passwd: stall files' >"$SCRATCH/nsswitch"
	# shellcheck disable=SC2016
	DAEMON_UNDER+=("${APART[@]}" env "LD_LIBRARY_PATH=$SCRATCH" "STALLED=$SCRATCH/stalled" bash -c '
		mount --bind "$1" /etc/nsswitch.conf; shift; exec "$@"' - "$SCRATCH/nsswitch")
}

overrides_as() { # USER
	[[ $(timeout 5 setpriv --reuid "$1" --regid "$(id -g nobody)" --clear-groups \
		socat -t 5 - "UNIX-CONNECT:$SOCKET" <<<'override off') == ok ]]
}

@test "a name service that hangs at a reload: answers go on, what is in force stays, and then it is taken" {
	stall_names
	manage
	start_daemon 'user = "nobody"' "$CALM" "$CALM_SPOOL"
	touch "$SCRATCH/stalled"
	printf '%s\n' "$CALM" "$CALM_SPOOL" 'user = "nobody"' 'state { admin = "daemon" }' >"$CONFIG"
	kill -HUP "$DAEMON"
	stands_still 7
	log_says "warning: reload: reading $CONFIG takes long"
	[ "$(field '.processes[] | select(.name == "reader") | .state')" = late ]
	cli status | grep -q 'the reader is late: the configuration that is in force stays'
	if overrides_as daemon; then return 1; fi
	rm "$SCRATCH/stalled"
	wait_until 20 log_says 'configuration read again'
	overrides_as daemon
}

# As $1 of FUSE, in the daemon's own mount namespace: the configuration's directory hangs.
hang_file() { # FILE
	background fuse nsenter -t "$DAEMON" -m "$BUILD/tests/system/fuse" "$1" "$SCRATCH/told"
	echo $! >"$SCRATCH/fuse"
	wait_until 20 grep -q ready "$SCRATCH/fuse.out"
}

@test "a configuration that hangs at a reload: answers go on, SIGHUP again and SIGTERM too" {
	local -i begin
	[[ -e /dev/fuse ]] || skip "no FUSE here"
	DAEMON_UNDER=("${APART[@]}")
	manage
	watch_only "$CALM_SPOOL"
	echo hang >"$SCRATCH/told"
	hang_file "$CONFIG"
	kill -HUP "$DAEMON"
	stands_still 7
	kill -HUP "$DAEMON"
	answers_all_along 1
	[[ $(ps_state "$DAEMON") != D ]]
	printf '%s\n' "$CALM" "$CALM_SPOOL" 'mode = "observe"' >"$SCRATCH/told"
	wait_until 20 log_says 'configuration read again'
	wait_until 20 eval '[[ $(field .mode) == observe ]]'
	echo hang >"$SCRATCH/told"
	sleep 1
	kill -HUP "$DAEMON"
	wait_until 10 child_of_daemon read
	begin=$(now_ms)
	stop_daemon
	(($(now_ms) - begin < 10000))
}

# gmtime_r() reads it, though it wants nothing of it.
@test "a time zone that hangs: status is answered" {
	[[ -e /dev/fuse && -e /etc/localtime ]] || skip "no FUSE here, or no /etc/localtime"
	DAEMON_UNDER=("${APART[@]}")
	start_daemon "$CALM" "$CALM_SPOOL"
	echo hang >"$SCRATCH/told"
	hang_file "$(readlink -f /etc/localtime)"
	[[ $(field .level) == normal ]]
	[[ $(ps_state "$DAEMON") != D ]]
}

@test "who reads the log stands still: answers go on, and it says how much was lost" {
	local -i i
	# shellcheck disable=SC2016
	DAEMON_UNDER=(bash -c 'exec 2> >(SPOOLGATE_READER=1 exec cat >"$1"); echo $! >"$2"; shift 2; exec "$@"' -
		"$SCRATCH/read.log" "$SCRATCH/reader")
	manage
	watch_only "$CALM_SPOOL"
	kill -STOP "$(<"$SCRATCH/reader")"
	for ((i = 0; i < 200; i++)); do
		printf 'override high 60 a-long-reason-for-%0100d\noverride off\n' $i
	done | timeout 60 socat -t 30 - "UNIX-CONNECT:$SOCKET" >"$SCRATCH/said"
	sort "$SCRATCH/said" | uniq -c
	[ "$(grep -c '^ok' "$SCRATCH/said")" -eq 400 ]
	stands_still 2
	kill -CONT "$(<"$SCRATCH/reader")"
	ask 'override high 60 more'
	ask 'override off'
	wait_until 20 grep -q 'lines of log were lost' "$SCRATCH/read.log"
}

# Not read, and asked for more than any socket holds.
@test "clients that never read: others are answered" {
	local -i i
	manage
	watch_only "$CALM_SPOOL"
	for ((i = 0; i < 20; i++)); do
		# shellcheck disable=SC2016
		background "deaf-$i" bash -c 'yes status | head -n 5000 | socat -u - "UNIX-CONNECT:$1"' - "$SOCKET"
	done
	stands_still 4
}

@test "a responder, an attacher or a scout that is stopped is ended, and another one is there" {
	local name before
	need_bpf
	make_netns mail
	serve 25
	manage
	watch_only "$CALM_SPOOL" "$(gate)"
	for name in resp att scout; do
		before=$(child_of_daemon "$name")
		kill -STOP "$before"
		stands_still 2
		wait_until 30 another_child_than "$name" "$before"
	done
	wait_until 20 log_says 'warning: the attacher was stopped by somebody .signal 19.: it is ended and started again'
	wait_until 30 no_process_is_away
	close_gate
	wait_until 20 is_diverted $STRANGER $HERE 25
}

no_process_is_away() {
	[[ $(field '[.processes[] | select(.state != "running")] | length') == 0 ]]
}

@test "a filer, a placer or a logger that is stopped is ended, and another one does what it was asked" {
	local name before
	manage
	watch_only "$CALM_SPOOL" "listen \"postfix\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/policy\" }"
	for name in file sock log; do
		before=$(child_of_daemon "$name")
		kill -STOP "$before"
		[ "$name" != file ] || ask 'override medium 600 kept'
		[ "$name" != file ] || ask 'override normal 600 kept'
		[ "$name" != sock ] || rm "$SCRATCH/policy"
		stands_still 2
		[ "$name" != file ] || [ "$(field '.processes[] | select(.name == "filer") | .state')" != running ]
		wait_until 30 another_child_than "$name" "$before"
	done
	wait_until 20 is_kept normal
	wait_until 30 test -S "$SCRATCH/policy"
	wait_until 30 no_process_is_away
	wait_until 20 log_says 'the logger is there again'
	[ "$(field '[.processes[].deaths] | add')" -eq 3 ]
}

# An override that is ended while nobody is there to remove its file.
@test "a filer that is killed: another one is there, and an override that ended meanwhile has ended" {
	watch_only "$CALM_SPOOL"
	ask 'override high 600 maintenance'
	wait_until 10 is_kept high
	# It dies with the request in its hands.
	kill -STOP "$(child_of_daemon file)"
	[[ $(ask 'override off') == ok ]]
	kill -KILL "$(child_of_daemon file)"
	wait_until 20 eval '[[ ! -s $SOCKET.override ]]'
	wait_until 20 log_says 'the filer is there again'
	ask 'override high 600 again'
	wait_until 10 is_kept high
	[[ $(ask 'override off') == ok ]]
	stop_daemon
	watch_only "$CALM_SPOOL"
	is_open
}

@test "a keeper that is stopped: answers go on, it is told, and what died comes back once it goes on" {
	local before
	manage
	watch_only "$CALM_SPOOL"
	kill -STOP "$(keeper_pid)"
	before=$(child_of_daemon file)
	kill -KILL "$before"
	stands_still 2
	log_says 'warning: the keeper of the helper processes was stopped by somebody'
	[ "$(field '.processes[] | select(.name == "filer") | .state')" = away ]
	wait_until 30 log_says 'warning: the filer is still not there: no override is kept'
	kill -CONT "$(keeper_pid)"
	wait_until 20 another_child_than file "$before"
	stop_daemon
}

@test "a loader that is stopped: what needs no probe is answered, by polling" {
	need_bpf
	manage
	AWAIT_LOADER=no
	# shellcheck disable=SC2016
	background stopper bash -c 'for ((;;)); do pkill -STOP -x spoolgate-load -P "$(cat "$1" 2>/dev/null || echo 1)" && break; read -rt 0.01 <> <(:); done' - "$SCRATCH/pid"
	# shellcheck disable=SC2016
	DAEMON_UNDER+=(bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$SCRATCH/pid")
	start_daemon "$CALM" "$CALM_SPOOL"
	stands_still 2
	pkill -CONT -x spoolgate-load -P "$DAEMON" || true
	end_process "${BACKGROUND[-1]}" || true
	unset 'BACKGROUND[-1]'
}
