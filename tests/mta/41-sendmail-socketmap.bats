#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sendmail, by a socket map in its check_mail rules: share/mta/sendmail-socketmap.mc.

load ../system/lib
load lab
load cases

setup_file() {
	can_have_lab sendmail || return 0
	start_lab sendmail-socketmap /var/spool/mqueue smmta
	start_in_lab syslog socat -u UNIX-RECV:/dev/log,mode=0666 STDOUT
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
	configure_spoolgate 'listen "sendmail" { protocol = "socketmap" address = "unix:/run/spoolgate/sendmail" group = "smmta" }'
}

teardown() {
	end_test
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

@test "Sendmail by socket map: open, mail is accepted and delivered" {
	case_open
}

@test "Sendmail by socket map: closed, strangers get our reply at MAIL" {
	case_closed
}

@test "Sendmail by socket map: a message that is too large waits, a small one passes" {
	case_size
}

@test "Sendmail by socket map: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "Sendmail by socket map: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

@test "Sendmail by socket map: a content filter gives mail back at high, and the queue drains" {
	case_content_filter
}

# {msg_size} is what the client wrote, so it is the last field of the key.
@test "Sendmail by socket map: a stranger is one whatever he writes for a size" {
	case_odd_sizes
	[ "$(answer_to "MAIL FROM:<a@client.test> SIZE=1000/x")" = "$REPLY" ]
	make_level normal
	[[ $(answer_to "MAIL FROM:<a@client.test> SIZE=1000/x") == 250\ * ]]
}

@test "Sendmail by socket map: spoolgated killed, mail flows; back, it is asked again" {
	case_killed
}

@test "Sendmail by socket map: internal is internal over IPv6, too" {
	case_internal_ipv6
}

# Sendmail waits half a minute for a socket map, and takes its silence for an error of its own
# that no -T is asked about. What share/mta/sendmail-socketmap.mc says of it is this.
@test "Sendmail by socket map: spoolgated hangs, mail waits; it wakes up, it is asked again" {
	make_level high
	! swaks before "$STRANGERS" || false
	signal_in_lab spoolgated STOP
	! swaks hung "$STRANGERS" --timeout 60 || false
	is_refused hung \
		'MAIL: 451 4.3.0 socket_map_lookup(spoolgate): read timeout: Resource temporarily unavailable'
	signal_in_lab spoolgated CONT
	wait_until 30 refuses after
}

@test "Sendmail with a socket map: a program on this host that speaks by a pipe is no stranger" {
	case_pipe /usr/libexec/sendmail/sendmail -bs -Am
}

# The answers to the recipients of a message of 10 MB, after its MAIL; what is done in between.
recipients() { # COUNT COMMAND...
	# shellcheck disable=SC2016
	lab bash -c 'exec 3<>"/dev/tcp/$1/25"
		say() { printf "%s\r\n" "$1" >&3; hear; }
		hear() { while read -rt 60 line <&3 && [[ $line == ???-* ]]; do :; done; echo "${line%$'"'\\r'"'}"; }
		hear >/dev/null
		say "EHLO client.test" >/dev/null
		say "MAIL FROM:<a@client.test> SIZE=10000000" >/dev/null
		for ((i = 0; i < $2; i++)); do
			say "RCPT TO:<r$i@sink.test>"
			((i)) || "${@:3}" >/dev/null
		done
		say QUIT >/dev/null' - "$STRANGERS" "$@"
}

with_delay_checks() {
	# shellcheck disable=SC2016
	lab sh -c 'cd /etc/mail && sed -i "s/^FEATURE(.nocanonify.)dnl/&\nFEATURE(\`delay_checks'"'"')dnl/" sendmail.mc &&
		m4 -D_CF_DIR_=/usr/share/sendmail/cf/ sendmail.mc >sendmail.cf && grep -q delay_checks sendmail.mc'
	end_in_lab sendmail
	start_in_lab sendmail /usr/libexec/sendmail/sendmail -bD -q30m
	wait_until 20 listens "$STRANGERS" 25
}

# An address may have a quarter of the room: not ten times 10 MB. Debian's sendmail.mc has it so.
@test "Sendmail by socket map: with delay_checks a message is promised once, and its recipients hear one answer" {
	make_level normal
	with_delay_checks
	recipients 10 true >"$SCRATCH/ten"
	[[ $(grep -c '^250 2.1.5 ' "$SCRATCH/ten") == 10 ]]
	[[ $(lab spoolgate status --json | jq .counters.promised_bytes) == 0 ]]
	# Closed after the first.
	recipients 5 spoolgate override high >"$SCRATCH/five"
	[[ $(grep -c '^250 2.1.5 ' "$SCRATCH/five") == 5 ]]
	recipients 5 true >"$SCRATCH/refused"
	[[ $(grep -c "^$REPLY" "$SCRATCH/refused") == 5 ]]
	lab spoolgate override off
}
