#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The files of mail queues are counted, whatever the queue's owner does meanwhile.

load lib
load watch

# A filesystem that is never short, so that the queue alone judges; its directory is FILES.
setup() {
	need_root
	FILES=$SCRATCH/files
	mkdir "$FILES"
}

spool() {
	"$BUILD/tests/system/spool" "$@"
}

queue() { # PATH [MEDIUM HIGH]
	printf 'queue "%s" { length { medium = "%s" high = "%s" dwell = "1s" } }\n' \
		"$1" "${2:-off}" "${3:-off}"
}

watch_queue() { # CONFIG-TEXT...
	watch_only "filesystem \"$FILES\" { free-space { medium = off high = off } free-inodes {
		medium = off high = off } }" "$@"
}

length_is() { # PATH FILES
	resource_is queue-length "$1" .value "$2"
}

# CPU time of a process and its threads, in ms.
cpu_ms() { # PID
	awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / tick) }' \
		"/proc/$1/stat"
}

@test "100000 files in closed directories of another user are counted, and the start waits for it" {
	spool fill "$FILES/deferred" 100000 256
	chown -R nobody "$FILES/deferred"
	chmod 0700 "$FILES/deferred"
	watch_queue "$(queue "$FILES/deferred" 200000 300000)"
	length_is "$FILES/deferred" 100000
	resource_is queue-length "$FILES/deferred" .level normal
	resource_is queue-length "$FILES/deferred" .unit count
	is_open
	# Of the processes, only the scout could.
	[ "$(awk '/^CapEff:/ { print $2 }' "/proc/$DAEMON/status")" = 0000000000000000 ]
	((0x$(awk '/^CapEff:/ { print $2 }' "/proc/$(scout_pid)/status") & 4)) # CAP_DAC_READ_SEARCH
	stop_daemon
}

# Counted while the daemon runs, so that it can be asked meanwhile. (A tmpfs: a million files of a
# disk take minutes to make.)
@test "a million files are counted, and nobody waits for that" {
	local slowest
	local -i begin
	mount -t tmpfs -o size=4G,nr_inodes=2M none "$FILES"
	spool fill "$FILES/deferred" 1000000 256
	watch_queue "$(queue "$FILES" off off)"
	reload "filesystem \"$SCRATCH\" { free-space { medium = off high = off } free-inodes {
		medium = off high = off } }" "$(queue "$FILES/deferred" 1500000 2000000)"
	begin=$(now_ms)
	for _ in 1 2 3; do
		slowest=$("$BUILD/tests/system/clients" slowest "$SOCKET" 50)
		tell "the slowest of 50 answers took $slowest ms"
		((${slowest%.*} >= 50)) || break
	done
	((${slowest%.*} < 50))
	wait_until 60 length_is "$FILES/deferred" 1000000
	tell "counted after $(($(now_ms) - begin)) ms"
	is_open
	stop_daemon
}

@test "growth across both thresholds closes, draining reopens" {
	spool fill "$FILES/deferred" 1000 16
	watch_queue "$(queue "$FILES/deferred" 2000 3000)"
	is_open
	spool fill "$FILES/deferred/more" 1500 16
	wait_until 30 is_closed
	length_is "$FILES/deferred" 2500
	admits submission accept
	[[ $(field '.reasons[0]') == "queue-length of $FILES/deferred is 2500: medium is entered above 2000 and left below 1600"* ]]
	spool fill "$FILES/deferred/still" 1500 0
	wait_until 30 level_is high
	admits submission "$DEFER"
	rm -r "$FILES/deferred/more" "$FILES/deferred/still"
	wait_until 30 is_open
	length_is "$FILES/deferred" 1000
	stop_daemon
}

@test "renames in a storm: the count is about right meanwhile, and right after" {
	local storm value
	spool fill "$FILES/queue" 4096 64
	watch_queue "$(queue "$FILES/queue")"
	background storm "$BUILD/tests/system/spool" storm "$FILES/queue" 64
	storm=$!
	for _ in {1..12}; do
		sleep 1
		value=$(resource queue-length "$FILES/queue" .value)
		((value >= 2048 && value <= 8192))
	done
	! is_gone "$storm"
	end_process "$storm" KILL || true
	# Renames dirty no page that the ledger would tell of: without its word it is 30 s.
	wait_until 75 length_is "$FILES/queue" 4096
	stop_daemon
}

@test "a queue that is not there is warned of once, and counted when it is" {
	watch_queue "$(queue "$FILES/deferred")" "$(queue "$FILES/file")"
	touch "$FILES/file"
	has_no_resource queue-length "$FILES/deferred"
	log_says "^warning: $FILES/deferred: No such file or directory; its files are counted once it is there"
	sleep 6
	[ "$(grep -c "$FILES/deferred: No such file" "$LOG")" -eq 1 ]
	spool fill "$FILES/deferred" 10 0
	wait_until 30 length_is "$FILES/deferred" 10
	log_says "^$FILES/deferred: is there now, its files are counted"
	rm -r "$FILES/deferred"
	wait_until 40 has_no_resource queue-length "$FILES/deferred"
	stop_daemon
}

@test "links and other filesystems are left alone, nothing keeps a queue from being unmounted" {
	loop_mount ext4 16
	spool fill "$MOUNT/queue" 100 4
	mkdir "$FILES/queue" "$FILES/queue/other" "$FILES/elsewhere"
	spool fill "$FILES/elsewhere/a" 50 0
	ln -s "$FILES/elsewhere" "$FILES/queue/link"
	spool fill "$FILES/queue/own" 7 0
	mount --bind "$MOUNT" "$FILES/queue/other"
	watch_queue "$(queue "$FILES/queue")" "$(queue "$MOUNT/queue")"
	length_is "$FILES/queue" 7
	length_is "$MOUNT/queue" 100
	log_says "^warning: $FILES/queue: 1 directory on other filesystems below it is not counted: other$"
	umount "$FILES/queue/other"
	umount "$MOUNT"
	wait_until 40 has_no_resource queue-length "$MOUNT/queue"
	length_is "$FILES/queue" 7
	stop_daemon
}

# Without snapshots of what changes all the time, each directory of a queue may be a subvolume.
@test "subvolumes of btrfs are the same filesystem, mounted or not" {
	loop_mount btrfs 128
	local queue=$MOUNT/queue other
	mkdir "$queue" "$queue/active" "$queue/mounted" "$queue/tmpfs"
	btrfs subvolume create "$queue/deferred"
	btrfs subvolume create "$queue/deferred/A"
	btrfs subvolume create "$MOUNT/@mounted"
	mount -o subvol=@mounted "$(findmnt -no SOURCE "$MOUNT")" "$queue/mounted"
	mount -t tmpfs none "$queue/tmpfs"
	spool fill "$queue/active" 1 0
	spool fill "$queue/deferred" 30 4
	spool fill "$queue/deferred/A" 200 4
	spool fill "$queue/mounted" 1000 4
	spool fill "$queue/tmpfs" 5000 4
	watch_queue "$(queue "$queue" 2000 off)"
	length_is "$queue" 1231
	log_says "^warning: $queue: 1 directory on other filesystems below it is not counted: tmpfs$"
	is_open
	spool fill "$queue/deferred/A/more" 2000 4
	wait_until 40 length_is "$queue" 3231
	is_closed
	btrfs subvolume delete "$queue/deferred/A"
	wait_until 75 length_is "$queue" 1031
	other=$MOUNT
	loop_mount btrfs 128
	spool fill "$MOUNT" 77 0
	mount --bind "$MOUNT" "$queue/active"
	wait_until 75 length_is "$queue" 1030
	stop_daemon
	umount "$queue/active" "$queue/mounted" "$queue/tmpfs" "$MOUNT" "$other"
}

@test "a queue on a hung filesystem hangs nothing else, neither at the start nor later" {
	local begin hung
	[[ -e /dev/fuse ]] || skip "no FUSE here"
	spool fill "$FILES/queue" 300 4
	mkdir "$FILES/hung"
	background hung "$BUILD/tests/system/hung" "$FILES/hung"
	hung=$!
	wait_until 30 grep -q hangs "$SCRATCH/hung.out"
	begin=$(now_ms)
	watch_queue "$(queue "$FILES/hung" 1 2)" "$(queue "$FILES/queue")"
	tell "the start took $(($(now_ms) - begin)) ms"
	[ $(($(now_ms) - begin)) -lt 20000 ]
	length_is "$FILES/queue" 300
	length_is "$FILES/hung" null
	spool fill "$FILES/queue/more" 50 4
	wait_until 30 length_is "$FILES/queue" 350
	is_open
	end_process "$hung" || true
	wait_until 30 has_no_resource queue-length "$FILES/hung"
	log_says "^warning: $FILES/hung: .*; its files are counted once it is there"
	stop_daemon
}

@test "a reload with another queue counts that one, with other thresholds judges anew" {
	spool fill "$FILES/a" 100 0
	spool fill "$FILES/b" 200 0
	local all="filesystem \"$FILES\" { free-space { medium = off high = off } free-inodes {
		medium = off high = off } }"
	watch_queue "$(queue "$FILES/a")"
	reload "$all" "$(queue "$FILES/a" 50 off)"
	promptly is_closed
	length_is "$FILES/a" 100
	reload "$all" "$(queue "$FILES/b")"
	wait_until 20 length_is "$FILES/b" 200
	has_no_resource queue-length "$FILES/a"
	wait_until 20 is_open
	# Each reload starts threads and ends as many: there is no end to them.
	for _ in {1..30}; do
		reload "$all" "$(queue "$FILES/a")" "$(queue "$FILES/b")" "$(queue "$FILES")"
		reload "$all" "$(queue "$FILES/b")" "$(queue "$FILES/a")" "$(queue "$FILES")"
	done
	wait_until 20 length_is "$FILES/a" 100
	stop_daemon
}

# Until the scout has just read something, and rests from it: rounds are far apart (5 s and
# more), and a window that ends where one began has as many rests as rounds.
after_a_round() {
	local -i before now
	now=$(cpu_ms "$(scout_pid)")
	for _ in {1..120}; do
		before=$now
		sleep 0.25
		now=$(cpu_ms "$(scout_pid)")
		((now - before < 10)) || return 0
	done
	return 1
}

# 200000 files, so many that reading them every five seconds would take some percent, and
# COMMAND changes all of their directories all the time.
costs_half_a_percent() { # DIRECTORIES COMMAND...
	local -i before after begin elapsed
	local churn
	mount -t tmpfs none "$FILES"
	spool fill "$FILES/queue" 200000 "$1"
	shift
	watch_queue "$(queue "$FILES/queue")"
	length_is "$FILES/queue" 200000
	background churn "$@"
	churn=$!
	after_a_round
	before=$(cpu_ms "$(scout_pid)")
	begin=$(now_ms)
	sleep 20
	after_a_round
	sleep 0.25 # should it not have been over
	after=$(cpu_ms "$(scout_pid)")
	elapsed=$(($(now_ms) - begin))
	! is_gone "$churn"
	tell "$((after - before)) ms of CPU time in $elapsed ms"
	# Half a percent, a tick of the clock, and as much for a look at the filesystem every second.
	((after - before <= elapsed / 200 + 20))
	stop_daemon
}

@test "a queue where every directory changes all the time is counted at 0.5 % of a core" {
	costs_half_a_percent 64 "$BUILD/tests/system/spool" storm "$FILES/queue" 64
}

# One that is read is rested from, or it would be read again and again.
@test "a queue of one large directory that changes all the time is counted at 0.5 % of a core" {
	# shellcheck disable=SC2016
	costs_half_a_percent 0 bash -c 'while read -rt 0.2 <> <(:) || :; do >"$1/new"; rm "$1/new"; done' - \
		"$FILES/queue"
}
