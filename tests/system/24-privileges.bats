#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What the processes may still do once the daemon has started.

load lib
load watch

setup() {
	need_bpf
	loop_mount ext4 64
	# A directory that the daemon makes, and so owns as the user it becomes.
	SOCKET=$SCRATCH/spoolgate/state.sock
}

start_as() { # USER
	start_daemon "user = \"$1\"" "$CALM" "$(filesystem "$MOUNT" 20M 2M 200ms)"
}

# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID
readonly SCOUT_CAPABILITIES=00000000000000c6

status_of() { # PID FIELD
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

@test "the daemon holds no capability, cannot get one, and its system calls are filtered" {
	local set
	start_as ''
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(status_of "$DAEMON" $set)" = 0000000000000000 ]
	done
	[ "$(status_of "$DAEMON" NoNewPrivs)" = 1 ]
	[ "$(status_of "$DAEMON" Seccomp)" = 2 ]
}

@test "the scout passes permissions and becomes others, may do nothing else, and has nothing of BPF" {
	local scout
	start_as ''
	scout=$(scout_pid)
	[ "$(status_of "$scout" CapEff)" = "$SCOUT_CAPABILITIES" ]
	[ "$(status_of "$scout" CapPrm)" = "$SCOUT_CAPABILITIES" ]
	[ "$(status_of "$scout" CapBnd)" = 0000000000000000 ]
	[ "$(status_of "$scout" NoNewPrivs)" = 1 ]
	[ "$(status_of "$scout" Seccomp)" = 2 ]
	for pid in "$scout" "$(keeper_pid)"; do
		[ -z "$(bpf_held_by "$pid")" ]
		if find "/proc/$pid/fd" -lname 'anon_inode:*bpf*' | grep .; then return 1; fi
		if grep -F anon_inode:bpf "/proc/$pid/maps"; then return 1; fi
	done
	find "/proc/$DAEMON/fd" -lname 'anon_inode:*bpf*' | grep -q .
}

@test "the filer holds no capability, nothing of BPF, and is the daemon's user" {
	local filer
	start_as nobody
	filer=$(pgrep -P "$DAEMON" -x spoolgate-file)
	[ "$(status_of "$filer" CapEff)" = 0000000000000000 ]
	[ "$(status_of "$filer" CapBnd)" = 0000000000000000 ]
	[ "$(status_of "$filer" NoNewPrivs)" = 1 ]
	[ "$(status_of "$filer" Seccomp)" = 2 ]
	[ "$(status_of "$filer" Uid)" = "$(id -u nobody)" ]
	[ -z "$(bpf_held_by "$filer")" ]
	if grep -F anon_inode:bpf "/proc/$filer/maps"; then return 1; fi
	stop_daemon KILL || true
	wait_until 20 is_gone "$filer"
}

@test "with a user it becomes that user, and works as ever: told, closing, opening" {
	start_as nobody
	[ "$(stat -c %U "/proc/$DAEMON")" = nobody ] || [ "$(status_of "$DAEMON" Uid)" = "$(id -u nobody)" ]
	[ "$(awk '/^(Uid|Gid):/ { print $2, $3, $4, $5 }' "/proc/$DAEMON/status" | tr ' ' '\n' | sort -u)" = \
		"$(printf '%s\n' "$(id -u nobody)" "$(id -g nobody)" | sort -u)" ]
	[ -z "$(awk '/^Groups:/ { $1 = ""; print $0 }' "/proc/$DAEMON/status" | tr -d ' ')" ]
	[ "$(status_of "$DAEMON" CapEff)" = 0000000000000000 ]
	is_probed "$MOUNT"
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly is_closed
	counter_passes rings 0
	remove "$MOUNT/file"
	wait_until 30 is_open
}

ends_as() { # USER
	local held scout keeper begin
	start_as "$1"
	held=$(bpf_held_by "$DAEMON")
	scout=$(scout_pid)
	keeper=$(keeper_pid)
	begin=$(now_ms)
	stop_daemon
	[ $(($(now_ms) - begin)) -lt 15000 ]
	[ ! -e "$SOCKET" ]
	wait_until 30 bpf_is_gone "$held"
	wait_until 30 is_gone "$scout"
	wait_until 30 is_gone "$keeper"
}

@test "SIGTERM ends it with 0, and leaves no socket, process or BPF" {
	ends_as ''
}

@test "SIGTERM ends it with 0 as another user, and leaves no socket, process or BPF" {
	ends_as nobody
}

@test "kill -9 as another user leaves no process and no BPF" {
	local held scout keeper
	start_as nobody
	held=$(bpf_held_by "$DAEMON")
	scout=$(scout_pid)
	keeper=$(keeper_pid)
	stop_daemon KILL || true
	wait_until 30 bpf_is_gone "$held"
	wait_until 30 is_gone "$scout"
	wait_until 30 is_gone "$keeper"
}

# setpriv: a group that is neither the user's own nor the socket's is what others have.
asks_as() { # USER GROUP
	[[ $(timeout 5 setpriv --reuid "$1" --regid "$2" --clear-groups \
		socat -t 5 - "UNIX-CONNECT:$SOCKET" <<<ping) == pong ]]
}

@test "the user's primary group may ask when no group is configured, and others may not" {
	need_tool setpriv
	start_as nobody
	[ "$(stat -c '%a %u %g' "$SOCKET")" = "660 0 $(id -g nobody)" ]
	asks_as daemon "$(id -g nobody)"
	run asks_as daemon daemon
	((status != 0))
	run asks_as nobody daemon
	((status != 0))
}

@test "a group that is configured is the socket's, and the user's own is not" {
	need_tool setpriv
	start_daemon 'user = "nobody"' 'state { group = "daemon" }' "$CALM" "$(filesystem "$MOUNT" 20M 2M 200ms)"
	[ "$(stat -c '%a %u %g' "$SOCKET")" = "660 0 $(getent group daemon | cut -d: -f3)" ]
	asks_as nobody daemon
	run asks_as daemon "$(id -g nobody)"
	((status != 0))
}

# Ids that neither Debian nor systemd gives away.
is_stand_in() { # UID
	(($1 >= 65520 && $1 <= 65533)) && ! getent passwd "$1"
}

@test "without a user of that name, or with root, it is one whom nobody is, and says so" {
	local user
	for user in no-such-user root ''; do
		start_as "$user"
		is_stand_in "$(status_of "$DAEMON" Uid)"
		log_says "^warning: .*running as user id $(status_of "$DAEMON" Uid), which nobody has"
		[ "$(stat -c '%a %u %g' "$SOCKET")" = '660 0 0' ]
		[ "$(status_of "$DAEMON" CapEff)" = 0000000000000000 ]
		stop_daemon
		[ ! -e "$SOCKET" ]
	done
}

# The daemon, what it started, and what that started.
family() { # PID
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		is_gone "$child" || family "$child"
	done
}

name_of() { # PID
	cat "/proc/$1/comm"
}

# Its log is a file, so that has a process as well.
start_family() {
	start_daemon "user = \"$1\"" "$CALM" "$(filesystem "$MOUNT" 20M 2M)" 'gate { ports = {2525} }'
	wait_until 20 has_responder
}

has_responder() {
	pgrep -P "$DAEMON" -x spoolgate-resp
}

@test "whatever users there are, no process is root but the scout and its keeper, and each has a list of system calls" {
	local user pid names
	for user in nobody no-such-user; do
		start_family "$user"
		names=
		for pid in $(family "$DAEMON"); do
			names+="$(name_of "$pid") "
			echo "$names: $(grep -E '^(Uid|Gid|Groups|Seccomp|CapEff):' "/proc/$pid/status" | tr '\n' ' ')"
			case $(name_of "$pid") in
			spoolgate-keep | spoolgate-scout) ;;
			*) [ "$(awk '/^(Uid|Gid):/ { print $2, $3, $4, $5 }' "/proc/$pid/status" | grep -cw 0)" -eq 0 ] ;;
			esac
			[ "$(status_of "$pid" Seccomp)" = 2 ]
			[ "$(status_of "$pid" NoNewPrivs)" = 1 ]
			[ "$(status_of "$pid" CapBnd)" = 0000000000000000 ]
			[ "$(status_of "$pid" CapAmb)" = 0000000000000000 ]
		done
		[ "$(tr ' ' '\n' <<<"$names" | sort | xargs)" = 'spoolgate-file spoolgate-keep spoolgate-log spoolgate-resp spoolgate-scout spoolgate-sock spoolgated' ]
		stop_daemon
	done
}

# Of script(1), which gives what it runs a terminal of its own.
start_on_terminal() {
	need_tool script bsdutils
	mkfifo "$SCRATCH/keys"
	printf '%s\n' "$CALM" "$(filesystem "$MOUNT" 20M 2M)" 'gate { ports = {2525} }' >"$CONFIG"
	# shellcheck disable=SC2016
	background terminal bash -c 'exec script -qefc "$1 -c $2 -s $3; true" /dev/null <>"$4"' - \
		"$BUILD/spoolgated" "$CONFIG" "$SOCKET" "$SCRATCH/keys"
	wait_until 60 test -S "$SOCKET"
	wait_until 20 answers_there
	DAEMON=$(pgrep -P "$(pgrep -P $!)" -x spoolgated)
	wait_until 60 loader_is_through
}

answers_there() {
	[[ $(ask ping) == pong ]]
}

@test "started from a terminal no process has it, nothing is read from it, and ^C ends the daemon" {
	local pid fd
	start_on_terminal
	wait_until 20 has_responder
	for pid in $(family "$DAEMON"); do
		name_of "$pid"
		[ "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 5)" = 0 ] # tty_nr
		[ "$(readlink "/proc/$pid/fd/0")" = /dev/null ]
		for fd in 1 2; do
			case $(readlink "/proc/$pid/fd/$fd") in
			/dev/pts/*) [ $((8#$(awk '/^flags:/ { print $2 }' "/proc/$pid/fdinfo/$fd") & 3)) -eq 1 ] ;; # O_WRONLY
			esac
		done
		[ "$(find "/proc/$pid/fd" -lname '/dev/pts/*' -o -lname /dev/tty | grep -vcE '/[12]$')" -eq 0 ]
	done
	pid=$DAEMON
	DAEMON=
	printf '\003' >"$SCRATCH/keys"
	wait_until 30 is_gone "$pid"
}

@test "without a terminal it has a session of its own, and so have those it starts" {
	local pid ours
	start_family nobody
	ours=" $(family "$DAEMON" | xargs) "
	for pid in $ours; do
		[[ $ours == *" $(ps -o sid= -p "$pid" | tr -d ' ') "* ]]
		[ "$(readlink "/proc/$pid/fd/0")" = /dev/null ]
	done
}

# What is opened next would be there otherwise, and have log lines written into it.
standard_are_null() { # PID
	local fd
	for fd in 0 1 2; do
		[ "$(readlink "/proc/$1/fd/$fd")" = /dev/null ]
	done
}

@test "descriptors 0 to 2 that are closed at the start are /dev/null, in each program" {
	local pid
	printf '%s\n' "$CALM" "$(filesystem "$MOUNT" 20M 2M)" >"$CONFIG"
	SPOOLGATE_SCRATCH=$SCRATCH/ "$BUILD/spoolgated" -c "$CONFIG" -s "$SOCKET" <&- >&- 2>&- 3>&- &
	DAEMON=$!
	wait_until 60 answers_there
	wait_until 60 loader_is_through
	for pid in $(family "$DAEMON"); do
		standard_are_null "$pid"
	done
	SPOOLGATE_SCRATCH=$SCRATCH/ "$BUILD/spoolgate-milter" -s "$SOCKET" -l "unix:$SCRATCH/milter/sock" <&- >&- 2>&- 3>&- &
	BACKGROUND+=($!)
	wait_until 20 test -S "$SCRATCH/milter/sock"
	standard_are_null $!
	stop_daemon
	# What reads its input ends at once, and what cannot be told is no success.
	timeout 20 "$BUILD/filter-spoolgate" -s "$SOCKET" <&- >&- 2>&- 3>&-
	run bash -c "'$BUILD/spoolgate' --version >&- 2>&-"
	[ "$status" -ne 0 ]
	run bash -c "'$BUILD/spoolgate-responder' <&- >&- 2>&-"
	[ "$status" -eq 64 ]
}

@test "directories that are there are not taken over, whatever their name" {
	local directory
	chmod go+rx "$SCRATCH"
	for directory in "$SCRATCH/spoolgate" "$SCRATCH/of-others"; do
		mkdir -m 0750 "$directory"
		chgrp mail "$directory"
		SOCKET=$directory/state.sock
		start_daemon 'user = "nobody"' "$CALM" "$(filesystem "$MOUNT" 20M 2M)" \
			"listen \"postfix\" { protocol = \"postfix-policy\" address = \"unix:$directory/policy\" }"
		stop_daemon
		[ "$(stat -c '%a %U %G' "$directory")" = '750 root mail' ]
		[ -z "$(ls -A "$directory")" ]
	done
}

@test "an override is kept over a restart in a directory of root's, too, and the file goes with the last one" {
	SOCKET=$SCRATCH/state.sock
	start_as no-such-user
	cli override high --for 1h
	is_closed
	stop_daemon KILL || true
	start_as no-such-user
	is_closed
	cli override off
	stop_daemon
	[ ! -e "$SOCKET.override" ]
	start_as no-such-user
	is_open
}

@test "a scout that is killed comes back with its own capabilities, under another user too" {
	local before
	start_as nobody
	before=$(scout_pid)
	kill -KILL "$before"
	wait_until 30 another_scout_than "$before"
	wait_until 30 counter_passes scout_starts 1
	[ "$(status_of "$(scout_pid)" CapEff)" = "$SCOUT_CAPABILITIES" ]
	wait_until 30 is_probed "$MOUNT"
}

@test "a reload works without privileges, also for paths that are closed to the user" {
	start_as nobody
	mkdir -m 0700 "$MOUNT/closed"
	printf '%s\n' 'user = "nobody"' "$CALM" "$(filesystem "$MOUNT/closed" 30M 2M)" >"$CONFIG"
	chmod 0644 "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 30 log_says 'configuration read again'
	wait_until 30 is_probed "$MOUNT/closed"
}

@test "a spool that belongs to somebody else is proven by a write beside it" {
	mkdir -m 0700 "$MOUNT/spool"
	chown daemon "$MOUNT/spool"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT/spool" 20M 2M)"
	is_probed "$MOUNT/spool"
	[ -z "$(ls -A "$MOUNT/spool")" ]
}

# The path's own parent is another filesystem; what is above the directory is not.
@test "a whole filesystem that belongs to somebody else is proven in its lost+found" {
	chown nobody "$MOUNT"
	chmod 0700 "$MOUNT"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT" 20M 2M)"
	is_probed "$MOUNT"
	[ "$(log_counts 'no trial write')" -eq 0 ]
	[ -z "$(find "$MOUNT" -mindepth 1 -type f)" ]
}

@test "a symbolic link to a spool that belongs to somebody else is proven beside the spool" {
	mkdir -m 0700 "$MOUNT/mail"
	mkdir -m 0700 "$MOUNT/mail/spool"
	chown -R nobody "$MOUNT/mail"
	ln -s "$MOUNT/mail/spool" "$SCRATCH/spool"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$SCRATCH/spool" 20M 2M)"
	is_probed "$SCRATCH/spool"
	[ "$(log_counts 'no trial write')" -eq 0 ]
	[ -z "$(find "$MOUNT" -mindepth 1 -type f)" ]
}

@test "who owns a spool may no longer write in it: mail is deferred until they may" {
	mkdir -m 0700 "$MOUNT/spool"
	chown daemon "$MOUNT/spool"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT/spool" 20M 2M)"
	is_open
	chmod 0500 "$MOUNT/spool"
	wait_until 20 is_closed
	log_says "$MOUNT/spool: no mail can be written there: Permission denied"
	chmod 0700 "$MOUNT/spool"
	wait_until 20 is_open
	log_says "$MOUNT/spool: mail can be written there again"
}

# As Postfix's: root owns the queue's top, the server's user where mail arrives.
@test "a spool of root's is tried where mail arrives, and as its owner" {
	mkdir -m 0755 "$MOUNT/spool"
	mkdir -m 0700 "$MOUNT/spool/incoming"
	chown daemon "$MOUNT/spool/incoming"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT/spool" 20M 2M)"
	is_open
	chown root "$MOUNT/spool/incoming"
	wait_until 20 is_closed
	log_says "who owned it, could write there before"
	chown daemon "$MOUNT/spool/incoming"
	wait_until 20 is_open
	chattr +i "$MOUNT/spool/incoming"
	wait_until 20 is_closed
	chattr -i "$MOUNT/spool/incoming"
	wait_until 20 is_open
}

@test "the way to a spool is closed to who owns it: mail is deferred until it is not" {
	mkdir -m 0755 "$MOUNT/var"
	mkdir -m 0700 "$MOUNT/var/spool"
	chown daemon "$MOUNT/var/spool"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT/var/spool" 20M 2M)"
	is_open
	chmod 0700 "$MOUNT/var"
	wait_until 20 is_closed
	chmod 0755 "$MOUNT/var"
	wait_until 20 is_open
}

@test "a spool is given to another user: mail is deferred until a reload says that this is right" {
	mkdir -m 0700 "$MOUNT/spool"
	chown daemon "$MOUNT/spool"
	start_daemon 'user = ""' "$CALM" "$(filesystem "$MOUNT/spool" 20M 2M)"
	is_open
	chown nobody "$MOUNT/spool"
	wait_until 20 is_closed
	kill -HUP "$DAEMON"
	wait_until 20 is_open
}

@test "canaries leave nothing behind" {
	start_as ''
	[ "$(find "$MOUNT" -mindepth 1 ! -name lost+found)" = '' ]
}

# As where a filter refuses capset(2): what is held with it would stay.
refuse_capset() {
	need_tool strace
	DAEMON_UNDER=(strace -f -qqq -o /dev/null -e trace=capset -e inject=capset:error=EPERM)
}

@test "a daemon that cannot give up its privileges does not start, and its responder serves nobody" {
	need_tool strace
	DAEMON_UNDER=(strace -f -qqq -o /dev/null -e trace=setresuid -e inject=setresuid:error=EAGAIN)
	run start_daemon 'user = "nobody"' "$(filesystem "$MOUNT" 20M 2M)" 'gate { ports = {2525} }'
	[ "$status" -ne 0 ]
	grep -F 'error: cannot become user nobody: Resource temporarily unavailable' "$LOG"
	grep -F 'error: the responder would keep privileges that it must not' "$LOG"
	! pgrep -f "$SCRATCH" >/dev/null
}

@test "one whose capabilities go with the change of its user starts" {
	local daemon
	refuse_capset
	start_as nobody
	[[ $(ask admission) == accept ]]
	daemon=$(pgrep -P "$DAEMON" -x spoolgated)
	[ "$(status_of "$daemon" CapEff)" = 0000000000000000 ]
	kill "$daemon"
	wait_until 30 is_gone "$DAEMON"
}
