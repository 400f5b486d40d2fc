#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Postfix's policy delegation: the real daemon on a real socket, over a spool that really fills.
#
# Alone: it counts milliseconds.

load lib
load watch

readonly DUNNO='action=DUNNO'
readonly REFUSED='action=452 4.3.1 Insufficient system resources'

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	POLICY=$SCRATCH/spool/spoolgate/policy
}

teardown() {
	tear_down
}

# The block as in the sample, on the filesystem that is watched.
listener() { # [MORE]
	printf 'listen "postfix" { protocol = "postfix-policy" address = "unix:%s" %s }\n' "$POLICY" "$*"
}

# Medium below 8 MiB, high below 2 MiB.
start() { # MORE-BLOCKS...
	watch_only "$(filesystem "$SCRATCH/spool" 8M 2M)" "$@"
}

fill() { # MIB
	dd if=/dev/zero of="$SCRATCH/spool/file" bs=1M count="$1" status=none
}

# The text of a request.
request() { # ADDRESS [SIZE [USER [INSTANCE [STATE]]]]
	printf '%s\n' request=smtpd_access_policy "protocol_state=${5:-RCPT}" protocol_name=ESMTP \
		"client_address=$1" client_name=unknown helo_name=client.test sender=a@client.test \
		recipient=r@sink.test recipient_count=0 queue_id= "instance=${4:-}" "size=${2:-0}" \
		stress= sasl_method= "sasl_username=${3:-}" encryption_protocol= ''
}

# Answers without their empty lines, to requests on stdin.
ask_policy() { # [SOCAT-ADDRESS]
	timeout 30 socat -t 20 - "${1:-UNIX-CONNECT:$POLICY}" | grep -v '^$'
}

says() { # ANSWER ADDRESS [SIZE [USER [INSTANCE [STATE]]]]
	local want=$1
	shift
	[[ $(request "$@" | ask_policy) == "$want" ]]
}

listened() { # MEMBER
	field ".listeners[0].$1"
}

@test "open, medium, high: strangers, users and filters are told what their class is" {
	start "$(listener)" 'admission { ramp = "0s" }'
	says "$DUNNO" 203.0.113.1
	fill 10
	wait_until 5 says "$REFUSED" 203.0.113.1
	says "$DUNNO" 203.0.113.1 0 user
	says "$DUNNO" 127.0.0.1
	says "$DUNNO" ::1
	says "$REFUSED" unknown
	fill 15
	wait_until 5 says "$REFUSED" 203.0.113.1 0 user
	says "$REFUSED" 2001:db8::1
	says "$DUNNO" 127.0.0.1
	rm "$SCRATCH/spool/file"
	wait_until 10 says "$DUNNO" 203.0.113.1 0 user
}

@test "networks named as internal are, and the reply is the configured one" {
	start "$(listener)" 'classes { internal = {"192.0.2.0/25", "2001:db8:1::/48"} }' \
		'admission { reply = "451 4.3.2 Later" }'
	fill 10
	wait_until 5 says 'action=451 4.3.2 Later' 192.0.2.128
	says "$DUNNO" 192.0.2.127
	says "$DUNNO" ::ffff:192.0.2.1
	says "$DUNNO" 2001:db8:1::25
	says 'action=451 4.3.2 Later' 127.0.0.1
}

@test "one transaction hears one verdict, though the spool fills meanwhile" {
	start "$(listener)"
	mkfifo "$SCRATCH/smtpd"
	# shellcheck disable=SC2016
	background smtpd bash -c 'exec socat - "UNIX-CONNECT:$1" <>"$2"' - "$POLICY" "$SCRATCH/smtpd"
	request 203.0.113.1 100 '' 1a.2b.0 >"$SCRATCH/smtpd"
	wait_until 5 heard 1 "$DUNNO"
	fill 10
	wait_until 5 is_closed
	request 203.0.113.1 100 '' 1a.2b.0 >"$SCRATCH/smtpd"
	request 203.0.113.1 100 '' 1a.2b.0 DATA >"$SCRATCH/smtpd"
	request 203.0.113.1 100 '' 1a.2b.1 >"$SCRATCH/smtpd"
	wait_until 5 heard 4 "$REFUSED"
	[ "$(grep -c "^$DUNNO" "$SCRATCH/smtpd.out")" -eq 3 ]
}

heard() { # COUNT LAST
	[[ $(grep -c . "$SCRATCH/smtpd.out") -eq $1 ]] &&
		[[ $(grep . "$SCRATCH/smtpd.out" | tail -n 1) == "$2" ]]
}

@test "a message that is too large is refused, a small one is not; both are promised once" {
	local promised
	start "$(listener)"
	says "$REFUSED" 203.0.113.1 20000000 '' a.1
	for _ in 1 2 3; do request 203.0.113.1 100000 '' a.2; done | ask_policy >"$SCRATCH/answers"
	[ "$(sort -u "$SCRATCH/answers")" = "$DUNNO" ]
	promised=$(field .counters.promised_bytes)
	((promised <= 100000 && promised > 80000))
}

@test "delay holds the reply, and nobody else's; who leaves is let go" {
	local begin
	start "$(listener 'timeout = "5s"')" 'admission { medium { inbound = "delay 3" } }'
	fill 10
	wait_until 5 admits inbound 'delay 3'
	begin=$(now_ms)
	# shellcheck disable=SC2016
	background held bash -c '{ cat "$1"; sleep 8; } | socat - "UNIX-CONNECT:$2"' - \
		<(request 203.0.113.1) "$POLICY"
	wait_until 3 listened_is requests 1
	for _ in {1..20}; do says "$DUNNO" 127.0.0.1; done
	[ ! -s "$SCRATCH/held.out" ]
	wait_until 10 grep -q "$DUNNO" "$SCRATCH/held.out"
	[ $(($(now_ms) - begin)) -ge 2990 ]
}

listened_is() { # MEMBER VALUE
	[[ $(listened "$1") == "$2" ]]
}

@test "a delay that the snippet does not wait for is refused, with its line" {
	printf '%s\n' 'admission { medium { inbound = "delay 10" } }' "$(listener)" >"$CONFIG"
	run "$BUILD/spoolgated" -n -c "$CONFIG"
	[ "$status" -eq 78 ]
	[[ $output == *"$CONFIG:2: "*"delayed by 10 s at medium"* ]]
}

@test "what is no request gets no reply, costs nobody else anything, and is said once" {
	start "$(listener)"
	[ -z "$(printf 'hello\n\n' | ask_policy)" ]
	[ -z "$(printf 'a\0b\n\n' | ask_policy)" ]
	[ -z "$(head -c 1M /dev/urandom | ask_policy || true)" ]
	[ -z "$(head -c 1M /dev/zero | tr '\0' x | ask_policy || true)" ]
	says "$DUNNO" 203.0.113.1
	[ "$(listened dropped)" -eq 4 ]
	log_says '^warning: listen "postfix": connection closed: not a policy request'
	[ "$(log_counts 'connection closed')" -eq 1 ]
}

# Without an answer the mail server takes the mail.
@test "sizes and addresses that are none are no reason not to answer" {
	local value
	start "$(listener)" 'classes { internal = {"127.0.0.0/8", "::1/128", "fe80::/10"} }'
	fill 10
	wait_until 5 says "$REFUSED" 203.0.113.1
	for value in '' -1 +1 1000/x ' 1' 0x10 99999999999999999999 "$(printf '%01000d' 1)" 1k; do
		says "$REFUSED" 203.0.113.1 "$value"
	done
	for value in '' unknown '[UNAVAILABLE]' ::ffff:203.0.113.1 '[203.0.113.1]' IPv6:2001:db8::1 2001:db8::1%eth0 \
		localhost 127.0.0.1.example.org "$(printf '%01000d' 1)"; do
		says "$REFUSED" "$value"
	done
	for value in fe80::1%eth0 IPv6:fe80::1%eth0 '[127.0.0.1]' ::ffff:127.0.0.1 IPv6:::1 local; do
		says "$DUNNO" "$value"
	done
	says "$REFUSED" 203.0.113.1 0 '' "$(printf '%01000d' 1)"
	[ "$(listened dropped)" -eq 0 ]
}

# Places as the file limit has room for: the usual one of a shell, raised to a service's.
@test "more than a thousand smtpd, all answered; with fewer places than smtpd the status says so" {
	local before
	DAEMON_UNDER=(prlimit --nofile=1024:8192)
	start "$(listener)"
	[ "$(listened places)" -eq 3413 ]
	before=$(field .counters.lacked)
	"$BUILD/tests/system/policy" "$POLICY" 2500 2 0 0
	[ "$(listened requests)" -eq 5000 ]
	[ "$(listened dropped) $(listened lacked) $before" = '0 0 0' ]
	stop_daemon
	DAEMON_UNDER=(prlimit --nofile=512:512)
	start "$(listener)"
	DAEMON_UNDER=()
	[ "$(listened places)" -eq 128 ]
	# The dead make room once they have been quiet for a second; the others are all answered.
	"$BUILD/tests/system/policy" "$POLICY" 60 2 0 100
	[ "$(listened requests)" -eq 120 ]
	[ "$(listened lacked)" -ge 32 ]
	[ "$(listened dropped)" -ge 32 ]
	[ "$(log_counts '^warning: listen "postfix": no place for another connection')" -eq 1 ]
	cli status
	[[ $(cli status) == *' times there was no place for another: of 128 '* ]]
}

# What is promised is an answer's time where the processor is there to give it: the best of up to
# five runs. That none is dropped or lost, and that none takes long, is promised of each.
@test "300 smtpd at once, with 100 that are slow or dead: an answer within 5 ms" {
	local median p99 slowest run
	start "$(listener)"
	for run in 1 2 3 4 5; do
		read -r median p99 slowest < <("$BUILD/tests/system/policy" "$POLICY" 300 20 50 50)
		tell "300 sessions: median $median ms, p99 $p99 ms, slowest $slowest ms"
		[ "${p99%.*}" -lt 500 ]
		[ "$(listened requests)" -eq $((run * 6000)) ]
		[ "$(listened dropped)" -eq 0 ]
		wait_until 10 listened_is connections 0
		((${p99%.*} >= 5)) || break
	done
	[ "${p99%.*}" -lt 5 ]
}

@test "the socket is in a directory of the daemon's, and both are as configured" {
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH/spool" 8M 2M)" \
		"$(listener 'mode = "0620" group = "mail"')"
	[ "$(stat -c '%a %G' "$POLICY")" = '620 mail' ]
	[ "$(stat -c '%a %U' "${POLICY%/*}")" = '755 nobody' ]
	says "$DUNNO" 203.0.113.1
	stop_daemon
	[ ! -e "$POLICY" ]
}

@test "it comes back after kill -9, in place of the socket that was left" {
	start "$(listener)"
	stop_daemon KILL || true
	[ -S "$POLICY" ]
	start "$(listener)"
	says "$DUNNO" 203.0.113.1
}

@test "a listener that cannot be opened is warned of, and the others work" {
	local port=$((20000 + RANDOM % 10000))
	background taken socat "TCP4-LISTEN:$port,bind=127.0.0.1,fork" /dev/null
	wait_until 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
	start 'listen "lost" { protocol = "socketmap" address = "unix:/no/such/place/map" }' \
		"listen \"taken\" { protocol = \"socketmap\" address = \"inet:127.0.0.1:$port\" }" "$(listener)"
	log_says '^warning: listen "lost": cannot listen on unix:/no/such/place/map: No such file'
	log_says "^warning: listen \"taken\": cannot listen on inet:127.0.0.1:$port: Address already in use"
	says "$DUNNO" 203.0.113.1
	[ "$(field '[.listeners[].state] | join(" ")')" = 'closed closed open' ]
}

@test "TCP, IPv4 and IPv6: with the sandbox on, as another user" {
	local port=$((20000 + RANDOM % 10000))
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH/spool" 8M 2M)" \
		"listen \"four\" { protocol = \"postfix-policy\" address = \"inet:127.0.0.1:$port\" }" \
		"listen \"six\" { protocol = \"postfix-policy\" address = \"inet:[::1]:$port\" }"
	[ "$(request 203.0.113.1 | ask_policy "TCP4:127.0.0.1:$port")" = "$DUNNO" ]
	[ "$(request 203.0.113.1 | ask_policy "TCP6:[::1]:$port")" = "$DUNNO" ]
}

# As the bridge of a container that starts after us.
@test "an address that comes later is listened on once it is there" {
	touch "$SCRATCH/net"
	unshare --net="$SCRATCH/net" ip link set lo up || skip "no network namespaces here"
	DAEMON_UNDER=(nsenter "--net=$SCRATCH/net")
	start 'listen "four" { protocol = "postfix-policy" address = "inet:192.0.2.1:10040" }' \
		'listen "six" { protocol = "postfix-policy" address = "inet:[2001:db8::1]:10040" }'
	log_says '^warning: listen "four": this host has no address of inet:192.0.2.1:10040 yet: '
	log_says '^warning: listen "six": this host has no address of inet:\[2001:db8::1\]:10040 yet: '
	nsenter "--net=$SCRATCH/net" ip address add 192.0.2.1/24 dev lo
	nsenter "--net=$SCRATCH/net" ip address add 2001:db8::1/64 dev lo nodad
	[ "$(request 203.0.113.1 | asked_inside TCP4:192.0.2.1:10040)" = "$DUNNO" ]
	[ "$(request 203.0.113.1 | asked_inside 'TCP6:[2001:db8::1]:10040')" = "$DUNNO" ]
}

asked_inside() { # SOCAT-ADDRESS
	timeout 30 nsenter "--net=$SCRATCH/net" socat -t 20 - "$1" | grep -v '^$'
}

@test "a reload keeps what is unchanged with its connections, and opens and closes the rest" {
	mkdir -m 0777 "$SCRATCH/any"
	start "$(listener)" "listen \"b\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/b\" }"
	mkfifo "$SCRATCH/smtpd"
	# shellcheck disable=SC2016
	background smtpd bash -c 'exec socat - "UNIX-CONNECT:$1" <>"$2"' - "$POLICY" "$SCRATCH/smtpd"
	request 203.0.113.1 >"$SCRATCH/smtpd"
	wait_until 5 heard 1 "$DUNNO"
	reload "$(filesystem "$SCRATCH/spool" 8M 2M)" "$(listener)" \
		"listen \"c\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/any/c\" }" \
		'listen "d" { protocol = "postfix-policy" address = "inet:127.0.0.1:20001" }'
	[ ! -e "$SCRATCH/b" ]
	[ "$(request 203.0.113.1 | ask_policy "UNIX-CONNECT:$SCRATCH/any/c")" = "$DUNNO" ]
	log_says '^warning: listen "d": inet:127.0.0.1:20001 needs a restart'
	request 203.0.113.1 >"$SCRATCH/smtpd"
	wait_until 5 heard 2 "$DUNNO"
}

@test "what only a restart can change of a listener is named, and it goes on as it is" {
	start "$(listener)"
	reload "$(filesystem "$SCRATCH/spool" 8M 2M)" "$(listener 'mode = "0600"')"
	log_says '^warning: listen "postfix": protocol, mode, owner and group of .* need a restart'
	[ "$(stat -c %a "$POLICY")" = 660 ]
	says "$DUNNO" 203.0.113.1
}

@test "without privileges a reload opens what it may, and names what it may not" {
	mkdir "$SCRATCH/open"
	chown nobody "$SCRATCH/open"
	chmod 0755 "$SCRATCH/spool"
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH/spool" 8M 2M)"
	printf '%s\n' 'user = "nobody"' "$CALM" "$(filesystem "$SCRATCH/spool" 8M 2M)" \
		"listen \"a\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/open/a\" }" \
		"listen \"b\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/open/b\" group = \"mail\" }" \
		"$(listener)" >"$CONFIG"
	chmod 0644 "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 5 log_says 'configuration read again'
	[ "$(request 203.0.113.1 | ask_policy "UNIX-CONNECT:$SCRATCH/open/a")" = "$DUNNO" ]
	log_says '^warning: listen "b": unix:.* needs a restart'
	log_says '^warning: listen "postfix": unix:.* needs a restart'
	[ ! -e "$SCRATCH/open/b" ]
	[ "$(field '[.listeners[].state] | join(" ")')" = 'open closed closed' ]
}

@test "a spool that hangs at the start costs its listener, not the daemon" {
	umount "$SCRATCH/spool"
	loop_mount ext4 64
	POLICY=$MOUNT/spoolgate/policy
	mkdir "$MOUNT/spoolgate"
	freeze "$MOUNT" 20
	watch_only "$(filesystem "$MOUNT" 8M 2M)" "$(listener)"
	log_says '^warning: listen "postfix": cannot listen on .*: its filesystem does not answer'
	[ "$(ask ping)" = pong ]
	thaw "$MOUNT"
}

@test "a spool that hangs at the end does not hold the daemon" {
	umount "$SCRATCH/spool"
	loop_mount ext4 64
	POLICY=$MOUNT/spoolgate/policy
	watch_only "$(filesystem "$MOUNT" 8M 2M)" "$(listener)"
	freeze "$MOUNT" 40
	wait_until 30 is_stalled
	says "$REFUSED" 203.0.113.1
	stop_daemon
	thaw "$MOUNT"
}

is_stalled() {
	[[ $(resource free-space "$MOUNT" .stalled_s) != null ]] && is_closed
}

# At once, before anyone knows that it hangs.
@test "a reload right after the spool hung neither waits to remove a socket nor to make one" {
	local begin other
	umount "$SCRATCH/spool"
	loop_mount ext4 64
	mkdir -m 0777 "$MOUNT/spoolgate" # of others, and open to what the daemon has become
	POLICY=$MOUNT/spoolgate/policy
	other="listen \"other\" { protocol = \"postfix-policy\" address = \"unix:$MOUNT/spoolgate/other\" }"
	watch_only "$(filesystem "$MOUNT" 8M 2M)" "$(listener)"
	freeze "$MOUNT" 60
	begin=$(now_ms)
	reload "$(filesystem "$MOUNT" 8M 2M)" "$other"
	[ "$(ask ping)" = pong ]
	[[ $(ps_state "$DAEMON") != D ]]
	[ $(($(now_ms) - begin)) -lt 15000 ]
	log_says '^warning: listen "other": the filesystem of .* does not answer: opened once it does'
	[ "$(listened state)" = closed ]
	reload "$(filesystem "$MOUNT" 8M 2M)" "$other"
	thaw "$MOUNT"
	wait_until 20 listens
	[ "$(request 203.0.113.1 | ask_policy "UNIX-CONNECT:$MOUNT/spoolgate/other")" = "$DUNNO" ]
	[ ! -e "$POLICY" ]
}

listens() {
	[[ $(listened state) == open ]]
}

@test "status shows the listeners" {
	start "$(listener)"
	says "$DUNNO" 203.0.113.1
	run cli status
	[[ $output == *postfix*postfix-policy*"$POLICY"* ]]
}
