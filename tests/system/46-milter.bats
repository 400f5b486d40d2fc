#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# spoolgate-milter between a mail server (milt.c speaks its side) and the daemon.

load lib
load watch

readonly REPLY='reply 452 4.3.1 Insufficient system resources'

MILTER=''

teardown() {
	tear_down
}

# Listening when it returns. Options as given; -s and -l are ours.
start_milter() { # OPTION...
	ADDRESS=${ADDRESS:-unix:$SCRATCH/milter/milter.sock}
	background milter "$BUILD/spoolgate-milter" -s "$SOCKET" -l "$ADDRESS" "$@"
	MILTER=$!
	wait_until 20 milter_listens
}

milter_listens() {
	grep -q '^listening on ' "$SCRATCH/milter.out"
}

milter_says() { # PATTERN
	grep -qE -- "$1" "$SCRATCH/milter.out"
}

# The answers to MAIL, without the lines on the negotiation and the time.
mail() { # OPTION...
	timeout 100 "$BUILD/tests/system/milt" "$@" "$ADDRESS" | sed '1d; $d'
}

mail_is() { # ANSWER OPTION...
	local answer=$1
	shift
	[[ $(mail "$@") == "$answer" ]]
}

# Nothing but what is forced by hand.
judge_nothing() { # CONFIG-TEXT...
	watch_only "$(filesystem "$SCRATCH" off off)" "$@"
}

@test "an open daemon: mail is accepted, and nothing is asked for but connect and MAIL" {
	judge_nothing
	start_milter
	local said
	said=$(timeout 100 "$BUILD/tests/system/milt" "$ADDRESS")
	echo "$said"
	# NOHELO NORCPT NOBODY NOHDRS NOEOH NOUNKNOWN NODATA; no change to the message.
	[[ $said == 'version 6 actions 0x100 steps 0x37a macros {auth_authen} {auth_type}'$'\n'accept$'\n'* ]]
	mail_is accept -o
	mail_is accept -a alice
	mail_is accept -c 127.0.0.1
}

@test "closed by hand: our reply, word for word, for strangers at medium and users at high" {
	judge_nothing
	start_milter
	cli override medium
	mail_is "$REPLY"
	mail_is "$REPLY" -c 2001:db8::1
	mail_is accept -a alice
	mail_is accept -a alice -o
	mail_is accept -c 127.0.0.1
	cli override high
	mail_is "$REPLY" -a alice
	mail_is "$REPLY" -a alice -c 127.0.0.1
	mail_is accept -c 127.0.0.9
	mail_is accept -c ::1
	# Sendmail's word for a pipe; other clients without an address are those of a proxy.
	mail_is accept -c pipe
	mail_is "$REPLY" -c -
	# Each message of a session is asked for anew.
	mail_is "$REPLY"$'\n'"$REPLY"$'\n'"$REPLY" -m 3
	cli override normal
	mail_is accept
}

@test "the internal networks are those of -n" {
	judge_nothing
	start_milter -n '192.0.2.0/24, 2001:db8::/32'
	cli override high
	mail_is accept -c 192.0.2.77
	mail_is accept -c 2001:db8::1
	mail_is "$REPLY" -c 127.0.0.1
	mail_is "$REPLY" -c -
	# A user of this host, whoever comes by 127.0.0.1.
	mail_is "$REPLY" -c pipe
	cli override medium
	mail_is accept -c pipe
}

# libmilter's smfi_getsymval() went past the end of them.
@test "macros that do not come in pairs: the milter stays, and answers" {
	judge_nothing
	start_milter
	cli override medium
	local count
	for count in 1 2 3 15 101; do
		mail_is "$REPLY" -x "$count"
		mail_is accept -a alice -x "$count"
	done
	[[ $(mail -n 200 -m 2 -x 33 | sort | uniq -c | sed 's/^ *//') == "400 $REPLY" ]]
	kill -0 "$MILTER"
	# With a size, what follows it, and a kind of packet that there is not.
	local odd
	for odd in '\0\0\0\0' '\0\0\0\1D' '\0\0\0\1M' '\0\0\0\2Mx' '\0\0\0\4C\0004\0' '\0\0\0\2Z\0' \
		'\377\377\377\377M' '\0\0\0\1O' '\0\0\0\15O\0\0\0\1\0\0\0\0\0\0\0\0'; do
		printf "$odd" | timeout 10 socat -t 1 - "UNIX-CONNECT:$SCRATCH/milter/milter.sock" >/dev/null || true
	done
	mail_is "$REPLY"
	kill -0 "$MILTER"
	milter_says 'a packet that is not of the milter protocol'
}

@test "the configured reply arrives as it is: 421, without an enhanced code, with a per cent sign" {
	judge_nothing 'admission { reply = "421 4.3.2 Back at 10:00, 100% sure" }'
	start_milter
	cli override high
	# Doubled: mail servers take it for a format, and undo that.
	wait_until 20 mail_is 'reply 421 4.3.2 Back at 10:00, 100%% sure'
}

@test "a really full filesystem closes it, room opens it" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" 40M 10M)" 'admission { ramp = "0s" }'
	start_milter
	mail_is accept
	fill_to "$MOUNT" 25 "$MOUNT/mail"
	wait_until 30 mail_is "$REPLY"
	mail_is accept -a alice
	fill_to "$MOUNT" 5 "$MOUNT/more"
	wait_until 30 mail_is "$REPLY" -a alice
	mail_is accept -c 127.0.0.1
	remove "$MOUNT/mail"
	wait_until 30 mail_is accept
}

@test "a message that says its size must fit" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" off 100M)" 'admission { ramp = "0s" }'
	start_milter
	mail_is accept -z 20000
	mail_is "$REPLY" -z 500000000
	mail_is "$REPLY" -z 99999999999999999999
	mail_is accept -z 20000
}

# What is promised fades, by seconds.
promised_is() { # BYTES
	local -i promised
	promised=$(field .counters.promised_bytes)
	echo "promised: $promised"
	((promised <= $1 && promised >= $1 / 2))
}

# Of a small one we do not want to hear the end.
@test "a message is promised its size until it has come, is taken back, or its client is gone" {
	need_bpf
	loop_mount ext4 256
	watch_only "$(filesystem "$MOUNT" off 100M)" 'admission { ramp = "0s" }'
	start_milter
	mail_is accept -z 20000
	mail_is continue -z 9000000 -e end
	[[ $(mail -z 9000000 -e end -m 40 | sort -u) == continue ]]
	[[ $(mail -z 9000000 -e abort -m 40 | sort -u) == continue ]]
	wait_until 10 promised_is 20000
	# Nobody tells the end of these, but MAIL again, and the end of the session.
	[[ $(mail -z 9000000 -m 40 | sort -u) == continue ]]
	wait_until 10 promised_is 20000
	background session timeout 60 "$BUILD/tests/system/milt" -z 9000000 -w 20 "$ADDRESS"
	wait_until 10 promised_is 9000000
}

@test "several hundred sessions at once, all answered" {
	judge_nothing
	start_milter
	cli override high
	[[ $(mail -n 500 -m 3 | sort | uniq -c | sed 's/^ *//') == "1500 $REPLY" ]]
	cli override normal
	[[ $(mail -n 500 -m 3 | sort | uniq -c | sed 's/^ *//') == "1500 accept" ]]
}

@test "delays of hundreds of sessions run beside one another" {
	judge_nothing 'admission { medium { inbound = "delay 2" } }'
	start_milter
	cli override medium
	local took
	took=$(timeout 100 "$BUILD/tests/system/milt" -n 300 "$ADDRESS" | tail -n 1)
	tell "300 delays of 2 s: $took ms"
	# One after the other: minutes.
	((${took#took } >= 2000 && ${took#took } < 20000))
	mail_is accept -a alice
}

@test "a delay is cut to what the mail server waits for" {
	judge_nothing 'admission { medium { inbound = "delay 60" } }'
	start_milter -t 1
	cli override medium
	local took
	took=$(timeout 100 "$BUILD/tests/system/milt" "$ADDRESS" | tail -n 1)
	((${took#took } >= 1000 && ${took#took } < 20000))
}

@test "the daemon killed: mail is accepted, said once; back: it is asked again" {
	judge_nothing
	start_milter
	cli override high
	wait_until 20 mail_is "$REPLY"
	stop_daemon KILL || true
	wait_until 40 mail_is accept
	[[ $(mail -n 100 | sort | uniq -c | sed 's/^ *//') == '100 accept' ]]
	[[ $(grep -c 'does not answer' "$SCRATCH/milter.out") == 1 ]]
	judge_nothing # the override is kept
	wait_until 40 mail_is "$REPLY"
	wait_until 20 milter_says 'answers again'
	[[ $(grep -c 'answers again' "$SCRATCH/milter.out") == 1 ]]
}

@test "it starts before the daemon" {
	start_milter
	mail_is accept
	judge_nothing
	cli override high
	wait_until 40 mail_is "$REPLY"
}

@test "the daemon stopped: mail is accepted, and hundreds of sessions do not wait in turn" {
	# A size that has to fit somewhere has to be asked for.
	watch_only "$(filesystem "$SCRATCH" off 1M)"
	start_milter
	mail_is "$REPLY" -z 100000000000000000
	kill -STOP "$DAEMON"
	local said took
	said=$(timeout 100 "$BUILD/tests/system/milt" -n 200 -z 100000000000000000 "$ADDRESS")
	kill -CONT "$DAEMON"
	took=$(tail -n 1 <<<"$said")
	tell "200 sessions, daemon stopped: $took ms"
	[[ $(grep -c '^accept$' <<<"$said") == 200 ]]
	((${took#took } >= 900 && ${took#took } < 20000))
	milter_says 'does not answer'
	wait_until 60 mail_is "$REPLY" -z 100000000000000000
	milter_says 'answers again'
}

@test "SIGTERM ends it, and its socket is gone" {
	start_milter
	local status=0
	[[ -S $SCRATCH/milter/milter.sock ]]
	kill -TERM "$MILTER"
	wait_until 30 is_gone "$MILTER"
	wait "$MILTER" || status=$?
	((status == 0))
	[[ ! -e $SCRATCH/milter/milter.sock ]]
}

@test "a socket left behind is replaced, one in use or another file is not" {
	start_milter
	kill -KILL "$MILTER"
	wait_until 20 is_gone "$MILTER"
	[[ -S $SCRATCH/milter/milter.sock ]]
	start_milter
	mail_is accept
	run "$BUILD/spoolgate-milter" -s "$SOCKET" -l "$ADDRESS"
	((status == 69))
	[[ $output == *'milter.sock: Address already in use' ]]
	mail_is accept
	touch "$SCRATCH/milter/file"
	run "$BUILD/spoolgate-milter" -s "$SOCKET" -l "unix:$SCRATCH/milter/file"
	((status == 69))
	[[ $output == *"$SCRATCH/milter/file: Socket operation on non-socket" ]]
	[[ -f $SCRATCH/milter/file ]]
}

@test "mode, group and user: the socket's, and what is left of root" {
	need_root
	chmod go+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$SCRATCH"
	start_milter -m 0640 -g mail -u nobody
	[[ $(stat -c '%a %U %G' "$SCRATCH/milter/milter.sock") == '640 nobody mail' ]]
	[[ $(stat -c '%U' "$SCRATCH/milter") == nobody ]]
	[[ $(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$MILTER/status") == "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)" ]]
	[[ $(awk '/^CapEff:|^CapPrm:/ { print $2 }' "/proc/$MILTER/status" | sort -u) == 0000000000000000 ]]
	mail_is accept
	kill -TERM "$MILTER"
	wait_until 30 is_gone "$MILTER"
	[[ ! -e $SCRATCH/milter/milter.sock ]]
}

# As its unit has it: UMask=0077.
@test "the mail server may enter the directory that is made, whatever the umask" {
	need_root
	umask 077
	start_milter -m 0660 -g mail -u nobody
	[[ $(stat -c '%a %U %F' "$SCRATCH/milter") == '755 nobody directory' ]]
	[[ $(stat -c '%a %U %G' "$SCRATCH/milter/milter.sock") == '660 nobody mail' ]]
}

@test "over TCP, and a warning where everyone can write" {
	ADDRESS=inet:18891@127.0.0.1
	start_milter
	mail_is accept
	milter_says "^warning: $ADDRESS: .* use unix:/PATH"
	kill -TERM "$MILTER"
	wait_until 30 is_gone "$MILTER"
	mkdir -m 1777 "$SCRATCH/open"
	rm "$SCRATCH/milter.out"
	ADDRESS=unix:$SCRATCH/open/milter.sock
	start_milter
	milter_says 'open is writable for everyone'
}

@test "a place that nobody could use is named, with what to do" {
	local place
	need_root
	mkdir "$SCRATCH/fixed"
	mount -t tmpfs -o ro none "$SCRATCH/fixed"
	run "$BUILD/spoolgate-milter" -l "unix:$SCRATCH/fixed/milter.sock"
	((status == 69))
	[[ $output == *"$SCRATCH/fixed/milter.sock: Read-only file system"*ReadWritePaths=* ]]
	place=$(TMPDIR=/tmp mktemp -d)
	ADDRESS=unix:$place/milter.sock
	start_milter
	rm -r "$place"
	milter_says "$place/milter.sock: the systemd unit, .*PrivateTmp="
}

@test "the command line says what is wrong" {
	local milter=$BUILD/spoolgate-milter
	run "$milter"
	((status == 64))
	[[ $output == 'spoolgate-milter: no -l ADDRESS'* ]]
	run "$milter" -l milter.sock
	((status == 64))
	[[ $output == *'allowed: unix:/PATH, inet:PORT@HOST, inet6:PORT@HOST' ]]
	run "$milter" -l inet:8891
	((status == 64))
	run "$milter" -l unix:/run/x -m rw
	((status == 64))
	run "$milter" -l unix:/run/x -t 0
	((status == 64))
	run "$milter" -l unix:/run/x -n 10.1.0.0/8
	((status == 64))
	[[ $output == *'allowed: "10.0.0.0/8"' ]]
	run "$milter" -l unix:/run/x -u nobody-of-this-name
	((status == 67))
	run "$milter" -l unix:/run/x -g nobody-of-this-name
	((status == 67))
	run "$milter" -V
	((status == 0))
	[[ $output == "spoolgate-milter "* ]]
}

@test "a socket that is removed: it ends with 75, to be started again; another one in its place is left alone" {
	local status=0 socket=$SCRATCH/milter/milter.sock
	judge_nothing
	start_milter
	mv "$socket" "$SCRATCH/moved"
	background other socat "UNIX-LISTEN:$socket,fork" 'EXEC:echo theirs'
	wait_until 30 milter_says "^warning: $socket is not there any more, and cannot be made again: another program answers there"
	stays 6000 kill -0 "$MILTER"
	kill "${BACKGROUND[-1]}"
	wait "${BACKGROUND[-1]}" || true
	wait_until 30 is_gone "$MILTER"
	wait "$MILTER" || status=$?
	[ "$status" -eq 75 ]
	milter_says "^error: $socket is not there any more: ending, to be started anew"
	[ "$(grep -c 'cannot be made again' "$SCRATCH/milter.out")" -eq 1 ]
	rm -f "$SCRATCH/moved"
	start_milter
	mail_is accept
}
