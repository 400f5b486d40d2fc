#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# filter-spoolgate: this is smtpd, in its protocol's words, on the filter's input and output.

load lib
load watch

readonly REPLY='reject|452 4.3.1 Insufficient system resources'

FILTER=''

teardown() {
	# Nothing but the end of its input ends it.
	if [[ $FILTER ]]; then
		exec {smtpd}>&-
		wait_until 20 is_gone "$FILTER"
	fi
	tear_down
}

judge_nothing() { # CONFIG-TEXT...
	watch_only "$(filesystem "$SCRATCH" off off)" "$@"
}

# What smtpd says goes to descriptor $smtpd, answers are in $SCRATCH/answers.
start_filter() { # OPTION...
	mkfifo "$SCRATCH/in"
	SPOOLGATE_SCRATCH=$SCRATCH/ "$BUILD/filter-spoolgate" -s "$SOCKET" "$@" <"$SCRATCH/in" \
		>"$SCRATCH/answers" 2>"$SCRATCH/filter.err" 3>&- &
	FILTER=$!
	exec {smtpd}>"$SCRATCH/in"
	say 'config|smtpd-version|6.8.0p2' 'config|smtp-session-timeout|300' \
		'config|subsystem|smtp-in' 'config|admd|opensmtpd.test' 'config|ready'
	wait_until 20 grep -qx 'register|ready' "$SCRATCH/answers"
}

say() { # LINE...
	printf '%s\n' "$@" >&"$smtpd"
}

# A session of its own for each, numbered; VERSION is the protocol's.
VERSION=0.6
connect() { # SESSION ADDRESS
	say "report|$VERSION|1795455491.133657|smtp-in|link-connect|$(printf %016x "$1")|x|pass|$2:35664|127.0.0.1:25"
}

login() { # SESSION USER
	local rest="$2|pass"
	[[ $VERSION == 0.7 ]] && rest="pass|$2"
	say "report|$VERSION|1795455491.133657|smtp-in|link-auth|$(printf %016x "$1")|$rest"
}

mail() { # SESSION TOKEN [SIZE]
	local session token
	session=$(printf %016x "$1") token=$(printf %016x "$2")
	say "report|$VERSION|1795455491.291188|smtp-in|protocol-client|$session|MAIL FROM:<a@client.test>${3:+ SIZE=$3}" \
		"filter|$VERSION|1795455491.291609|smtp-in|mail-from|$session|$token|a@client.test"
}

answers_to() { # TOKEN
	grep "^filter-result|[0-9a-f]*|$(printf %016x "$1")|" "$SCRATCH/answers" | cut -d'|' -f4-
}

has_answer() { # TOKEN
	[[ $(answers_to "$1") ]]
}

TOKEN=0
# One request more, in SESSION; its answer, and only one.
answer_is() { # ANSWER SESSION [SIZE]
	TOKEN=$((TOKEN + 1))
	mail "$2" "$TOKEN" ${3:+"$3"}
	wait_until 20 has_answer "$TOKEN"
	[[ $(answers_to "$TOKEN") == "$1" ]]
}

filter_says() { # PATTERN
	grep -qE -- "$1" "$SCRATCH/filter.err"
}

answered() { # COUNT
	(($(grep -c '^filter-result|' "$SCRATCH/answers") >= $1))
}

# A line that begins with "!" cannot fail a test.
not() { # COMMAND...
	! "$@"
}

# All that smtpd takes: anything else ends it.
only_known_lines() {
	! grep -vE '^(register\|(report|filter)\|smtp-in\|[a-z-]+|register\|ready|filter-result\|[0-9a-f]{16}\|[0-9a-f]{16}\|(proceed|reject\|4[0-9]{2} [ -~]+))$' \
		"$SCRATCH/answers"
}

@test "it registers for what it needs, and answers" {
	judge_nothing
	start_filter
	[[ $(cat "$SCRATCH/answers") == 'register|report|smtp-in|link-connect
register|report|smtp-in|link-disconnect
register|report|smtp-in|link-auth
register|report|smtp-in|tx-commit
register|report|smtp-in|tx-rollback
register|report|smtp-in|protocol-client
register|filter|smtp-in|mail-from
register|ready' ]]
	connect 1 192.0.2.1
	answer_is proceed 1
	only_known_lines
}

closed_by_hand() {
	connect 1 192.0.2.1
	connect 2 192.0.2.2
	login 2 alice
	connect 3 127.0.0.1
	connect 4 '[2001:db8::1]'
	say "report|$VERSION|1|smtp-in|link-connect|0000000000000005|localhost|pass|unix:/var/run/smtpd.sock|unix:/var/run/smtpd.sock"
	cli override medium
	answer_is "$REPLY" 1
	answer_is "$REPLY" 4
	answer_is proceed 2
	answer_is proceed 3
	answer_is proceed 5
	# A session that we were not told of is a stranger's.
	answer_is "$REPLY" 6
	cli override high
	answer_is "$REPLY" 2
	answer_is proceed 3
	say "report|$VERSION|1|smtp-in|link-disconnect|0000000000000003"
	answer_is "$REPLY" 3
	cli override normal
	answer_is proceed 1
	only_known_lines
}

@test "closed by hand, protocol 0.6: strangers at medium, users at high, internal never" {
	judge_nothing
	start_filter
	closed_by_hand
}

@test "closed by hand, protocol 0.7" {
	VERSION=0.7
	judge_nothing
	start_filter
	closed_by_hand
}

@test "the internal networks are those of -n" {
	judge_nothing
	start_filter -n 192.0.2.0/24
	cli override high
	connect 1 192.0.2.1
	connect 2 127.0.0.1
	answer_is proceed 1
	answer_is "$REPLY" 2
}

@test "a really full filesystem closes it, room opens it" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" 40M 10M)" 'admission { ramp = "0s" }'
	start_filter
	connect 1 192.0.2.1
	answer_is proceed 1
	fill_to "$MOUNT" 25 "$MOUNT/mail"
	wait_until 30 is_closed
	answer_is "$REPLY" 1
	remove "$MOUNT/mail"
	wait_until 30 is_open
	wait_until 30 answer_is proceed 1
}

@test "the size that MAIL said must fit, though smtpd's request does not tell it" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" off 100M)" 'admission { ramp = "0s" }'
	start_filter
	connect 1 192.0.2.1
	answer_is proceed 1 20000
	answer_is "$REPLY" 1 500000000
	answer_is proceed 1
	answer_is proceed 1 20000
}

# Requests 1 … COUNT of a thousand sessions, in one go.
burst() { # COUNT
	awk -v count="$1" -v version="$VERSION" 'BEGIN { for (i = 1; i <= count; i++)
		printf "report|%s|1|smtp-in|protocol-client|%016x|MAIL FROM:<a@b> SIZE=1000\nfilter|%s|1|smtp-in|mail-from|%016x|%016x|a@b\n", version, i % 1000, version, i % 1000, i + 65536
	}' >&"$smtpd"
}

each_once() { # COUNT
	wait_until 60 answered "$1"
	[[ $(grep '^filter-result|' "$SCRATCH/answers" | cut -d'|' -f3 | sort -u | wc -l) == "$1" ]]
	[[ $(grep -c '^filter-result|' "$SCRATCH/answers") == "$1" ]]
	only_known_lines
}

@test "a thousand requests at once are answered once each" {
	judge_nothing
	start_filter
	burst 1000
	each_once 1000
	[[ $(grep -c '|proceed$' "$SCRATCH/answers") == 1000 ]]
}

@test "and so they are without a daemon, with one line in the log" {
	start_filter
	burst 1000
	each_once 1000
	[[ $(grep -c '|proceed$' "$SCRATCH/answers") == 1000 ]]
	[[ $(wc -l <"$SCRATCH/filter.err") == 1 ]]
	filter_says 'does not answer \(No such file or directory\): mail is accepted'
}

@test "the daemon killed under a flood and started again: each answered once, then asked again" {
	judge_nothing
	start_filter
	cli override high
	connect 2001 192.0.2.1
	answer_is "$REPLY" 2001
	burst 2000 &
	stop_daemon KILL || true
	wait $!
	each_once 2001
	wait_until 40 answer_is proceed 2001
	filter_says 'does not answer'
	judge_nothing # the override is kept
	wait_until 40 answer_is "$REPLY" 2001
	filter_says 'answers again'
	only_known_lines
	not is_gone "$FILTER"
}

@test "the daemon stopped: a thousand requests do not wait for it in turn" {
	watch_only "$(filesystem "$SCRATCH" off 1M)"
	start_filter
	connect 2001 192.0.2.1
	answer_is "$REPLY" 2001 100000000000000000
	kill -STOP "$DAEMON"
	local began
	began=$(now_ms)
	burst 1000
	each_once 1001
	tell "1000 requests, daemon stopped: $(($(now_ms) - began)) ms"
	(($(now_ms) - began < 20000))
	mail 2001 999999 100000000000000000
	wait_until 20 has_answer 999999
	kill -CONT "$DAEMON"
	wait_until 60 answer_is "$REPLY" 2001 100000000000000000
}

@test "a daemon that answers garbage, late, too much or nothing" {
	local i answer
	for answer in 'echo garbage' 'head -c 100000 /dev/urandom' 'true' 'printf "defer 250 Ok\n"' \
		'printf "defer 452 4.3.1 a\\r\\nb\n"' 'printf "accept\naccept\n"' 'echo delay -1'; do
		rm -f "$SOCKET"
		background fake socat "UNIX-LISTEN:$SOCKET,fork" "SYSTEM:$answer"
		local fake=$!
		wait_until 20 test -S "$SOCKET"
		rm -f "$SCRATCH/in" "$SCRATCH/answers"
		start_filter
		for i in 1 2 3; do
			mail 1 "$i"
			wait_until 20 has_answer "$i"
			[[ $(answers_to "$i") == proceed ]]
			sleep 0.4
		done
		only_known_lines
		not is_gone "$FILTER"
		exec {smtpd}>&-
		wait_until 20 is_gone "$FILTER"
		FILTER=
		end_process "$fake" || true
	done
}

@test "a delay holds nobody else up, and ends with its session" {
	judge_nothing 'admission { medium { inbound = "delay 3" } }'
	start_filter
	cli override medium
	local i began
	connect 500 127.0.0.1
	began=$(now_ms)
	for i in $(seq 300); do
		mail "$i" "$((i + 10000))"
	done
	answer_is proceed 500
	(($(now_ms) - began < 2500)) || skip "too slow a host to tell"
	say "report|$VERSION|1|smtp-in|link-disconnect|$(printf %016x 300)"
	not has_answer 10001
	wait_until 30 answered 300 # 299 delayed ones and that of 500
	(($(now_ms) - began >= 3000))
	sleep 1
	not has_answer 10300
	[[ $(grep -c '^filter-result|' "$SCRATCH/answers") == 300 ]]
	only_known_lines
}

@test "garbage from smtpd is passed over, and told with restraint" {
	judge_nothing
	start_filter
	say '' 'hello' 'filter|' 'filter|0.6|1|smtp-in|mail-from|xyz|1|a' 'report|0.6'
	head -c 200000 /dev/zero | tr '\0' x >&"$smtpd"
	say ''
	head -c 100000 /dev/urandom >&"$smtpd"
	say ''
	connect 1 192.0.2.1
	answer_is proceed 1
	# An unexpected phase: whoever asks is answered.
	say 'filter|0.6|1|smtp-in|commit|0000000000000001|00000000000000ff|'
	wait_until 20 has_answer 255
	only_known_lines
	filter_says 'no line of smtpd.s filter protocol \(1 so far\)'
	(($(wc -l <"$SCRATCH/filter.err") <= 6))
}

@test "a request of 100000 bytes is answered" {
	judge_nothing
	start_filter
	{
		printf 'filter|0.6|1|smtp-in|mail-from|0000000000000001|00000000000000aa|'
		head -c 100000 /dev/zero | tr '\0' x
		echo
	} >&"$smtpd"
	wait_until 20 has_answer 170
	answer_is proceed 1
}

@test "an smtpd that does not read holds it up, and loses nothing" {
	judge_nothing
	mkfifo "$SCRATCH/in" "$SCRATCH/out"
	SPOOLGATE_SCRATCH=$SCRATCH/ "$BUILD/filter-spoolgate" -s "$SOCKET" <"$SCRATCH/in" \
		>"$SCRATCH/out" 2>"$SCRATCH/filter.err" 3>&- &
	FILTER=$!
	exec {smtpd}>"$SCRATCH/in" {reading}<"$SCRATCH/out"
	say 'config|ready'
	burst 20000 &
	local writer=$!
	sleep 2
	not is_gone "$writer" # its pipe is full
	(($(awk '/^VmRSS:/ { print $2 }' "/proc/$FILTER/status") < 32768))
	timeout 60 head -n 20008 <&"$reading" >"$SCRATCH/answers"
	wait "$writer"
	each_once 20000
	exec {reading}<&-
}

@test "no signal ends it, the end of its input does" {
	judge_nothing
	start_filter
	local signal status=0
	for signal in HUP INT TERM PIPE USR1 USR2 ALRM; do
		kill -"$signal" "$FILTER"
	done
	connect 1 192.0.2.1
	answer_is proceed 1
	exec {smtpd}>&-
	wait_until 20 is_gone "$FILTER"
	wait "$FILTER" || status=$?
	FILTER=
	((status == 0))
}

@test "the command line says what is wrong" {
	run "$BUILD/filter-spoolgate" -n mail.example.org </dev/null
	((status == 64))
	[[ $output == 'filter-spoolgate: -n: "mail.example.org" is no network; allowed: '* ]]
	run "$BUILD/filter-spoolgate" -x </dev/null
	((status == 64))
	run "$BUILD/filter-spoolgate" something </dev/null
	((status == 64))
	run "$BUILD/filter-spoolgate" -s "$(printf '%0200d' 0)" </dev/null
	((status == 64))
	run "$BUILD/filter-spoolgate" -V </dev/null
	((status == 0))
	[[ $output == "filter-spoolgate "* ]]
}

# What is promised fades, by seconds.
promised_is() { # BYTES
	local -i promised
	promised=$(field .counters.promised_bytes)
	echo "promised: $promised"
	((promised <= $1 && promised >= $1 / 2))
}

ends() { # SESSION EVENT [REST]
	say "report|$VERSION|1795455491.3|smtp-in|$2|$(printf %016x "$1")${3:+|$3}"
}

@test "a message is promised its size until smtpd tells its end" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" off 100M)" 'admission { ramp = "0s" }'
	start_filter
	connect 1 192.0.2.1
	connect 2 192.0.2.2
	answer_is proceed 1 9000000
	answer_is proceed 2 8000000
	promised_is 17000000
	ends 1 tx-commit '1a2b3c4d|9000000'
	wait_until 10 promised_is 8000000
	answer_is proceed 1 7000000
	ends 1 tx-rollback 1a2b3c4d
	wait_until 10 promised_is 8000000
	ends 2 link-disconnect
	wait_until 10 promised_is 0
	only_known_lines
}
