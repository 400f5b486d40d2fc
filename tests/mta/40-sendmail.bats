#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sendmail, by spoolgate-milter at MAIL: share/mta/sendmail.mc.

load ../system/lib
load lab
load cases

setup_file() {
	can_have_lab sendmail || return 0
	start_lab sendmail /var/spool/mqueue spoolgate-milter
	start_in_lab syslog socat -u UNIX-RECV:/dev/log,mode=0666 STDOUT
	start_milter
	start_in_lab sendmail /usr/libexec/sendmail/sendmail -bD -q30m
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
	start_in_lab milter spoolgate-milter -u spoolgate-milter -l unix:/run/spoolgate-milter/milter.sock
	wait_until 20 lab test -S /run/spoolgate-milter/milter.sock
}

flush_queue() {
	lab /usr/libexec/sendmail/sendmail -q
}

queue_is_empty() {
	lab /usr/libexec/sendmail/sendmail -bp | grep -F 'is empty'
}

send_as_user() { # NAME
	swaks_as_user "$1"
}

@test "Sendmail: open, mail is accepted and delivered" {
	case_open
}

@test "Sendmail: closed, strangers get our reply at MAIL" {
	case_closed
}

@test "Sendmail: a message that is too large waits, a small one passes" {
	case_size
}

@test "Sendmail: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "Sendmail: a stranger is one whatever he writes for a size" {
	case_odd_sizes
}

@test "Sendmail: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "Sendmail: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

@test "Sendmail: delayed, mail is taken a little later" {
	case_delayed
}

@test "Sendmail: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "Sendmail: spoolgate-milter killed, mail flows; back, it is asked again" {
	case_milter_killed
}

@test "Sendmail: internal is internal over IPv6, too" {
	case_internal_ipv6
}

@test "Sendmail: spoolgated hangs, mail flows; it wakes up, it is asked again" {
	case_hung
}

@test "Sendmail: a program on this host that speaks by a pipe is no stranger" {
	case_pipe /usr/libexec/sendmail/sendmail -bs -Am
}
