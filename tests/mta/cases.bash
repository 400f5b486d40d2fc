# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every mail server has to do. Its own file says how it refuses ($REFUSED_MAIL is the
# refusal a stranger gets), and has configure, flush_queue, queue_is_empty and send_as_user.

case_open() {
	make_level normal
	swaks open "$STRANGERS"
	is_accepted open
	is_delivered_soon open
}

case_closed() {
	make_level medium
	! swaks closed "$STRANGERS" || false
	is_refused closed "$REFUSED_MAIL"
	make_level normal
	swaks again "$STRANGERS"
	is_delivered_soon again
	! is_delivered closed || false
}

# An address may have a quarter of the room above high: some 45 MiB.
case_size() {
	make_level normal
	! send_sized large 56000000 || false
	grep -F 'SIZE=56000000' "$SCRATCH/large"
	is_refused large "$REFUSED_MAIL"
	send_sized small 5000
	is_accepted small
}

# What has come and gone is promised nothing: six times 15 MB, of which an address may have three.
case_relay() {
	local -i i
	make_level normal
	for ((i = 1; i <= 6; i++)); do
		send_sized "relay$i" 15000000
		is_accepted "relay$i"
		wait_until 60 queue_is_empty
	done
}

# The server's own file says how its users send: `send_as_user NAME`.
# One line said in a session of a stranger, and the answer to it.
answer_to() { # LINE
	# shellcheck disable=SC2016
	lab bash -c 'exec 3<>"/dev/tcp/$1/25"
		read -r _ <&3
		printf "EHLO client.test\r\n" >&3
		while read -r line <&3 && [[ $line != 250\ * ]]; do :; done
		printf "%s\r\n" "$2" >&3
		read -rt 60 line <&3 && echo "${line%$'"'\\r'"'}"' - "$STRANGERS" "$1"
}

# What is written after SIZE= makes nobody a user, or a client of another address.
case_odd_sizes() {
	local size answer long
	printf -v long '%01200d' 1
	make_level medium
	for size in 1000 1000/x '1000/x@y' 1000//x /x //x abc '' 1000/ 2/127.0.0.1/x/1 -1 +1 0x10 '1000<TMPF>' \
		'1000"' '1000(x' '1000)' '1000<' '1000\' '1000,x' '1000;x' '1000$x' '1000%x' '1000|x' \
		'1000 SIZE=1' 99999999999999999999 "${long:0:300}" "$long" "x$long/x"; do
		answer=$(answer_to "MAIL FROM:<a@client.test> SIZE=$size")
		echo "SIZE=${size:0:40}: ${answer:0:80}"
		[[ $answer == [45]??[\ -]* ]]
	done
}

case_authenticated() {
	make_level medium
	! swaks stranger "$STRANGERS" || false
	is_refused stranger "$REFUSED_MAIL"
	send_as_user user
	grep -E '^<[-~]? +235 ' "$SCRATCH/user"
	is_accepted user
	is_delivered_soon user
	make_level high
	! send_as_user user-high || false
	is_refused user-high "$REFUSED_MAIL"
}

# A program on this host that speaks by a pipe to COMMAND has no address, and is no stranger.
case_pipe() { # COMMAND...
	local said
	make_level high
	# shellcheck disable=SC2016
	said=$(lab timeout 100 bash -c 'coproc "$@"
		hear() { while read -r line <&"${COPROC[0]}" && echo "$line" && [[ $line == ???-* ]]; do :; done; }
		say() { printf "%s\r\n" "$1" >&"${COPROC[1]}" && hear; }
		hear
		say "EHLO here.test"
		say "MAIL FROM:<a@b.test>"
		say QUIT' - "$@" | tr -d '\r')
	echo "$said"
	[[ $(tail -n 2 <<<"$said") == 250\ *$'\n'221\ * ]]
}

# Most clients of this host come by ::1 when the server listens there.
case_internal_ipv6() {
	lab test -e /proc/net/if_inet6 || skip "no IPv6 here"
	make_level high
	make_message internal6
	lab curl -sv --max-time 60 --mail-from sender@example.test --mail-rcpt "$MAILBOX" \
		-T /tmp/internal6 "smtp://[::1]:25/client.test" >"$SCRATCH/internal6" 2>&1
	is_accepted internal6
	is_delivered_soon internal6
}

# What waits for the filter when the disk gets short has to get back in, and out.
case_content_filter() {
	local name
	make_level normal
	lab touch /run/filter-stopped
	for name in one two three; do
		swaks "$name" "$STRANGERS" --to "$FILTERED"
		is_accepted "$name"
	done
	! queue_is_empty || false
	make_level high
	! swaks stranger "$STRANGERS" || false
	is_refused stranger "$REFUSED_MAIL"
	swaks internal "$INTERNAL"
	is_accepted internal
	lab rm /run/filter-stopped
	wait_until 90 queue_drains
	for name in one two three; do
		is_delivered_soon "$name"
	done
	level_is high
}

# Asked for again: what is on its way back into the queue at one moment would wait for minutes.
queue_drains() {
	queue_is_empty || {
		flush_queue
		sleep 2
		return 1
	}
}

case_killed() {
	make_level high
	wait_until 30 refuses before
	stop_spoolgate KILL
	wait_until 40 takes without
	is_delivered_soon without
	start_spoolgate
	level_is high
	wait_until 30 refuses after
}

# libspoolgate rests for up to 8 s once it was not answered, and takes mail until then.
refuses() { # NAME
	! swaks "$1" "$STRANGERS" && is_refused "$1" "$REFUSED_MAIL"
}

takes() { # NAME
	swaks "$1" "$STRANGERS" && is_accepted "$1"
}

# Whoever asks by a socket waits for a second or two; whoever reads the admission page goes by
# it for the 15 s that it is good for, also after a kill.
case_hung() {
	make_level high
	! swaks before "$STRANGERS" || false
	signal_in_lab spoolgated STOP
	wait_until 40 takes hung
	signal_in_lab spoolgated CONT
	wait_until 30 refuses after
}

case_delayed() {
	local -i begin
	stop_spoolgate
	ADMISSION='medium { inbound = "delay 1" }' configure
	start_spoolgate
	make_level medium
	begin=$(now_us)
	swaks delayed "$STRANGERS"
	(($(now_us) - begin >= 1000000))
	is_accepted delayed
}

# What stands between server and spoolgated: spoolgate-milter, started by `start_milter`.
case_milter_killed() {
	make_level high
	wait_until 30 refuses before
	end_in_lab milter KILL
	swaks without "$STRANGERS"
	is_accepted without
	is_delivered_soon without
	start_milter
	wait_until 30 refuses after
}
