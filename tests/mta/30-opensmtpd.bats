#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# OpenSMTPD, by filter-spoolgate at MAIL: share/mta/opensmtpd.conf.

load ../system/lib
load lab
load cases

readonly ANONYMOUS=AECDH-AES256-SHA:@SECLEVEL=0

setup_file() {
	can_have_lab opensmtpd || return 0
	start_lab opensmtpd /var/spool/smtpd ''
	start_in_lab opensmtpd smtpd -d
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

flush_queue() {
	lab smtpctl schedule all
}

queue_is_empty() {
	[[ -z $(lab smtpctl show queue) ]]
}

# OpenSMTPD takes passwords over TLS only, and Debian 12's 6.8.0 cannot use the key of its
# certificate with OpenSSL 3. A cipher that needs no certificate gets it to AUTH all the same.
send_as_user() { # NAME
	make_message "$1"
	curl "$1" 587 --ssl-reqd -k --tls-max 1.2 --ciphers "$ANONYMOUS" -u tester:secret
}

@test "OpenSMTPD: open, mail is accepted and delivered" {
	case_open
}

@test "OpenSMTPD: closed, strangers get our reply at MAIL" {
	case_closed
}

@test "OpenSMTPD: a message that is too large waits, a small one passes" {
	case_size
}

@test "OpenSMTPD: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "OpenSMTPD: a stranger is one whatever he writes for a size" {
	case_odd_sizes
}

@test "OpenSMTPD: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "OpenSMTPD: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

@test "OpenSMTPD: delayed, mail is taken a little later" {
	case_delayed
}

@test "OpenSMTPD: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "OpenSMTPD: internal is internal over IPv6, too" {
	case_internal_ipv6
}

@test "OpenSMTPD: spoolgated hangs, mail flows; it wakes up, it is asked again" {
	case_hung
}
