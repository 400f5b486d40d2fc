#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The gate before a Postfix that nobody configured: servers/postfix-stock.

load ../system/lib
load lab
load gate

setup_file() {
	can_have_lab postfix-stock || return 0
	start_lab postfix-stock /var/spool/postfix postfix
	start_in_lab postfix postfix start-fg
	wait_until 20 listens "$STRANGERS" 25
	wait_until 20 listens "$STRANGERS6" 25
}

teardown_file() {
	end_lab
}

setup() {
	GREETING='220 postfix.test ESMTP Postfix'
	SERVER_CONFIGURATION=/etc/postfix
	SERVER_LOG=/var/log/lab/postfix
	IDLE_LINES='postfix/anvil|postfix/qmgr'
	need_gate
}

teardown() {
	end_gate_test
}

@test "Postfix behind a gate: open, its own banner and mail delivered, by IPv4, IPv6 and v4-mapped" {
	case_gate_open
}

@test "Postfix behind a gate: its queue's disk fills, strangers hear 421 and its log has nothing of them; room again, its banner" {
	case_gate_closed 'make_level medium' 'make_level normal'
}

@test "Postfix behind a gate: closed and opened by an override, the same" {
	case_gate_closed close_by_override open_by_override
}

@test "Postfix behind a gate: a session that was open finishes its DATA, and the mail is delivered" {
	case_gate_open_sessions
}

@test "Postfix behind a gate: internal clients pass while it is closed" {
	case_gate_internal
}

@test "Postfix behind a gate: spoolgated killed while closed, its banner at once" {
	case_gate_killed
}
