#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Postfix, by policy delegation at RCPT: share/mta/postfix-main.cf and postfix-master.cf.

load ../system/lib
load lab
load cases

setup_file() {
	can_have_lab postfix || return 0
	start_lab postfix /var/spool/postfix postfix
	start_in_lab postfix postfix start-fg
	wait_until 20 listens "$STRANGERS" 25
}

teardown_file() {
	end_lab
}

setup() {
	need_lab
	REFUSED_MAIL="RCPT: 452 4.3.1 <$MAILBOX>: Recipient address rejected: ${REPLY#452 4.3.1 }"
	configure
	start_spoolgate
}

configure() {
	configure_spoolgate 'listen "postfix" {
		protocol = "postfix-policy"
		address = "unix:/var/spool/postfix/spoolgate/policy"
		mode = "0660"
		group = "postfix"
	}'
}

teardown() {
	end_test
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

@test "Postfix: open, mail is accepted and delivered" {
	case_open
}

@test "Postfix: closed, strangers get our reply at RCPT" {
	case_closed
}

@test "Postfix: a message that is too large waits, a small one passes" {
	case_size
}

@test "Postfix: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "Postfix: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

@test "Postfix: delayed, mail is taken a little later" {
	case_delayed
}

@test "Postfix: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "Postfix: spoolgated hangs, mail flows; it wakes up, it is asked again" {
	case_hung
}
