#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Exim, by readsocket in its MAIL ACL: share/mta/exim.conf.

load ../system/lib
load lab
load cases

setup_file() {
	can_have_lab exim || return 0
	start_lab exim /var/spool/exim4 Debian-exim
	start_in_lab exim exim4 -bdf -q30m
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
	lab exim4 -qff
}

queue_is_empty() {
	[[ $(lab exim4 -bpc) == 0 ]]
}

send_as_user() { # NAME
	swaks_as_user "$1"
}

@test "Exim: open, mail is accepted and delivered" {
	case_open
}

@test "Exim: closed, strangers get our reply at MAIL" {
	case_closed
}

@test "Exim: a message that is too large waits, a small one passes" {
	case_size
}

@test "Exim: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "Exim: a stranger is one whatever he writes for a size" {
	case_odd_sizes
}

@test "Exim: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "Exim: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

@test "Exim: delayed, mail is taken a little later" {
	case_delayed
}

@test "Exim: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "Exim: spoolgated hangs, mail flows; it wakes up, it is asked again" {
	case_hung
}

@test "Exim: internal is internal over IPv6, too" {
	case_internal_ipv6
}

@test "Exim: a program on this host that speaks by a pipe is no stranger" {
	case_pipe exim4 -bs
}

@test "Exim: who has logged in is a user, also where nothing says who" {
	make_level medium
	swaks nameless "$STRANGERS" --auth LOGIN --auth-user tester --auth-password secret
	is_accepted nameless
	make_level high
	! swaks nameless-high "$STRANGERS" --auth LOGIN --auth-user tester --auth-password secret || false
	is_refused nameless-high "$REFUSED_MAIL"
}

# fe80::… has a zone there, which no list of networks has.
@test "Exim: the internal networks are those of spoolgate.conf" {
	stop_spoolgate
	configure_spoolgate 'classes { internal = {"192.0.2.0/24"} }'
	start_spoolgate
	make_level high
	swaks internal "$STRANGERS"
	is_accepted internal
	! swaks loopback "$INTERNAL" || false
	is_refused loopback "$REFUSED_MAIL"
}
