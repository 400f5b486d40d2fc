#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sendmail's socket map: the real daemon on a real socket, over a filesystem that really fills.

load lib
load watch

readonly PASS='9:NOTFOUND ,'
readonly REFUSED='42:OK 452 4.3.1 Insufficient system resources,'

teardown() {
	tear_down
}

# Medium below 40 MiB, high below 10 MiB of about 90.
start() { # MORE-BLOCKS...
	need_bpf
	loop_mount ext4 100
	MAP=$SCRATCH/map
	watch_only "$(filesystem "$MOUNT" 40M 10M)" 'admission { ramp = "0s" }' \
		"listen \"sendmail\" { protocol = \"socketmap\" address = \"unix:$MAP\" }" "$@"
}

# Netstrings to requests, a line each on stdin; the answers follow each other.
ask_map() {
	while read -r text; do printf '%d:%s,' "${#text}" "$text"; done |
		timeout 30 socat -t 20 - "UNIX-CONNECT:$MAP"
}

says() { # ANSWER REQUEST
	[[ $(ask_map <<<"$2") == "$1" ]]
}

@test "open, medium, high: by the key's address, size and user" {
	start
	says "$PASS" 'admit 203.0.113.1'
	says "$REFUSED" 'admit 203.0.113.1/200000000'
	says "$PASS" 'admit 203.0.113.1/20000'
	fallocate -l 60M "$MOUNT/fill"
	wait_until 5 says "$REFUSED" 'admit 203.0.113.1'
	says "$REFUSED" 'admit IPv6:2001:db8::1//'
	says "$REFUSED" 'admit unknown'
	says "$REFUSED" 'admit 2/203.0.113.1//'
	says "$REFUSED" 'admit 2/ipv6:fe80:0:0:0:0:0:0:1%eth0//'
	says "$PASS" 'admit 2/0//1000' # sendmail -bs
	says "$PASS" 'admit 203.0.113.1//user@example.org'
	says "$PASS" 'admit 2/203.0.113.1/user@example.org/'
	says "$REFUSED" 'admit 2/203.0.113.1//1000/user@example.org'
	says "$REFUSED" 'admit 203.0.113.1/1000/user@example.org/'
	says "$PASS" 'submission 203.0.113.1'
	says "$PASS" 'admit 127.0.0.1'
	says "$PASS" 'admit IPv6:::1'
	fallocate -l 85M "$MOUNT/fill"
	wait_until 5 says "$REFUSED" 'admit 203.0.113.1//user@example.org'
	says "$PASS" 'admit 127.0.0.1'
	rm "$MOUNT/fill"
	wait_until 10 says "$PASS" 'admit 203.0.113.1'
}

@test "requests that are wrong are answered TEMP, which passes, and cost nobody else anything" {
	start
	says '44:TEMP allowed is: NAME 3/ID/ADDRESS/USER/SIZE,' admit
	[ "$(printf '15:admit 127.0.0.1,junk' | timeout 30 socat -t 20 - "UNIX-CONNECT:$MAP")" = \
		"${PASS}20:TEMP not a netstring," ]
	head -c 1M /dev/urandom | timeout 30 socat -t 20 - "UNIX-CONNECT:$MAP" >/dev/null || true
	printf '%s' 1000:admit | timeout 30 socat -t 20 - "UNIX-CONNECT:$MAP" >/dev/null || true
	says "$PASS" 'admit 203.0.113.1'
	[ "$(field '.listeners[0].dropped')" -eq 2 ]
}

@test "many requests on one connection, as Sendmail keeps it" {
	local answers
	start
	answers=$(for _ in {1..500}; do echo 'admit 203.0.113.1'; done | ask_map)
	[ "$answers" = "$(printf "$PASS%.0s" {1..500})" ]
	[ "$(field '.listeners[0].requests')" -eq 500 ]
}
