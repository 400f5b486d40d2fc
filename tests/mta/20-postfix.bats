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

@test "Postfix: a relay is not refused for mail that has been delivered" {
	case_relay
}

@test "Postfix: an authenticated user is accepted at medium, and not at high" {
	case_authenticated
}

# A list's host: RECIPIENTS in one message, all of it written at once, as Postfix and Exim do.
pipelined() { # RECIPIENTS
	# shellcheck disable=SC2016
	lab timeout 100 bash -c 'exec 3<>"/dev/tcp/$1/25"
		read -r _ <&3
		printf "EHLO lists.test\r\n" >&3
		while read -r line <&3 && [[ $line != 250\ * ]]; do :; done
		message="MAIL FROM:<list@lists.test>\r\n"
		for ((i = 0; i < $2; i++)); do message+="RCPT TO:<r$i@sink.test>\r\n"; done
		printf "${message}DATA\r\nQUIT\r\n" >&3
		cat <&3' - "$STRANGERS" "$1" | tr -d '\r'
}

# The lines that fail2ban's jail "postfix" counts as failures of the client's.
@test "Postfix: whoever is refused has made no errors, by fail2ban's standards" {
	local said
	make_level medium
	lab truncate -s 0 /var/log/lab/postfix
	for _ in 1 2 3; do
		said=$(pipelined 25)
		echo "$said"
		[[ $(grep -c '^452 4.3.1 ' <<<"$said") == 9 ]]
		[[ $(tail -n 1 <<<"$said") == '421 4.3.1 <r9@sink.test>: Recipient address rejected: '* ]]
	done
	# Under stress, where the first error is one too many.
	lab sh -c 'printf "192.0.2.1:2599 inet n - y - - smtpd -o stress=yes\n" >>/etc/postfix/master.cf'
	lab postfix reload
	wait_until 20 listens "$STRANGERS" 2599
	! swaks stressed "$STRANGERS" --port 2599 || false
	grep -F '421 4.3.1 <' "$SCRATCH/stressed"
	[[ $(lab grep -c 'reject: RCPT' /var/log/lab/postfix) == 31 ]]
	! lab grep -E 'too many errors|improper command pipelining' /var/log/lab/postfix || false
	if type -P fail2ban-regex >/dev/null; then
		lab cat /var/log/lab/postfix >"$SCRATCH/mail.log"
		fail2ban-regex "$SCRATCH/mail.log" postfix | tee "$SCRATCH/fail2ban"
		grep -E ' 0 matched' "$SCRATCH/fail2ban"
	fi
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
