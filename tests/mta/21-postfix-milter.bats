#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Postfix, by spoolgate-milter at MAIL: share/mta/postfix-milter.cf.

load ../system/lib
load lab
load cases

setup_file() {
	can_have_lab postfix-milter || return 0
	start_lab postfix-milter /var/spool/postfix spoolgate-milter
	start_milter
	start_in_lab postfix postfix start-fg
	wait_until 20 listens "$STRANGERS" 25
}

teardown_file() {
	end_lab
}

setup() {
	need_lab
	REFUSED_MAIL="MAIL: $REPLY"
	configure
	start_spoolgate
}

configure() {
	configure_spoolgate
}

teardown() {
	end_test
}

start_milter() {
	start_in_lab milter spoolgate-milter -u spoolgate-milter -g postfix -l unix:/var/spool/postfix/spoolgate/milter.sock
	wait_until 20 lab test -S /var/spool/postfix/spoolgate/milter.sock
}

flush_queue() {
	lab postqueue -f
}

queue_is_empty() {
	[[ $(lab postqueue -p) == 'Mail queue is empty' ]]
}

send_as_user() { # NAME
	swaks_as_user "$1" --port 587 --tls
}

@test "Postfix with a milter: open, mail is accepted and delivered" {
	case_open
}

@test "Postfix with a milter: closed, strangers get our reply at MAIL" {
	case_closed
}

@test "Postfix with a milter: a message that is too large waits, a small one passes" {
	case_size
}

@test "Postfix with a milter: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "Postfix with a milter: a stranger is one whatever he writes for a size" {
	case_odd_sizes
}

@test "Postfix with a milter: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "Postfix with a milter: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

@test "Postfix with a milter: delayed, mail is taken a little later" {
	case_delayed
}

@test "Postfix with a milter: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "Postfix with a milter: spoolgate-milter killed, mail flows; back, it is asked again" {
	case_milter_killed
}

@test "Postfix with a milter: spoolgated hangs, mail flows; it wakes up, it is asked again" {
	case_hung
}

@test "Postfix with a milter: internal is internal over IPv6, too" {
	case_internal_ipv6
}

# What a proxy does not know is not on this host.
@test "Postfix with a milter: a client of whom a proxy knows no address is a stranger" {
	local said
	lab postconf -e 'smtpd_authorized_xclient_hosts=127.0.0.0/8'
	lab postfix reload
	make_level medium
	# shellcheck disable=SC2016
	xclient() { # ATTRIBUTES
		lab timeout 100 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/25"
			hear() { while read -r line <&3 && [[ $line == ???-* ]]; do :; done; }
			say() { printf "%s\r\n" "$1" >&3 && hear; }
			hear
			say "EHLO proxy.test"
			say "XCLIENT $1"
			say "EHLO client.test"
			say "MAIL FROM:<a@b.test>"
			echo "$line"' - "$1"
	}
	for said in 'ADDR=[UNAVAILABLE]' 'NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]' 'ADDR=192.0.2.77'; do
		[[ $(xclient "$said") == "$REPLY"* ]]
	done
	[[ $(xclient 'ADDR=127.0.0.1') == 250\ * ]]
	lab postconf -X smtpd_authorized_xclient_hosts
	lab postfix reload
}
