#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# /proc in a container: files of a FUSE filesystem, mounted over the kernel's, that change, fail,
# hang and are gone.

load lib
load watch

setup() {
	need_root
	[[ -e /dev/fuse ]] || skip "no FUSE here"
	TOLD=$SCRATCH/told
	DAEMON_UNDER=("${APART[@]}")
}

teardown() {
	[[ ! -s $SCRATCH/fuse ]] || end_fuse
	tear_down
}

meminfo() { # AVAILABLE-MIB
	printf 'MemTotal: 1048576 kB\nMemFree: 1000 kB\nMemAvailable: %d kB\n' $(($1 * 1024)) >"$TOLD"
}

# Mounted before the daemon starts, in its own mount namespace; the server's pid is in $SCRATCH/fuse.
already_over() { # FILE
	# shellcheck disable=SC2016
	DAEMON_UNDER+=(bash -c '"$1" "$2" "$3" & echo $! >"$4"
			until grep -q " $2 .*fuse.stub" /proc/self/mountinfo; do read -rt 0.05 <> <(:); done
			shift 4; exec "$@"' -
		"$BUILD/tests/system/fuse" "$1" "$TOLD" "$SCRATCH/fuse")
}

# While it runs.
mount_over() { # FILE
	background fuse nsenter -t "$DAEMON" -m "$BUILD/tests/system/fuse" "$1" "$TOLD"
	echo $! >"$SCRATCH/fuse"
	wait_until 20 grep -q ready "$SCRATCH/fuse.out"
}

unmount() { # FILE
	nsenter -t "$DAEMON" -m umount -l "$1"
}

end_fuse() {
	kill -KILL "$(<"$SCRATCH/fuse")" 2>/dev/null || true
}

start() { # [USER]
	start_daemon "user = \"${1:-}\"" "filesystem \"$SCRATCH\" { free-space { medium = off high = off }
			free-inodes { medium = off high = off } }" \
		'memory { available { medium = "100M" high = "50M" dwell = "1s" }
			stall { medium = "off" high = "off" } }'
}

available_is() { # MIB
	resource_is memory-available host '.value / 1048576 | floor' "$1"
}

is_the_kernels() {
	resource_is memory-available host '.value / 1048576 > 1024' true
}

@test "meminfo of a container is read, and judged" {
	meminfo 400
	already_over /proc/meminfo
	start nobody
	log_says '^/proc/meminfo is not the kernel.s own here'
	available_is 400
	is_open
	meminfo 70
	wait_until 20 is_closed
	available_is 70
	admits submission accept
	meminfo 500
	wait_until 20 is_open
	stop_daemon
}

@test "one that is mounted while the daemon runs is taken, and left again" {
	meminfo 70
	start nobody
	is_the_kernels
	is_open
	mount_over /proc/meminfo
	wait_until 20 is_closed
	available_is 70
	unmount /proc/meminfo
	wait_until 20 is_the_kernels
	wait_until 20 is_open
	end_fuse
	stop_daemon
}

@test "one that hangs hangs nobody, and opens and closes nothing at first" {
	local slowest
	meminfo 70
	already_over /proc/meminfo
	start
	wait_until 20 is_closed
	echo hang >"$TOLD"
	log_says '^warning: /proc/meminfo cannot be read: it does not answer; for a while counts what it said last'
	slowest=$("$BUILD/tests/system/clients" slowest "$SOCKET" 50)
	tell "the slowest of 50 answers took $slowest ms"
	((${slowest%.*} < 1000))
	is_closed
	available_is 70
	meminfo 400
	wait_until 20 is_open
	log_says '^/proc/meminfo can be read again'
	stop_daemon
}

# lxcfs restarted: what it had mounted is dead, whoever opens it.
@test "one that is dead counts for less than a minute, and is opened again when it is gone" {
	local -i begin
	meminfo 70
	already_over /proc/meminfo
	start nobody
	wait_until 20 is_closed
	begin=$(now_ms)
	end_fuse
	log_says '^warning: /proc/meminfo cannot be read: Transport endpoint is not connected'
	is_closed
	wait_until 90 has_no_resource memory-available host
	tell "dropped after $(($(now_ms) - begin)) ms"
	(($(now_ms) - begin > 30000))
	log_says '^warning: /proc/meminfo: memory-available of the host is not known, and not judged'
	is_open
	unmount /proc/meminfo
	wait_until 20 is_the_kernels
	log_says '^/proc/meminfo can be read again'
	[ "$(log_counts 'meminfo cannot be read')" -eq 1 ]
	stop_daemon
}

@test "without MemAvailable it is said once that it is not judged" {
	printf 'MemTotal: 1048576 kB\nMemFree: 1000 kB\n' >"$TOLD"
	already_over /proc/meminfo
	start
	log_says '^warning: /proc/meminfo says no MemAvailable .*: memory-available of the host is not known, and not judged'
	has_no_resource memory-available host
	is_open
	sleep 6
	[ "$(log_counts MemAvailable)" -eq 1 ]
	meminfo 70
	wait_until 20 is_closed
	stop_daemon
}

@test "the other files of /proc are read by the scout, too, where they are not the kernel's" {
	printf 'oom_kill 3\n' >"$TOLD"
	already_over /proc/vmstat
	start nobody
	resource_is oom-kill host .value 0
	printf 'oom_kill 5\n' >"$TOLD"
	wait_until 20 resource_is oom-kill host .value 2
	printf 'oom_kill 1\n' >"$TOLD" # another's
	sleep 6
	printf 'oom_kill 2\n' >"$TOLD"
	wait_until 20 resource_is oom-kill host .value 3
	stop_daemon
}

@test "a container's own pressure is read, without a trigger" {
	local -i total=1000000
	[[ -e /proc/pressure/io ]] || skip "this kernel has no PSI"
	printf 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n' $total >"$TOLD"
	already_over /proc/pressure/memory
	start nobody
	resource_is memory-stall host .value 0
	resource_is memory-stall host .backend poll
	printf 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=%d\n' \
		$((total + 4000000)) >"$TOLD"
	wait_until 30 resource_is memory-stall host '.value > 1' true
	echo hang >"$TOLD"
	log_says '^warning: /proc/pressure/memory cannot be read: it does not answer'
	has_resource memory-stall host
	stop_daemon
}

threads() {
	find "/proc/$(scout_pid)/task" -mindepth 1 -maxdepth 1 | wc -l
}

@test "what is mounted over and over takes no thread each time" {
	local round once
	meminfo 400
	start nobody
	printf 'error 5\n' >"$TOLD"
	for round in {1..5}; do
		mount_over /proc/meminfo
		wait_until 20 grep -q 'meminfo cannot be read' "$LOG"
		end_fuse
		unmount /proc/meminfo
		((round > 1)) || once=$(threads)
	done
	wait_until 20 is_the_kernels
	tell "$once threads after the first, $(threads) after the fifth"
	(($(threads) <= once + 1))
	stop_daemon
}
