#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A day in the life of a healthy, busy host: loads that are not pressure, one after the other. Not one
# message may be refused for them; and with real pressure added to the same load, mail is refused in
# time. A new kind is a function load_KIND, which starts it in the background until it is ended, and
# a test with one line.
#
# Alone: what happens on the host is its subject.

load lib
load watch

readonly LOADED=${LOADED:-7000} # milliseconds of each
readonly IN_TIME=30             # seconds in which the spool is filled, and mail refused: all are busy

setup() {
	need_bpf
	loop_mount ext4 512
	SPOOL=$MOUNT
	mkdir -p "$SPOOL/queue/incoming" "$SPOOL/elsewhere"
	chmod 755 "$SPOOL/queue"
	chown mail "$SPOOL/queue/incoming"
	GROUP=''
	# As it comes, but for the name: defaults are what is promised.
	start_daemon 'user = ""' "filesystem \"$SPOOL/queue\" { }" 'memory { }'
	is_open || skip "this host is short of something already: $(field '.reasons[0]')"
}

teardown() {
	# In groups of their own: a load is many processes.
	local pid
	for pid in "${LOADS[@]}"; do
		kill -KILL -- "-$pid" 2>/dev/null
	done
	[[ -z $GROUP ]] || wait_until 30 rmdir "$GROUP"
	tear_down
}

# --- asking ---------------------------------------------------------------------------------

# Fifty times a second, on one connection, answers are in $SCRATCH/asked.out.
ask_on() {
	# shellcheck disable=SC2016
	background asked setsid bash -c 'while echo admission inbound; do read -rt 0.02 <> <(:); done |
		socat - "UNIX-CONNECT:$1"' - "$SOCKET"
	LOADS+=("$!")
	wait_until 10 test -s "$SCRATCH/asked.out"
}

answers() { # PATTERN
	grep -cE "$1" "$SCRATCH/asked.out" || true
}

busy() { # KIND
	local -i begin
	LOADS=()
	ask_on
	"load_$1"
	stays "$LOADED" is_open
	tell "$1: $(answers '^accept$') accepted, $(answers '^(defer|delay|error)') not"
	[ "$(answers '^(defer|delay|error)')" -eq 0 ]
	[ "$(answers '^accept$')" -gt $((LOADED / 100)) ]
	begin=$(now_ms)
	background pressure dd if=/dev/zero of="$SPOOL/elsewhere/pressure" bs=1M \
		count=$(($(available_mib "$SPOOL") - 30)) status=none
	wait_until "$IN_TIME" is_closed
	tell "$1, and then a spool that fills: refused after $(($(now_ms) - begin)) ms"
}

# COMMAND of a shell, over and over, with the spool as $1 and ARGUMENTS after it.
again_and_again() { # NAME COMMAND [ARGUMENT...]
	background "$1" setsid bash -c "while :; do $2; done" - "$SPOOL" "${@:3}"
	LOADS+=("$!")
}

# --- the kinds ------------------------------------------------------------------------------

# Somebody else's container, with a limit that is too small for what it does.
load_thrash() {
	local limit=memory.limit_in_bytes top=/sys/fs/cgroup/memory
	if [[ ! -e $top/$limit ]]; then
		top=/sys/fs/cgroup limit=memory.max
		grep -qsw memory "$top/cgroup.subtree_control" || skip "no memory controller to use here"
	fi
	GROUP=$top/spoolgate-busy-$BASHPID
	mkdir "$GROUP"
	echo 24M >"$GROUP/$limit"
	# shellcheck disable=SC2016
	again_and_again thrash 'echo $$ >"$2/cgroup.procs"
		dd if=/dev/zero of="$3" bs=1M count=200 conv=notrunc status=none' "$GROUP" "$SCRATCH/theirs"
}

# Reads all there is, and writes large files on the same filesystem.
load_backup() {
	# shellcheck disable=SC2016
	again_and_again backup 'dd if=/dev/zero of="$1/backup" bs=1M count=150 status=none
		cat "$1/backup" >/dev/null; cp "$1/backup" "$1/copy"; rm "$1/backup" "$1/copy"'
}

load_database() {
	dd if=/dev/zero of="$SPOOL/database" bs=1M count=64 status=none
	again_and_again database "$BUILD/tests/system/overwrite \"\$1/database\" 64 1 >/dev/null"
}

load_mounts() {
	mkdir "$SCRATCH/storm"
	# shellcheck disable=SC2016
	again_and_again mounts 'mount -t tmpfs none "$2" && umount "$2"' "$SCRATCH/storm"
}

load_holder() {
	background hold "$BUILD/tests/system/hold" "$(id -u nobody)" "$SPOOL" "$SPOOL/queue"
	wait_until 20 grep -qx held "$SCRATCH/hold.out" || skip "$(cat "$SCRATCH/hold.out")"
	background waits touch "$SPOOL/queue/new"
}

load_reserving() {
	# shellcheck disable=SC2016
	again_and_again reserving 'fallocate -l 128M "$1/reserved"
		dd if=/dev/zero of="$1/direct" bs=1M count=64 oflag=direct status=none; rm "$1/reserved" "$1/direct"'
}

load_small_files() {
	mkdir "$SPOOL/many"
	# shellcheck disable=SC2016
	again_and_again small 'seq -f "$1/many/%.0f" 3000 | xargs touch; rm -r "$1/many"; mkdir "$1/many"'
}

load_syncs() {
	local i
	for i in {1..16}; do
		# shellcheck disable=SC2016
		again_and_again "sync-$i" 'dd if=/dev/zero of="$1/sync.$2" bs=64k count=8 conv=fsync status=none
			sync -f "$1"' "$i"
	done
}

# --- each -----------------------------------------------------------------------------------

@test "another cgroup thrashes" {
	busy thrash
}

@test "a backup reads and writes" {
	busy backup
}

@test "a database overwrites in place" {
	busy database
}

@test "filesystems are mounted and unmounted all the time" {
	busy mounts
}

@test "a user holds the locks of the queue's directories" {
	busy holder
}

@test "bursts of fallocate and O_DIRECT" {
	busy reserving
}

@test "small files by the thousand come and go" {
	busy small_files
}

@test "many sync at once" {
	busy syncs
}

@test "each kind has a test" {
	local kind
	for kind in $(declare -F | sed -n 's/^declare -f load_//p'); do
		grep -q "busy $kind\$" "$BATS_TEST_FILENAME"
	done
}
