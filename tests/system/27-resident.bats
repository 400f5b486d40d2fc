#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What clients and a long life make the daemon hold, and that it gives it back: resident memory is
# the start's within a minute of each, give or take 256 KiB. A tenth of what is promised; all of it is
#   SPOOLGATE_RESIDENT=1 TEST_TIMEOUT=1800 SUITE_TIMEOUT=1800 tests/run system/27-resident
#
# Alone: it measures resident memory, and floods.

load lib
load watch

PART=${SPOOLGATE_RESIDENT:+1}
PART=${PART:-10}
NEAR=256         # KiB
GROWTH=$((4096 + 512)) # KiB: what clients may take, and what malloc(3) makes of it

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	watch_only "$(filesystem "$SCRATCH/spool" 1M 512K 1s)" \
		"listen \"p\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/policy\" }"
	# Each way of answering once: what is taken at the first time is not what is looked for.
	clients slowest "$SOCKET" 10
	clients levels "$SOCKET" 4
	ask status >/dev/null
	sleep 3
	BASE=$(resident_kib)
}

clients() {
	"$BUILD/tests/system/clients" "$@"
}

resident_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status"
}

peak_kib() {
	awk '/^VmHWM/ { print $2 }' "/proc/$DAEMON/status"
}

forget_peak() {
	echo 5 >"/proc/$DAEMON/clear_refs"
}

is_near() {
	local now
	now=$(resident_kib)
	((now <= BASE + NEAR && now >= BASE - NEAR))
}

comes_back() { # WHAT
	local begin
	begin=$(now_ms)
	wait_until 60 is_near || { echo "after $1: $(resident_kib) KiB, $BASE at the start"; return 1; }
	tell "after $1: $(($(resident_kib) - BASE)) KiB more than $BASE, within $((($(now_ms) - begin) / 1000)) s"
}

# COUNT clients that do as JOB says; others are answered meanwhile, and a watcher that reads hears.
# A connection of a listener takes 1.5 KiB that do not count.
crowd_of() { # JOB SOCKET COUNT
	local crowd line growth=$GROWTH
	[[ $2 == "$SOCKET" ]] || growth=$((GROWTH + $3 * 3 / 2))
	forget_peak
	coproc WATCHER { exec socat - "UNIX-CONNECT:$SOCKET" 3>&-; }
	# shellcheck disable=SC2154
	BACKGROUND+=("$WATCHER_PID")
	echo watch >&"${WATCHER[1]}"
	read -rt 20 line <&"${WATCHER[0]}"
	background "$1" "$BUILD/tests/system/clients" "$@"
	crowd=$!
	wait_until 60 grep -q there "$SCRATCH/$1.out"
	ask ping | grep -qx pong
	cli override high
	read -rt 20 line <&"${WATCHER[0]}"
	[[ $line == *'"level":"high"'* ]]
	cli override off
	tell "$3 $1: $(($(peak_kib) - BASE)) KiB more at the most; shed $(counter shed), clients $(counter clients)"
	(($(peak_kib) - BASE <= growth))
	end_process "$crowd" KILL || true
	end_process "$WATCHER_PID" || true
	wait_until 30 nobody_there
}

nobody_there() {
	(($(counter clients) < 3))
}

@test "clients that do not read take 4 MiB at the most, lose alone, and leave nothing behind" {
	crowd_of crowd "$SOCKET" $((PART == 1 ? 3000 : 1500))
	counter_passes shed 1
	grep -q 'clients closed: what they had not read' "$LOG"
	comes_back "clients that did not read"
}

@test "so do those of a listener, whether they do not read or do not end" {
	crowd_of unended "$SCRATCH/policy" 1000
	comes_back "requests that were not ended"
	crowd_of unread "$SCRATCH/policy" 1000
	comes_back "answers that were not read"
}

@test "connections and requests leave nothing behind" {
	clients slowest "$SOCKET" $((100000 / PART))
	comes_back "$((100000 / PART)) connections"
	clients pipeline "$SOCKET" $((1000000 / PART))
	comes_back "$((1000000 / PART)) requests"
}

@test "changes of level leave nothing behind" {
	clients levels "$SOCKET" $((10000 / PART))
	comes_back "$((10000 / PART)) changes of level"
}

reloads_are() { # COUNT
	(($(grep -c 'configuration read again' "$LOG") >= $1))
}

@test "reloads leave nothing behind, the first ones neither" {
	local i
	for ((i = 1; i <= 1000 / PART; i++)); do
		kill -HUP "$DAEMON"
		wait_until 20 reloads_are "$i"
		((i != 3)) || comes_back "3 reloads"
	done
	comes_back "$((1000 / PART)) reloads"
}
