#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The state socket of the real daemon, with good clients and bad ones.

load lib
load watch

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	watch_only "$(filesystem "$SCRATCH/spool" 1M 512K 1s)"
}

clients() {
	"$BUILD/tests/system/clients" "$1" "$SOCKET" "$2"
}

# What a polite client sees while the others are as they are.
others_undisturbed() {
	local slowest
	# As in 12-frozen: within 50 ms, in one of three tries.
	for _ in 1 2 3; do
		slowest=$(clients slowest 50)
		tell "$1: the slowest of 50 answers took $slowest ms"
		((${slowest%.*} >= 50)) || break
	done
	((${slowest%.*} < 50))
	is_open
	has_resource free-space "$SCRATCH/spool"
}

# Bytes from stdin, as they are, then the end of input; the answer is on stdout.
raw() {
	timeout 10 socat -t 5 - "UNIX-CONNECT:$SOCKET"
}

@test "10 000 pipelined requests on one connection are all answered" {
	local before
	before=$(counter requests)
	clients pipeline 10000
	[ $(($(counter requests) - before)) -ge 10000 ]
	others_undisturbed "after 10 000 requests"
}

@test "500 connections at once are all answered, twice, and let go of" {
	clients together 500
	wait_until 20 few_clients
	[ "$(counter dropped)" -eq 0 ]
	is_open
}

few_clients() {
	(($(counter clients) < 10))
}

@test "a client that never reads does not disturb the others" {
	local before
	before=$(resident_kib)
	background mute "$BUILD/tests/system/clients" mute "$SOCKET" 1000000
	background mute "$BUILD/tests/system/clients" mute "$SOCKET" 1000000
	sleep 1
	others_undisturbed "with clients that read nothing"
	clients pipeline 1000
	tell "$(($(resident_kib) - before)) KiB for two clients that have a million answers to come"
	[ $(($(resident_kib) - before)) -lt 4096 ]
}

resident_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status"
}

@test "a line of 1 MiB is refused and its connection closed; the others are not disturbed" {
	run bash -c 'head -c 1M /dev/zero | tr "\0" x | timeout 10 socat -t 5 - "UNIX-CONNECT:$1"' - "$SOCKET"
	[[ $output == *"error line longer than 512 bytes"* ]]
	[ "${#output}" -lt 300 ]
	others_undisturbed "after a line of 1 MiB"
	[ "$(head -c 513 /dev/zero | tr '\0' x | raw)" = "error line longer than 512 bytes" ]
	counter_passes dropped 1
}

@test "NUL bytes get an error, and the connection stays open" {
	[ "$(printf 'admission\0inbound\nadmission\n\0\nping\n' | raw)" = \
		"$(printf '%s\n' 'error NUL byte in the request: allowed is text' accept \
			'error NUL byte in the request: allowed is text' pong)" ]
	head -c 65536 /dev/urandom | raw >/dev/null || true
	others_undisturbed "after NUL and random bytes"
}

@test "a client that half-closes, as Exim does, gets its answer and the end of it" {
	local begin
	begin=$(now_ms)
	[ "$(printf 'admission inbound 1000\n' | timeout 10 socat -t 9 - "UNIX-CONNECT:$SOCKET")" = accept ]
	[ "$(printf 'admission inbound 1000' | timeout 10 socat -t 9 - "UNIX-CONNECT:$SOCKET")" = accept ]
	# Without the daemon's own close socat would have waited its 9 s.
	[ $(($(now_ms) - begin)) -lt 8000 ]
}

@test "every request has one line for an answer, wrong ones say what is allowed" {
	local answers
	mapfile -t answers < <(printf '%s\n' ping admission 'admission submission' \
		'admission internal 12345 192.0.2.1' 'admission inbound -1' 'admission nobody' \
		'admission inbound many' 'admission inbound 1 somewhere' admision '' leaf | raw)
	[ "${#answers[@]}" -eq 11 ]
	[ "${answers[*]:0:5}" = "pong accept accept accept accept" ]
	[[ ${answers[5]} == 'error unknown class "nobody": allowed are inbound, submission, internal, client' ]]
	[[ ${answers[6]} == 'error bad size "many": allowed are '* ]]
	[[ ${answers[7]} == 'error bad address "somewhere": allowed are '* ]]
	[[ ${answers[8]} == 'error unknown request "admision": allowed are '* ]]
	[[ ${answers[9]} == 'error empty request: allowed are '* ]]
	[[ ${answers[10]} == error* ]]
	[ "$(counter errors)" -eq 6 ]
}

@test "the class of a client can be left to its address" {
	local answers
	cli override high
	mapfile -t answers < <(printf '%s\n' 'admission client -1 127.0.0.1' 'admission client -1 IPv6:::1' \
		'admission client -1 local' 'admission client 5 ::ffff:127.0.0.1' \
		'admission client -1 203.0.113.1' 'admission client -1 unknown' 'admission client' \
		'admission inbound -5 fe80::1%eth0' 'admission inbound  203.0.113.1' \
		'admission inbound 99999999999999999999' | raw)
	[ "${answers[*]:0:4}" = 'accept accept accept accept' ]
	[ "$(printf '%s\n' "${answers[@]:4}" | sort | uniq -c | sed 's/^ *//')" = \
		'6 defer 452 4.3.1 Insufficient system resources' ]
	[ "$(counter errors)" -eq 0 ]
	run cli check client 0 local
	[ "$status $output" = '0 accept' ]
	run cli check client 0 fe80::1%eth0
	[ "$status" -eq 75 ]
	cli override off
}

@test "the status is one line of JSON with all that is promised" {
	local status
	status=$(ask status)
	[ "$(wc -l <<<"$status")" -eq 1 ]
	jq -e '.version and .mode == "enforce" and .level == "normal"
		and (.since | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(Z|[+-][0-9:]{5})$"))
		and .admission == {inbound: "accept", submission: "accept", internal: "accept"}
		and .reasons == [] and .override == null and .gate.state == "off"
		and (.resources | length > 3) and .writers == []
		and (.backend | has("writes")) and (.counters | has("wakeups"))' <<<"$status"
	jq -e 'all(.resources[]; has("name") and has("object") and has("unit") and has("value")
		and has("level") and has("enter") and has("leave") and has("forecast_s"))' <<<"$status"
}

@test "a watcher gets the present state, then each change; two requests more do not hurt" {
	mkfifo "$SCRATCH/requests"
	# shellcheck disable=SC2016
	background watcher bash -c 'exec socat - "UNIX-CONNECT:$1" <>"$2"' - "$SOCKET" "$SCRATCH/requests"
	echo watch >"$SCRATCH/requests"
	wait_until 20 test -s "$SCRATCH/watcher.out"
	dd if=/dev/zero of="$SCRATCH/spool/file" bs=64K count=244 status=none
	wait_until 30 is_closed
	rm "$SCRATCH/spool/file"
	wait_until 30 is_open
	[ "$(jq -r .level "$SCRATCH/watcher.out" | tr '\n' ' ')" = "normal medium normal " ]
	[ "$(jq -r .admission.inbound "$SCRATCH/watcher.out" | sed -n 2p)" = "$DEFER" ]
	printf 'ping\nadmission\n' >"$SCRATCH/requests"
	wait_until 20 grep -qx accept "$SCRATCH/watcher.out"
	grep -qx pong "$SCRATCH/watcher.out"
}

@test "the socket has the mode that the configuration says" {
	[ "$(stat -c %a "$SOCKET")" = 660 ]
	stop_daemon
	watch_only 'state { mode = "0640" group = "nogroup" }' "$(filesystem "$SCRATCH/spool" 1M 512K)"
	[ "$(stat -c '%a %G' "$SOCKET")" = "640 nogroup" ]
}

@test "a socket that a killed daemon left is replaced, one that answers is not" {
	stop_daemon KILL || true
	[ -S "$SOCKET" ]
	watch_only "$(filesystem "$SCRATCH/spool" 1M 512K)"
	is_open
	run "$BUILD/spoolgated" -c "$CONFIG" -s "$SOCKET"
	[ "$status" -eq 69 ]
	[[ $output == *"$SOCKET"*"another"* ]]
	is_open
	stop_daemon
	[ ! -e "$SOCKET" ]
}

@test "a file in the socket's place is not touched" {
	stop_daemon
	echo mine >"$SOCKET"
	run "$BUILD/spoolgated" -c "$CONFIG" -s "$SOCKET"
	[ "$status" -ne 0 ]
	[ "$(cat "$SOCKET")" = mine ]
}
