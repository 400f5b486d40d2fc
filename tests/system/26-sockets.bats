#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Sockets that are configured and not there: removed, mounted over, in somebody else's place. Who
# asks there takes all mail, so they are made again; or the status says why not.

load lib
load watch

setup() {
	need_root
	chmod go+rx "$SCRATCH"
	QUEUE=$SCRATCH/queue
	POLICY=$QUEUE/spoolgate/policy
	mkdir "$QUEUE"
}

listener() { # [LINE...]
	echo "listen \"postfix\" { protocol = \"postfix-policy\" address = \"unix:$POLICY\" $* }"
}

start() { # LINE...
	start_daemon "$CALM" "$(filesystem "$QUEUE" 2K 1K)" "$@"
}

answers() { # SOCKET
	[[ $(printf 'request=smtpd_access_policy\nprotocol_state=RCPT\n\n' |
		timeout 5 socat -t 5 - "UNIX-CONNECT:$1") == action=DUNNO ]]
}

state_is() { # STATE
	[[ $(field '.listeners[0].state') == "$1" ]]
}

reason_is() { # PATTERN
	[[ $(field '.listeners[0].reason') == $1 ]]
}

hup() {
	local -i before
	before=$(log_counts 'configuration read again')
	kill -HUP "$DAEMON"
	wait_until 20 has_read_again "$before"
}

has_read_again() { # COUNT-BEFORE
	(($(log_counts 'configuration read again') > $1))
}

# A connection that lives: what comes through the FIFO is asked, answers go to a file.
connect() {
	mkfifo "$SCRATCH/smtpd"
	# shellcheck disable=SC2016
	background smtpd bash -c 'exec socat - "UNIX-CONNECT:$1" <>"$2"' - "$POLICY" "$SCRATCH/smtpd"
}

heard() { # COUNT
	[[ $(grep -c action=DUNNO "$SCRATCH/smtpd.out") -eq $1 ]]
}

request() {
	printf 'request=smtpd_access_policy\nprotocol_state=RCPT\n\n'
}

@test "a socket that is removed is made again by itself, and who is connected stays" {
	start "$(listener 'mode = "0620"' 'group = "mail"')"
	connect
	request >"$SCRATCH/smtpd"
	wait_until 10 heard 1
	rm "$POLICY"
	wait_until 20 answers "$POLICY"
	state_is open
	[ "$(stat -c '%a %U %G' "$POLICY")" = '620 root mail' ]
	request >"$SCRATCH/smtpd"
	wait_until 10 heard 2
	log_says "^warning: listen \"postfix\": unix:$POLICY is not there any more: its file was removed; who asks there has taken all mail since"
	log_says "^listen \"postfix\": unix:$POLICY is there again"
	rm -r "$QUEUE/spoolgate"
	hup
	wait_until 10 answers "$POLICY"
	[ "$(log_counts 'is not there any more')" -eq 2 ]
	stop_daemon
	[ ! -e "$POLICY" ]
}

@test "the state socket is made again, and the override beside it" {
	SOCKET=$SCRATCH/spoolgate/state.sock
	start
	cli override high
	wait_until 10 test -s "$SOCKET.override"
	rm -r "$SCRATCH/spoolgate"
	wait_until 20 ask ping
	log_says "^warning: state socket: $SOCKET is not there any more: its file was removed"
	wait_until 20 test -s "$SOCKET.override"
	level_is high
}

@test "a socket that a mount hides is made again in what was mounted, and below it once that is gone" {
	start "$(listener)"
	connect
	request >"$SCRATCH/smtpd"
	wait_until 10 heard 1
	mount -t tmpfs -o size=16M,mode=0755 none "$QUEUE"
	wait_until 20 answers "$POLICY"
	log_says 'another filesystem is there now, mounted over it'
	request >"$SCRATCH/smtpd"
	wait_until 10 heard 2
	state_is open
	umount -l "$QUEUE"
	wait_until 20 answers "$POLICY"
	[ "$(log_counts 'is not there any more')" -eq 2 ]
	[ "$(log_counts 'is there again')" -eq 2 ]
}

@test "a directory of somebody else's is not made: the status says that, and the log the line that does" {
	POLICY=$QUEUE/private/policy
	mkdir "$QUEUE/private"
	start "$(listener)"
	mount -t tmpfs -o size=16M none "$QUEUE"
	wait_until 20 state_is 'not there'
	wait_until 20 reason_is 'another filesystem is there now*; its directory is not there'
	log_says "^warning: listen \"postfix\": cannot listen on unix:$POLICY: its directory is not there; who asks there takes mail .*: install -d -m 0755 -o spoolgate $QUEUE/private$"
	run cli status
	[[ $output == *"unix:$POLICY (not there: another filesystem is there now"* ]]
	stays 11000 state_is 'not there'
	[ "$(log_counts 'cannot listen on')" -eq 1 ]
	[ ! -e "$QUEUE/private" ]
	mkdir "$QUEUE/private"
	hup
	wait_until 10 answers "$POLICY"
	wait_until 10 state_is open
}

@test "what is in the place of a socket is left alone, and once it goes the socket is there again" {
	start "$(listener)"
	rm "$POLICY"
	echo theirs >"$POLICY"
	wait_until 20 state_is 'not there'
	wait_until 10 reason_is 'another file is in its place; what is there is not a socket, and is left alone'
	[ "$(cat "$POLICY")" = theirs ]
	rm "$POLICY"
	background other socat "UNIX-LISTEN:$POLICY,fork" 'EXEC:echo theirs'
	wait_until 20 reason_is '*another program answers there, and is left alone'
	[[ $(timeout 20 socat -t 10 - "UNIX-CONNECT:$POLICY" </dev/null) == theirs ]]
	hup
	state_is 'not there'
	kill "${BACKGROUND[-1]}"
	wait "${BACKGROUND[-1]}" || true
	wait_until 20 answers "$POLICY"
	state_is open
}

@test "another daemon's socket is not taken" {
	local inode
	start
	kill -STOP "$DAEMON"
	rm "$SOCKET"
	echo "filesystem \"$QUEUE\" {}" >"$SCRATCH/second.conf"
	background second "$BUILD/spoolgated" -s "$SOCKET" -c "$SCRATCH/second.conf"
	wait_until 30 ask ping
	inode=$(stat -c %i "$SOCKET")
	kill -CONT "$DAEMON"
	log_says "^warning: state socket: $SOCKET is not there any more: another file is in its place"
	log_says "^warning: state socket: cannot listen on $SOCKET: another program answers there, and is left alone"
	[ "$(stat -c %i "$SOCKET")" = "$inode" ]
	ask ping
	stop_daemon
	[ "$(stat -c %i "$SOCKET")" = "$inode" ]
}

# What is not there at the start may come with a mount.
@test "a listener that could not be opened at the start is, once its directory is there" {
	POLICY=$QUEUE/no/such/policy
	start "$(listener)"
	state_is closed
	reason_is 'its directory is not there'
	mkdir -p "$QUEUE/no/such"
	wait_until 20 answers "$POLICY"
	state_is open
}

@test "one that a reload brought is looked after as well" {
	start
	chmod 0777 "$QUEUE" # what root alone may write takes a restart
	printf '%s\n' "$CALM" "$(filesystem "$QUEUE" 2K 1K)" "$(listener)" >"$CONFIG"
	hup
	wait_until 10 answers "$POLICY"
	rm "$POLICY"
	wait_until 20 answers "$POLICY"
}

# --- without root's privileges ---------------------------------------------------------------

# A spool as root has it, in a mount namespace of the daemon's own.
spool() { # COMMAND...
	nsenter --mount="/proc/$DAEMON/ns/mnt" "$@"
}

start_in_spool() { # USER LINE...
	local user=$1
	shift
	POLICY=/var/spool/postfix/spoolgate/policy
	# shellcheck disable=SC2016
	DAEMON_UNDER=("${APART[@]}" bash -c 'mount -t tmpfs -o mode=0755 none /var/spool && mkdir -p /var/spool/postfix/private &&
		chown daemon /var/spool/postfix/private && chmod 0700 /var/spool/postfix/private && exec "$@"' -)
	start_daemon "user = \"$user\"" "$CALM" "$(filesystem /var/spool/postfix 2K 1K)" "$@"
}

answers_in_spool() { # SOCKET
	[[ $(request | timeout 5 nsenter --mount="/proc/$DAEMON/ns/mnt" socat -t 5 - "UNIX-CONNECT:$1") == action=DUNNO ]]
}

placer_pid() {
	pgrep -P "$DAEMON" -x spoolgate-sock
}

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

@test "as another user the sockets come back with owner, group and mode, in root's and in the mail server's directories" {
	local private=/var/spool/postfix/private/policy
	start_in_spool nobody "$(POLICY=/var/spool/postfix/spoolgate/policy listener 'group = "mail"')" \
		"listen \"private\" { protocol = \"postfix-policy\" address = \"unix:$private\" owner = \"daemon\" }"
	answers_in_spool "$POLICY"
	answers_in_spool "$private"
	spool rm -r /var/spool/postfix/spoolgate
	spool rm "$private"
	wait_until 20 answers_in_spool "$POLICY"
	wait_until 20 answers_in_spool "$private"
	[ "$(spool stat -c '%a %U %G' "$POLICY")" = '660 root mail' ]
	[ "$(spool stat -c '%a %U %G' "$private")" = '660 daemon root' ]
	[ "$(spool stat -c '%a %U' "${POLICY%/*}")" = '755 nobody' ]
	# A queue that is mounted later has neither directory.
	spool mount -t tmpfs -o mode=0755 none /var/spool/postfix
	wait_until 20 answers_in_spool "$POLICY"
	wait_until 20 log_says "cannot listen on unix:$private: its directory is not there.*: install -d"
	[ "$(field '[.listeners[].state] | join(", ")')" = 'open, not there' ]
}

@test "the placer has two capabilities, none of them in force, and nothing of BPF" {
	local placer set
	need_bpf
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$QUEUE" 2K 1K)" "$(listener)"
	placer=$(placer_pid)
	[ "$(status_of "$placer" CapPrm)" = 0000000000000003 ]
	for set in CapInh CapEff CapBnd CapAmb; do
		[ "$(status_of "$placer" $set)" = 0000000000000000 ]
	done
	[ "$(status_of "$placer" NoNewPrivs)" = 1 ]
	[ "$(status_of "$placer" Seccomp)" = 2 ]
	[ "$(status_of "$placer" Uid)" = "$(id -u nobody)" ]
	[ -z "$(bpf_held_by "$placer")" ]
	stop_daemon KILL || true
	wait_until 20 is_gone "$placer"
}

# The user's own directory, where root would not go: no privileges where others decide.
@test "where somebody else decides on the way, nothing is done with privileges" {
	mkdir -m 0755 "$SCRATCH/theirs"
	chown daemon "$SCRATCH/theirs"
	POLICY=$SCRATCH/theirs/spoolgate/policy
	start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$QUEUE" 2K 1K)" "$(listener)"
	answers "$POLICY"
	rm -r "$SCRATCH/theirs/spoolgate"
	mkdir -m 0755 "$SCRATCH/target"
	ln -s "$SCRATCH/target" "$SCRATCH/theirs/spoolgate"
	wait_until 20 reason_is '*Permission denied'
	log_says "needs a restart: it takes privileges that were given up"
	[ -z "$(ls -A "$SCRATCH/target")" ]
}
