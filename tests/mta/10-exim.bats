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
