#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The gate before an Exim that nobody configured: servers/exim-stock.

load ../system/lib
load lab
load gate

setup_file() {
	can_have_lab exim-stock || return 0
	start_lab exim-stock /var/spool/exim4 Debian-exim
	start_in_lab exim exim4 -bdf -q30m
	wait_until 20 listens "$STRANGERS" 25
	wait_until 20 listens "$STRANGERS6" 25
}

teardown_file() {
	end_lab
}

setup() {
	GREETING='220 exim.test ESMTP Exim'
	SERVER_CONFIGURATION=/etc/exim4/exim4.conf
	SERVER_LOG=/var/log/lab/exim-mainlog
	IDLE_LINES='queue run'
	need_gate
}

teardown() {
	end_gate_test
}

@test "Exim behind a gate: open, its own banner and mail delivered, by IPv4, IPv6 and v4-mapped" {
	case_gate_open
}

@test "Exim behind a gate: its queue's disk fills, strangers hear 421 and its log has nothing of them; room again, its banner" {
	case_gate_closed 'make_level medium' 'make_level normal'
}

@test "Exim behind a gate: closed and opened by an override, the same" {
	case_gate_closed close_by_override open_by_override
}

@test "Exim behind a gate: a session that was open finishes its DATA, and the mail is delivered" {
	case_gate_open_sessions
}

@test "Exim behind a gate: internal clients pass while it is closed" {
	case_gate_internal
}

@test "Exim behind a gate: spoolgated killed while closed, its banner at once" {
	case_gate_killed
}
