# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for the system tests: `load lib` at the top of a .bats file gives a daemon, loop
# filesystems, and a teardown that ends all of it and fails the test if anything is left.
# A file with a teardown of its own calls `tear_down` last in it. tests/run sources this too.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$TOP/build
export TOP BUILD PATH=$PATH:/usr/sbin:/sbin

# Of the test that runs. The directory is the test's own; bats removes it.
SCRATCH=${BATS_TEST_TMPDIR:-}
SOCKET=$SCRATCH/state.sock
CONFIG=$SCRATCH/spoolgate.conf
LOG=$SCRATCH/daemon.log
DAEMON=''         # the daemon's pid, while there is one
DAEMON_UNDER=() # run the daemon under this command, which must exec it
APART=(unshare -m --propagation private "$TOP/tests/system/apart" "$SCRATCH") # mounts of its own
LEAVING=${LEAVING:-60} # seconds that what was ended may take to go: hosts that test are busy
BACKGROUND=()  # pids of what `background` started
BEGUN=$(cut -d ' ' -f 1 /proc/uptime 2>/dev/null)

# --- conditions -----------------------------------------------------------------------------

need_root() {
	[[ $EUID -eq 0 ]] || skip "needs root"
}

need_tool() { # COMMAND [PACKAGE]
	command -v "$1" >/dev/null || skip "needs $1${2:+ (package $2)}"
}

# Asks for what any loader of tracing programs needs, not for our programs: if ours do not
# load where these conditions hold, that is a failure and no reason to skip.
need_bpf() {
	local capabilities
	need_root
	capabilities=0x$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
	(((capabilities >> 21 & 1) || ((capabilities >> 38 & 1) && (capabilities >> 39 & 1)))) ||
		skip "needs CAP_BPF and CAP_PERFMON"
	[[ -r /sys/kernel/btf/vmlinux ]] || skip "this kernel has no BTF"
	bpftool map list >/dev/null 2>&1 || skip "bpf(2) is refused here"
}

# --- time and processes ---------------------------------------------------------------------

now_us() {
	echo "${EPOCHREALTIME/[.,]/}"
}

in_us() { # SECONDS, fractions allowed
	LC_ALL=C printf '%.0f' "${1}e6"
}

# Until COMMAND succeeds. Its output is dropped, so that a failing test shows only the last.
wait_until() { # SECONDS COMMAND...
	local -i end
	end=$(($(now_us) + $(in_us "$1")))
	shift
	until "$@" >/dev/null 2>&1; do
		if (($(now_us) > end)); then
			"$@"
			return
		fi
		sleep 0.02
	done
}

is_gone() { # PID
	! kill -0 "$1" 2>/dev/null || [[ $(ps_state "$1") == Z ]]
}

ps_state() { # PID
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return
	stat=${stat##*) }
	echo "${stat%% *}"
}

# In the background, ended by the teardown; its pid is in $!. Output goes to $SCRATCH/NAME.out.
background() { # NAME COMMAND...
	local name=$1
	shift
	SPOOLGATE_SCRATCH=$SCRATCH/ "$@" </dev/null >"$SCRATCH/$name.out" 2>&1 3>&- &
	BACKGROUND+=($!)
}

end_process() { # PID [SIGNAL]: returns its exit status; -9 after 30 s
	kill -"${2:-TERM}" "$1" 2>/dev/null
	if ! wait_until 30 is_gone "$1"; then
		echo "process $1 did not end by SIG${2:-TERM}"
		kill -KILL "$1"
	fi
	wait "$1"
}

# --- the daemon -----------------------------------------------------------------------------

# With the configuration made of the arguments, a line each (none: the embedded default).
# Returns when it answers, and has all the programs that it can have in the kernel (on a busy host
# some come after the first answers; AWAIT_LOADER=no for who wants to see that). May be called again after stop_daemon; the log goes on.
start_daemon() { # CONFIG-TEXT...
	local options=(-s "$SOCKET")
	if (($#)); then
		printf '%s\n' "$@" >"$CONFIG"
		options+=(-c "$CONFIG")
	fi
	# It gives up root, and must reach its socket's directory then.
	[[ $SCRATCH && $EUID -eq 0 ]] && chmod go+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$SCRATCH"
	SPOOLGATE_SCRATCH=$SCRATCH/ "${DAEMON_UNDER[@]}" "${DAEMON_PROGRAM:-$BUILD/spoolgated}" "${options[@]}" \
		</dev/null >>"$LOG" 2>&1 3>&- &
	DAEMON=$!
	wait_until 60 daemon_answers_or_died
	if is_gone "$DAEMON"; then
		local status=0
		wait "$DAEMON" || status=$?
		DAEMON=
		echo "spoolgated ended with status $status:"
		daemon_log
		return 1
	fi
	[[ ${AWAIT_LOADER:-} == no ]] || wait_until 60 loader_is_through
}

loader_is_through() {
	local pid
	for pid in $(pgrep -P "$DAEMON" -x spoolgate-load); do
		is_gone "$pid" || return
	done
}

daemon_answers_or_died() {
	is_gone "$DAEMON" || [[ $(ask ping) == pong ]]
}

# Returns the daemon's exit status: 0 is right after a SIGTERM, `stop_daemon KILL || true`.
# shellcheck disable=SC2120
stop_daemon() { # [SIGNAL]
	local pid=$DAEMON
	DAEMON=
	[[ $pid ]] && end_process "$pid" "${1:-TERM}"
}

daemon_log() {
	cat "$LOG"
}

# One request, one reply, over a connection of its own; the reply is on stdout.
ask() { # REQUEST-LINE
	timeout 5 socat -t 5 - "UNIX-CONNECT:$SOCKET" <<<"$1"
}

# A value out of the status: `field .level`, `field '.resources[0].value'`.
field() { # JQ-EXPRESSION
	ask status | jq -r "$1"
}

cli() { # ARGUMENT...
	"$BUILD/spoolgate" -s "$SOCKET" "$@"
}

# --- filesystems ----------------------------------------------------------------------------

# Make a filesystem in a file and mount it. Its mount point is in $MOUNT.
# xfs wants 300 MiB, unless told (as here) that it is for a test; btrfs 109 MiB.
loop_mount() { # ext4|xfs|btrfs SIZE-MIB [MKFS-OPTION...]
	local kind=$1 image options=()
	need_root
	need_tool "mkfs.$kind"
	image=$(mktemp "$SCRATCH/$kind.XXXX.img")
	MOUNT=${image%.img}
	truncate -s "${2}M" "$image"
	shift 2
	case $kind in
	# All of it now: what the kernel would initialise later is writing that a test did not do.
	ext4) options=(-q -F -E 'lazy_itable_init=0,lazy_journal_init=0') ;;
	xfs) options=(-q -f) ;;
	btrfs) options=(-q -f) ;;
	esac
	if ! TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 "mkfs.$kind" "${options[@]}" "$@" "$image" \
		>"$SCRATCH/mkfs.log" 2>&1; then
		cat "$SCRATCH/mkfs.log"
		return 1
	fi
	mkdir "$MOUNT"
	[[ -e /dev/loop-control ]] || skip "no loop devices here"
	# -o loop: the device goes with the mount.
	if ! mount -t "$kind" -o loop "$image" "$MOUNT"; then
		grep -qw "$kind" /proc/filesystems || skip "this kernel has no $kind"
		return 1
	fi
	chmod 1777 "$MOUNT"
}

# Frozen for at most SECONDS (60): thawed by a process of its own, should the test hang. It
# waits without a `sleep`, which would be left over when it is ended.
freeze() { # MOUNT [SECONDS]
	# shellcheck disable=SC2016
	background "thaw-${1##*/}" bash -c 'read -rt "$2" <> <(:); fsfreeze -u "$1"' - "$1" "${2:-60}"
	fsfreeze -f "$1"
}

thaw() { # MOUNT
	fsfreeze -u "$1"
}

# --- what is left ---------------------------------------------------------------------------

mounts_below() { # DIRECTORY: the last mounted first
	awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac
}

loops_below() { # DIRECTORY
	local file
	for file in /sys/block/loop*/loop/backing_file; do
		[[ $(cat "$file" 2>/dev/null) == "$1"/* ]] && echo "/dev/$(cut -d/ -f4 <<<"$file")"
	done
	return 0
}

# Known by their environment: they were started with SPOOLGATE_SCRATCH set to the directory.
processes_below() { # DIRECTORY
	local file
	SPOOLGATE_SCRATCH='' grep -lasF "SPOOLGATE_SCRATCH=$1/" /proc/[0-9]*/environ |
		while read -r file; do cut -d/ -f3 <<<"$file"; done
}

left_behind() { # DIRECTORY
	local thing
	for thing in $(processes_below "$1"); do
		echo "process $thing ($(tr '\0' ' ' 2>/dev/null <"/proc/$thing/cmdline"))"
	done
	mounts_below "$1" | sed 's/^/mount /'
	loops_below "$1" | sed 's/^/loop device /'
}

nothing_left() { # DIRECTORY
	[[ -z $(left_behind "$1") ]]
}

# Thaw first: a process that waits for a frozen filesystem cannot be killed.
sweep() { # DIRECTORY
	local thing
	for thing in $(mounts_below "$1"); do
		fsfreeze -u "$thing" 2>/dev/null
	done
	for thing in $(processes_below "$1"); do
		kill -KILL "$thing" 2>/dev/null
	done
	for thing in $(mounts_below "$1"); do
		wait_until 3 umount "$thing" 2>/dev/null || umount -l "$thing"
	done
	for thing in $(loops_below "$1"); do
		losetup -d "$thing" 2>/dev/null
	done
	return 0
}

# System calls that our programs made and are in none of their lists (user/common/allow.h), since the
# test began, also by another test's: the kernel's log has them, where it has one for us. (-1 are
# those that strace(1) refused.)
refused_calls() {
	dmesg 2>/dev/null | grep -v ' syscall=-1 ' | awk -v since="${BEGUN:-0}" -v build=" exe=\"$BUILD/" '
		/ audit: type=1326 / && (at = index($0, build)) {
			program = substr($0, at + length(build))
			time = $0
			gsub(/^\[ *|\].*/, "", time)
			if (time + 0 >= since && program !~ /^tests\//) print
		}'
}

# bats calls a teardown with `set -e` off: each step runs, whatever the one before did.
tear_down() {
	local pid mount left
	for mount in $(mounts_below "$SCRATCH"); do
		fsfreeze -u "$mount" 2>/dev/null
	done
	# shellcheck disable=SC2119
	[[ $DAEMON ]] && stop_daemon >/dev/null 2>&1
	for pid in "${BACKGROUND[@]}"; do
		end_process "$pid" >/dev/null 2>&1
	done
	wait_until "$LEAVING" no_process_left
	for mount in $(mounts_below "$SCRATCH"); do
		wait_until "$LEAVING" umount "$mount"
	done
	# Loop devices are let go of by a kernel worker, a moment after the mount.
	wait_until "$LEAVING" nothing_left "$SCRATCH"
	left=$(left_behind "$SCRATCH")
	sweep "$SCRATCH"
	[[ -s $LOG ]] && tail -n 60 "$LOG" # bats shows it when the test failed
	[[ -z $left ]] || {
		printf 'left behind by the test:\n%s\n' "$left"
		return 1
	}
	left=$(refused_calls)
	[[ -z $left ]] || {
		printf 'system calls that were refused:\n%s\n' "$left"
		return 1
	}
}

no_process_left() {
	[[ -z $(processes_below "$SCRATCH") ]]
}

teardown() {
	tear_down
}
