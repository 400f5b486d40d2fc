# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the gate does for a server that knows nothing of it: to be loaded after lab. The server's
# own file says how its greeting begins ($GREETING), where its configuration and its log are
# ($SERVER_CONFIGURATION, $SERVER_LOG), and what of that log concerns no client ($IDLE_LINES).

readonly STRANGERS6=2001:db8::1 INTERNAL6=::1
# shellcheck disable=SC2153
readonly MAPPED=::ffff:$STRANGERS # the same way as STRANGERS, by a client's IPv6 socket

need_gate() {
	need_lab
	need_bpf
	REFUSAL="421 4.3.2 $(lab hostname) Service not available, closing transmission channel"
	configure_spoolgate 'gate { ports = {25} }'
	start_spoolgate
	wait_until 20 gate_is open
}

gate_is() { # STATE
	[[ $(gate_field .state) == "$1" ]]
}

gate_field() { # JQ-EXPRESSION
	lab spoolgate status --json | jq -r ".gate | $1"
}

close_by_override() {
	lab spoolgate override high --for 10min --reason maintenance
}

open_by_override() {
	lab spoolgate override off
}

# --- clients --------------------------------------------------------------------------------

# All that a client hears, who says nothing but a polite QUIT to a server that greets it.
call() { # ADDRESS
	# shellcheck disable=SC2016
	lab timeout 30 bash -c 'exec 3<>"/dev/tcp/$1/25" || exit
		IFS= read -r line <&3
		echo "$line"
		[[ $line != 220* ]] || printf "QUIT\r\n" >&3
		cat <&3' - "$1" 2>&1 | tr -d '\r'
}

is_served() { # ADDRESS
	[[ $(call "$1" | head -n 1) == "$GREETING"* ]]
}

is_diverted() { # ADDRESS
	[[ $(call "$1") == "$REFUSAL" ]]
}

# By each way in that there is.
each_is() { # served|diverted
	"is_$1" "$STRANGERS"
	"is_$1" "$STRANGERS6"
	"is_$1" "$MAPPED"
}

# Sends a message with the subject NAME, but for its last lines, which it keeps until
# finish_message. What it hears is in the lab's /var/log/lab/NAME.
begin_message() { # NAME ADDRESS
	lab rm -f "/var/log/lab/$1"
	# shellcheck disable=SC2016
	start_in_lab "$1" timeout 120 bash -c 'exec 3<>"/dev/tcp/$2/25" || exit
		hear() {
			while IFS= read -r line <&3; do
				echo "$line"
				[[ ${line:3:1} == - ]] || return
			done
		}
		say() { printf "%s\r\n" "$@" >&3; }
		hear
		for command in "EHLO client.test" "MAIL FROM:<sender@example.test>" "RCPT TO:<$3>" DATA; do
			say "$command"
			hear
		done
		say "Subject: $1" "" "the first half"
		until [[ -e /run/finish-$1 ]]; do sleep 0.1; done
		say "the second half" .
		hear
		say QUIT
		hear' - "$1" "$2" "$MAILBOX"
	wait_until 30 has_heard "$1" 354
}

finish_message() { # NAME
	lab touch "/run/finish-$1"
	wait_until 30 has_heard "$1" 221
	lab rm "/run/finish-$1"
}

has_heard() { # NAME CODE
	lab grep -q "^$2" "/var/log/lab/$1"
}

send_message() { # NAME ADDRESS
	begin_message "$1" "$2"
	finish_message "$1"
	is_delivered_soon "$1"
}

# --- the server's log -----------------------------------------------------------------------

log_lines() {
	lab grep -cvE "$IDLE_LINES" "$SERVER_LOG" || true
}

# When the last of what was before is written: a server logs the end of a session after it.
log_rests() {
	local before
	before=$(log_lines)
	sleep 1.5
	[[ $(log_lines) == "$before" ]]
}

# --- cases ----------------------------------------------------------------------------------

case_gate_open() {
	! lab grep -rliE 'spoolgate|452 4.3.1' "$SERVER_CONFIGURATION" || false
	each_is served
	send_message open "$STRANGERS"
	send_message open6 "$STRANGERS6"
	send_message mapped "$MAPPED"
	[[ $(gate_field .diverted) == 0 ]]
}

# Closed by CLOSE, opened by OPEN: the server sees nothing in between.
case_gate_closed() { # CLOSE OPEN
	local -i before
	is_served "$STRANGERS"
	$1
	wait_until 20 gate_is closed
	wait_until 30 log_rests
	before=$(log_lines)
	each_is diverted
	! swaks refused "$STRANGERS" || false
	grep -F "$REFUSAL" "$SCRATCH/refused"
	wait_until 30 log_rests
	[[ $(log_lines) == "$before" ]]
	[[ $(gate_field .diverted) == 4 ]]
	$2
	wait_until 30 gate_is open
	each_is served
	wait_until 20 log_has_more_than "$before"
	send_message again "$STRANGERS6"
	! is_delivered refused || false
}

log_has_more_than() { # LINES
	(($(log_lines) > $1))
}

case_gate_open_sessions() {
	begin_message early "$STRANGERS"
	begin_message early6 "$STRANGERS6"
	make_level medium
	wait_until 20 gate_is closed
	each_is diverted
	finish_message early
	finish_message early6
	has_heard early 250
	is_delivered_soon early
	is_delivered_soon early6
	gate_is closed
}

case_gate_internal() {
	close_by_override
	is_diverted "$STRANGERS"
	is_served "$INTERNAL"
	is_served "$INTERNAL6"
	send_message internal "$INTERNAL"
	is_diverted "$STRANGERS6"
}

# One try each, and no wait: the gate goes with the process.
case_gate_killed() {
	close_by_override
	each_is diverted
	stop_spoolgate KILL
	each_is served
	send_message orphan "$STRANGERS"
	lab rm /run/spoolgate/state.sock.override
}

end_gate_test() {
	if [[ ${LAB_PID:-} ]]; then
		open_by_override >/dev/null 2>&1
	fi
	end_test
}
