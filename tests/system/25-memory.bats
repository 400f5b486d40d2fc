#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The host's memory: what is available, reclaim, and the OOM killer.
#
# Alone: what happens to the memory of the host is its subject.

load lib
load watch

setup() {
	need_root
	mkdir "$SCRATCH/spool"
	mount -t tmpfs -o size=16M none "$SCRATCH/spool"
	GROUP=''
}

teardown() {
	# What was charged to it goes with its files.
	if [[ $GROUP ]]; then
		rm -f "$SCRATCH/cache"
		wait_until 30 end_group
	fi
	tear_down
}

available_now_mib() {
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# So much can be taken without harm to the host, in MiB: in $TAKE.
share_of_memory() {
	TAKE=$(($(available_now_mib) / 4))
	((TAKE >= 512)) || skip "needs 2 GiB of available memory"
	((TAKE <= 1536)) || TAKE=1536
}

start() { # MEMORY-BLOCK
	start_daemon 'user = ""' "$1" "$(filesystem "$SCRATCH/spool" 1M 512K)"
}

# A memory cgroup of our own, in $GROUP, with so much.
make_group() { # MIB
	local limit=memory.limit_in_bytes top=/sys/fs/cgroup/memory
	if [[ ! -e $top/$limit ]]; then
		top=/sys/fs/cgroup limit=memory.max
		grep -qsw memory "$top/cgroup.subtree_control" || skip "no memory controller to use here"
	fi
	GROUP=$top/spoolgate-test-$BASHPID
	mkdir "$GROUP"
	echo "${1}M" >"$GROUP/$limit"
}

end_group() {
	local pid
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done <"$GROUP/cgroup.procs"
	rmdir "$GROUP"
}

in_group() { # COMMAND...
	# shellcheck disable=SC2016
	bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$GROUP" "$@"
}

@test "memory-available turns when processes take it, and reopens when they give it back" {
	local medium hog
	share_of_memory
	# What else goes on on the host has a third of it in either direction.
	medium=$(($(available_now_mib) - TAKE * 2 / 3))
	start "memory { available { medium = \"${medium}M\" leave-medium = \"$((medium + TAKE / 6))M\" high = \"256M\" dwell = \"1s\" } }"
	resource_is memory-available host .enter.medium $((medium * MIB))
	is_open
	background hog "$BUILD/tests/system/hog" "$TAKE"
	hog=$!
	wait_until 20 grep -q held "$SCRATCH/hog.out"
	wait_until 30 is_closed
	resource_is memory-available host .level medium
	[[ $(field '.reasons[0]') == "memory-available of host is "*": medium is entered below "* ]]
	end_process "$hog" KILL || true
	wait_until 30 is_open
}

@test "a full page cache is not a shortage" {
	local medium
	share_of_memory
	medium=$(($(available_now_mib) - TAKE * 3 / 4))
	start "memory { available { medium = \"${medium}M\" high = \"256M\" dwell = \"1s\" } }"
	dd if=/dev/zero of="$SCRATCH/cache" bs=1M count="$TAKE" conv=fsync status=none
	cat "$SCRATCH/cache" >/dev/null
	stays 3000 is_open
}

@test "the resources of memory are there, with where they come from" {
	start 'memory {}'
	has_resource memory-available host
	has_resource memory-stall host
	has_resource oom-kill host
	resource_is memory-available host .unit bytes
	resource_is memory-stall host .unit %
	[ "$(resource memory-stall host '.enter | "\(.medium) \(.high)"')" = '10 40' ]
	resource_is oom-kill host .enter.high null
	[[ $(field '.backend["memory-stall"]') =~ ^(psi-trigger|poll|tp_btf/.*)$ ]]
	resource_is memory-stall host .backend "$(field '.backend["memory-stall"]')"
	if [[ -w /proc/pressure/memory ]] && cat /proc/pressure/memory >/dev/null 2>&1; then
		[ "$(field '.backend["memory-stall"]')" = psi-trigger ]
	fi
}

@test "reclaim of a memory cgroup is counted by the probe" {
	local before
	need_bpf
	make_group 24
	start 'memory {}'
	[[ $(field .backend.reclaim) == tp_btf/* ]]
	before=$(counter reclaims)
	in_group dd if=/dev/zero of="$SCRATCH/cache" bs=1M count=200 status=none
	counter_passes reclaims "$before"
	tell "reclaims of 200 MiB through a cgroup of 24 MiB: $(($(counter reclaims) - before))"
}

# The daemon's own /proc/pressure is empty, as in a kernel that has none.
without_psi() {
	# shellcheck disable=SC2034,SC2016
	DAEMON_UNDER=("${APART[@]}" bash -c 'mount -t tmpfs none /proc/pressure && exec "$@"' -)
}

# Somebody else's: written through the cgroup again and again, until it is ended. Its pid is in $!.
thrash() {
	# shellcheck disable=SC2016
	background writer bash -c 'echo $$ >"$1/cgroup.procs"
		while :; do dd if=/dev/zero of="$2" bs=1M count=200 conv=notrunc status=none; done' - \
		"$GROUP" "$SCRATCH/cache"
}

# The text of a block in which a stall turns the level soon; near, as memory-available is judged.
stall_beside() { # MEDIUM-OF-AVAILABLE
	printf 'memory { available { medium = "%s" high = "1M" dwell = "1s" }' "$1"
	printf ' stall { medium = "0.5%%" high = off sustain = "3s" dwell = "1s" } }\n'
}

@test "another cgroup's reclaim is shown, and judged only where memory is short" {
	need_bpf
	make_group 24
	without_psi
	start "$(stall_beside 512M)"
	(($(available_now_mib) > 1024)) || skip "needs more than 1 GiB of available memory"
	log_says '^memory-stall of host is .*: not judged while memory-available is above twice its medium threshold'
	thrash
	wait_until 60 resource_is memory-stall host '.value > 1' true
	stays 8000 is_open
	tell "memory-stall by reclaim: $(resource memory-stall host .value) %, and open"
	resource_is memory-stall host .level normal
	# The same with little to spare, by what counts as little.
	printf '%s\n' 'user = ""' "$(stall_beside $(($(available_now_mib) * 6 / 10))M)" \
		"$(filesystem "$SCRATCH/spool" 1M 512K)" >"$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 60 is_closed
	resource_is memory-stall host .level medium
	end_process "${BACKGROUND[-1]}" KILL || true
	stop_daemon
}

@test "memory-stall that cannot be judged, since memory-available is off, is told of" {
	start 'memory { available { medium = off high = off } }'
	log_says '^memory-stall of the host is judged only while memory-available is below twice its medium threshold, and that is off'
}

@test "without PSI the time in reclaim is memory-stall, and turns the level once it lasts" {
	local writer
	need_bpf
	make_group 24
	without_psi
	start "$(stall_beside $(($(available_now_mib) * 6 / 10))M)"
	[[ $(field '.backend["memory-stall"]') == tp_btf/* ]]
	wait_until 60 resource_is memory-stall host .level normal
	thrash
	writer=$!
	wait_until 60 resource_is memory-stall host .level medium
	tell "memory-stall by reclaim: $(resource memory-stall host .value) %"
	is_closed
	admits submission accept
	field .reasons | grep -F 'memory-stall of host is '
	end_process "$writer" KILL || true
	wait_until 60 resource_is memory-stall host .level normal
	wait_until 30 is_open
	stop_daemon
}

@test "an OOM kill is told by the probe, counted, and turns the level where it is judged" {
	need_bpf
	make_group 24
	start 'memory { oom-kill { high = "0" dwell = "1s" } }'
	[[ $(field '.backend["oom-kills"]') == tp_btf/mark_victim ]]
	resource_is oom-kill host .value 0
	is_open
	run in_group "$BUILD/tests/system/hog" 200
	[ "$status" -eq 137 ]
	promptly level_is high
	resource_is oom-kill host '.value >= 1' true
	[[ $(field '.reasons[0]') == "oom-kill of host is "*": high is entered above 0"* ]]
	is_closed
}

@test "an OOM kill is shown and not judged by default" {
	need_bpf
	make_group 24
	start 'memory {}'
	run in_group "$BUILD/tests/system/hog" 200
	[ "$status" -eq 137 ]
	wait_until 20 resource_is oom-kill host '.value >= 1' true
	resource_is oom-kill host .level normal
	is_open
}

@test "the daemon asks to be killed last" {
	start 'memory {}'
	[ "$(cat "/proc/$DAEMON/oom_score_adj")" -eq -900 ] || skip "may not change the OOM score here"
}
