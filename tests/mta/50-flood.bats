#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A flood: more mail than the queue's filesystem holds, at full speed, from 40 sessions, while
# nothing can be delivered. Every message is followed by its queue id, from the reply that took
# it to the queue or the sink.

load ../system/lib
load lab

readonly BYTES=90000 SESSIONS=40 # some 550 of these fill the queue's 64 MiB
readonly TROUBLE='No space left|queue file|write error|Insufficient system storage|fatal|panic'

setup_file() {
	can_have_lab postfix || return 0
	LAB_MEDIUM=24M LAB_HIGH=12M
	export LAB_MEDIUM LAB_HIGH
	start_lab postfix /var/spool/postfix postfix 64
	lab postconf -e message_size_limit=100000 mailbox_size_limit=100000 defer_transports=smtp
	start_postfix
}

start_postfix() {
	start_in_lab postfix postfix start-fg
	wait_until 20 listens "$STRANGERS" 25
}

teardown_file() {
	end_lab
}

setup() {
	need_lab
}

teardown() {
	end_test
}

# The client's own record of it is in $SCRATCH/NAME.
flood() { # NAME COUNT
	lab smtp-source -v -A -s "$SESSIONS" -m "$2" -l "$BYTES" -f sender@example.test -t "$MAILBOX" \
		"$STRANGERS:25" >"$SCRATCH/$1" 2>&1
}

# Queue ids, one a line, sorted: taken from the client, in the queue, in the sink.
accepted() { # NAME
	sed -n 's/.*<<< 250 2.0.0 Ok: queued as \([0-9A-F]*\)$/\1/p' "$SCRATCH/$1" | sort
}

queued() {
	lab postqueue -j | jq -r .queue_id | sort
}

# What moves from one of Postfix's queues to the next while they are listed is in neither list.
all_are_queued() {
	diff "$SCRATCH/accepted" <(queued)
}

delivered() {
	lab grep -rhoE "by postfix.test \(Postfix\) with E?SMTP id [0-9A-F]+" /var/log/lab/sink |
		sed 's/.* //' | sort
}

refusals() { # NAME
	grep -oE '<<< [45][0-9][0-9] .*' "$SCRATCH/$1" | cut -c 5- | sort | uniq -c | sed 's/^ *//'
}

# How many: each message has one, at RCPT, or was accepted.
refused() { # NAME
	grep -cE '<<< [45][0-9][0-9] ' "$SCRATCH/$1" || true
}

queue_is_empty() {
	[[ $(lab postqueue -p) == 'Mail queue is empty' ]]
}

queue_drains() {
	queue_is_empty || {
		lab postqueue -f
		sleep 2
		return 1
	}
}

log_lines() {
	lab sh -c 'wc -l </var/log/lab/postfix'
}

trouble_since() { # LOG-LINE: how often the log tells of any
	lab tail -n "+$1" /var/log/lab/postfix | grep -cE "$TROUBLE" || true
}

@test "a flood with spoolgate: nothing is lost, nothing fails, and mail flows again" {
	local -i begin
	need_bpf
	begin=$(log_lines)
	configure_spoolgate 'listen "postfix" {
		protocol = "postfix-policy"
		address = "unix:/var/spool/postfix/spoolgate/policy"
		mode = "0660"
		group = "postfix"
	}'
	start_spoolgate
	flood flood 900
	accepted flood >"$SCRATCH/accepted"
	echo "# with: $(wc -l <"$SCRATCH/accepted") accepted; $(refusals flood); $(trouble_since "$begin") errors" >&3
	[[ -s $SCRATCH/accepted ]]
	# Each message was answered, one way or the other.
	(($(wc -l <"$SCRATCH/accepted") + $(refused flood) == 900))
	[[ $(refusals flood | cut -d' ' -f2-) == "452 4.3.1 <$MAILBOX>: Recipient address rejected: Insufficient system resources" ]]
	[[ $(trouble_since "$begin") == 0 ]]
	# What was accepted is in the queue, and nothing else.
	wait_until 20 all_are_queued
	[[ -z $(delivered) ]]
	# Delivery works again: all of it arrives, once. (A reload would leave for a minute what the
	# old queue manager still holds: "skipped, still being delivered".)
	lab postfix stop
	lab postconf -e defer_transports=
	start_postfix
	wait_until 120 queue_drains
	diff "$SCRATCH/accepted" <(delivered)
	wait_until 20 level_is normal
	flood after 40
	[[ $(accepted after | wc -l) == 40 && -z $(refusals after) ]]
	[[ $(trouble_since "$begin") == 0 ]]
}

@test "the same flood without: Postfix fails to write its queue" {
	local -i begin
	lab postconf -e defer_transports=smtp
	lab postfix reload
	begin=$(log_lines)
	flood flood 700
	echo "# without: $(accepted flood | wc -l) accepted; $(refusals flood | tr '\n' ';') $(trouble_since "$begin") errors" >&3
	(($(trouble_since "$begin") > 0))
	refusals flood | grep -vF 'Insufficient system resources'
}
