#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The memory of the mail server's cgroup, with cgroups of our own: of v1 where that accounts
# memory, else of v2.

load lib
load watch

setup() {
	need_root
	NAME=/spoolgate-test-$BASHPID
	UNIFIED=$(findmnt -nt cgroup2 -o TARGET | tail -n 1)
	MEMORY=$(findmnt -nt cgroup -O memory -o TARGET | tail -n 1)
	LIMIT=memory.limit_in_bytes
	USAGE=memory.usage_in_bytes
	if [[ ! $MEMORY ]]; then
		grep -qsw memory "$UNIFIED/cgroup.controllers" || skip "no cgroup accounts memory here"
		MEMORY=$UNIFIED LIMIT=memory.max USAGE=memory.current
		echo +memory >"$MEMORY/cgroup.subtree_control"
	fi
}

teardown() {
	local directory
	stop_all
	find "$MEMORY$NAME" "$UNIFIED$NAME" -depth -type d 2>/dev/null |
		while read -r directory; do wait_until 20 rmdir "$directory"; done
	tear_down
}

stop_all() {
	local pid
	for pid in "${BACKGROUND[@]}"; do
		end_process "$pid" KILL >/dev/null 2>&1 || true
	done
	BACKGROUND=()
}

make_cgroup() { # PATH [LIMIT-MIB]
	mkdir "$MEMORY$1"
	[[ ! ${2:-} ]] || echo "${2}M" >"$MEMORY$1/$LIMIT"
}

# Become COMMAND in the cgroup, and in v2's hierarchy too where the cgroup has a part there (as
# systemd's hybrid has): for `background`, and in parentheses.
# shellcheck disable=SC2016
join() { # PATH COMMAND...
	exec bash -c 'for directory in "$1$3" "$2$3"; do
			[[ ! -d $directory ]] || echo $$ >"$directory/cgroup.procs"
		done
		shift 3; exec "$@"' - "$MEMORY" "$UNIFIED" "$@"
}

in_cgroup() { # PATH COMMAND...
	(join "$@")
}

hold() { # PATH MIB
	background "hog-$2" join "$1" "$BUILD/tests/system/hog" "$2"
}

watch_cgroup() { # PATH [USER]
	start_daemon "user = \"${2:-}\"" "memory { cgroup = \"$1\"
		available { medium = \"20%\" high = \"10%\" dwell = \"1s\" }
		stall { medium = \"off\" high = \"off\" } }" \
		"filesystem \"$SCRATCH\" { free-space { medium = off high = off }
			free-inodes { medium = off high = off } }"
}

available() {
	resource memory-available "$NAME" .value
}

available_is() { # LEAST-MIB MOST-MIB
	local -i mib
	mib=$(available)
	mib=$((mib / MIB))
	((mib >= $1 && mib <= $2))
}

level_of_memory_is() { # LEVEL
	resource_is memory-available "$NAME" .level "$1"
}

uses_more_than() { # MIB
	(($(<"$MEMORY$NAME/$USAGE") > $1 * MIB))
}

# Over again, since the machine's owner may drop what is cached at any time (virtual machines'
# hosts do). Further apart than the cgroup is large, so that no page is in use twice.
fill_cache() { # MIB
	# shellcheck disable=SC2016
	background filler join "$NAME" bash -c 'while sleep 0.5; do
			dd if=/dev/zero of="$1" bs=1M count="$2" conv=notrunc,fsync status=none
		done' - "$SCRATCH/mail" "$1"
}

@test "a page cache full of mail is no pressure, anonymous memory is" {
	make_cgroup "$NAME" 128
	watch_cgroup "$NAME"
	wait_until 20 available_is 120 128
	fill_cache 400
	wait_until 60 uses_more_than 115
	# Longer than from one safety look to the one after the next.
	for ((i = 0; i < 24; i++)); do
		available_is 90 128
		is_open
		sleep 0.5
	done
	wait_until 20 uses_more_than 115
	tell "$(($(<"$MEMORY$NAME/$USAGE") / MIB)) of 128 MiB in use, $(($(available) / MIB)) MiB available"
	stop_all

	hold "$NAME" 120
	wait_until 30 level_of_memory_is high
	available_is 0 13
	is_closed
	[[ $(field '.reasons[0]') == "memory-available of $NAME is "*": high is entered below 12 MiB"* ]]
	resource_is memory-available host .level normal
	stop_all
	wait_until 30 is_open
	available_is 90 128
	stop_daemon
}

@test "nor is mail that is read again and again" {
	make_cgroup "$NAME" 128
	watch_cgroup "$NAME"
	in_cgroup "$NAME" dd if=/dev/zero of="$SCRATCH/mail" bs=1M count=110 conv=fsync status=none
	# shellcheck disable=SC2016
	background reader join "$NAME" bash -c 'while sleep 0.1; do cat "$1" >/dev/null; done' - "$SCRATCH/mail"
	wait_until 20 uses_more_than 105
	for ((i = 0; i < 24; i++)); do
		available_is 90 128
		is_open
		sleep 0.5
	done
	tell "$(awk '/^(total_)?active_file/ { n = $2 } END { print int(n / 1048576) }' "$MEMORY$NAME/memory.stat") MiB active"
	stop_all
	stop_daemon
}

@test "the limit of the cgroup above counts, and what its neighbours take" {
	make_cgroup "$NAME" 128
	make_cgroup "$NAME/mta" 1024
	make_cgroup "$NAME/other"
	watch_cgroup "$NAME/mta"
	resource_is memory-available "$NAME/mta" '.value / 1048576 | . > 110 and . <= 128' true
	hold "$NAME/other" 110
	wait_until 30 resource_is memory-available "$NAME/mta" .level medium
	is_closed
	stop_daemon
}

# The daemon in the cgroup as a container's: a namespace whose "/" is that cgroup, with the
# hierarchy mounted where containers have it.
in_container() { # PATH
	local kind=(-t cgroup2)
	[[ $LIMIT == memory.max ]] || kind=(-t cgroup -o memory)
	# shellcheck disable=SC2016
	DAEMON_UNDER=(bash -c 'echo $$ >"$1/cgroup.procs"; shift
		exec unshare -C -m --propagation private "$@"' - "$MEMORY$1" "$TOP/tests/system/apart" "$SCRATCH"
		bash -c 'umount -l /sys/fs/cgroup; mount "${@:2:$1}" none /sys/fs/cgroup || exit
			shift $(($1 + 1)); exec "$@"' - "${#kind[@]}" "${kind[@]}")
}

@test "in a container its own limit counts, at the root of what is visible" {
	make_cgroup "$NAME" 192
	make_cgroup "$NAME/mail"
	in_container "$NAME"
	watch_cgroup /mail
	resource_is memory-available /mail '.value / 1048576 | . > 100 and . <= 192' true
	hold "$NAME/mail" 160
	wait_until 30 resource_is memory-available /mail '.level != "normal"' true
	is_closed
	stop_daemon
}

@test "in a container / is the container" {
	make_cgroup "$NAME" 192
	in_container "$NAME"
	watch_cgroup /
	resource_is memory-available / '.value / 1048576 | . > 100 and . <= 192' true
	resource_is oom-kill / .value 0
	hold "$NAME" 160
	wait_until 30 resource_is memory-available / '.level != "normal"' true
	is_closed
	field '.reasons[0]' | grep -F 'memory-available of / is '
	stop_daemon
}

@test "on a host / is no container: said once, and nothing of it is judged" {
	[[ $UNIFIED ]] || skip "no v2 hierarchy here"
	[[ ! -e $MEMORY/cgroup.events ]] || skip "the tests run in a container"
	watch_cgroup /
	has_no_resource memory-available /
	has_no_resource memory-stall /
	has_no_resource oom-kill /
	has_resource memory-available host
	log_says "^warning: cgroup / is the host here, and no container: it has no limit"
	sleep 6
	[ "$(log_counts 'cgroup /')" -eq 1 ]
	is_open
	stop_daemon
}

# As on a host of containers: 5000 mounts are some 650 KiB.
@test "cgroups that are mounted behind more than 256 KiB of other mounts are found" {
	local deep kind=(-t cgroup2)
	[[ $LIMIT == memory.max ]] || kind=(-t cgroup -o memory)
	deep=$SCRATCH/$(printf '%0200d' 0)
	mkdir "$deep"
	make_cgroup "$NAME" 64
	# shellcheck disable=SC2016
	DAEMON_UNDER=("${APART[@]}"
		bash -c 'umount -l /sys/fs/cgroup
			for ((i = 0; i < 550; i++)); do mount --bind "$1" "$1" || exit; done
			mount "${@:3:$2}" none /sys/fs/cgroup || exit
			shift $(($2 + 2)); exec "$@"' - "$deep" "${#kind[@]}" "${kind[@]}")
	watch_cgroup "$NAME"
	tell "$(wc -c <"/proc/$DAEMON/mountinfo") bytes of mountinfo"
	(($(wc -c <"/proc/$DAEMON/mountinfo") > 262144))
	wait_until 20 available_is 50 64
	stop_daemon
}

@test "without a limit there is no such value" {
	make_cgroup "$NAME"
	watch_cgroup "$NAME"
	has_no_resource memory-available "$NAME"
	log_says "^cgroup $NAME: it has no limit below the host's memory"
	has_resource oom-kill "$NAME"
	has_resource memory-available host
	echo 64M >"$MEMORY$NAME/$LIMIT"
	wait_until 30 has_resource memory-available "$NAME"
	stop_daemon
}

@test "a kill means high for its minute, also when it takes the cgroup with it" {
	make_cgroup "$NAME"
	make_cgroup "$NAME/worker" 32
	watch_cgroup "$NAME" nobody
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$DAEMON/status")" = "$(id -u nobody)" ]
	resource_is oom-kill "$NAME" .value 0
	is_open
	run in_cgroup "$NAME/worker" "$BUILD/tests/system/hog" 200
	[ "$status" -eq 137 ]
	rmdir "$MEMORY$NAME/worker" "$MEMORY$NAME"
	wait_until 30 resource_is oom-kill "$NAME" .level high
	resource_is oom-kill "$NAME" .value 1
	resource_is oom-kill host .level normal
	is_closed
	admits submission "$DEFER"
	log_says "^warning: normal -> high: oom-kill of $NAME is 1: high is entered above 0"
	wait_until 80 is_open
	has_no_resource oom-kill "$NAME"
	stop_daemon
}

@test "kills elsewhere are the host's alone" {
	make_cgroup "$NAME" 64
	make_cgroup "$NAME/mta"
	make_cgroup "$NAME/other" 32
	watch_cgroup "$NAME/mta"
	run in_cgroup "$NAME/other" "$BUILD/tests/system/hog" 200
	[ "$status" -eq 137 ]
	wait_until 30 resource_is oom-kill host '.value >= 1' true
	resource_is oom-kill "$NAME/mta" .value 0
	is_open
	stop_daemon
}

@test "a cgroup that is not there is warned of once, found, and found again" {
	watch_cgroup "$NAME"
	has_no_resource memory-available "$NAME"
	has_no_resource oom-kill "$NAME"
	log_says "^warning: cgroup $NAME is not there; watched once it is"
	is_open
	sleep 6
	[ "$(grep -c 'is not there; watched' "$LOG")" -eq 1 ]
	make_cgroup "$NAME" 64
	wait_until 30 available_is 50 64
	log_says "^cgroup $NAME is there now, watched"
	rmdir "$MEMORY$NAME"
	wait_until 30 has_no_resource memory-available "$NAME"
	make_cgroup "$NAME" 256
	wait_until 30 available_is 200 256
	hold "$NAME" 250
	wait_until 30 is_closed
	stop_daemon
}

# A chroot has the hierarchy mounted too, later than the host's; and it goes.
@test "a mount of the cgroups elsewhere that goes leaves the cgroup watched" {
	mkdir "$SCRATCH/chroot"
	mount --bind "$MEMORY" "$SCRATCH/chroot"
	[[ $UNIFIED == "$MEMORY" ]] || mount --bind "$UNIFIED" "$SCRATCH/chroot"
	make_cgroup "$NAME" 64
	watch_cgroup "$NAME"
	wait_until 20 available_is 50 64
	wait_until 20 umount "$SCRATCH/chroot"
	umount "$SCRATCH/chroot" 2>/dev/null || true
	sleep 6
	available_is 50 64
	has_resource oom-kill "$NAME"
	if grep 'is not there' "$LOG"; then return 1; fi
	stop_daemon
}

# Reclaim for every page that is written, in a cgroup of 32 MiB.
write_in_need() {
	# shellcheck disable=SC2016
	background writer join "$NAME" bash -c \
		'while :; do dd if=/dev/zero of="$1" bs=1M count=100 conv=fsync status=none; done' - \
		"$SCRATCH/mail"
	hold "$NAME" 16
}

# Where v2 has no memory of its own, it still knows pressure.
@test "stalls are told by v2's memory.pressure, and go with the cgroup" {
	[[ -e $UNIFIED/memory.pressure ]] || skip "no v2 hierarchy with PSI"
	make_cgroup "$NAME" 32
	[[ $UNIFIED == "$MEMORY" ]] || mkdir "$UNIFIED$NAME"
	watch_cgroup "$NAME"
	resource_is memory-stall "$NAME" .backend psi-trigger
	write_in_need
	wait_until 20 resource_is memory-stall "$NAME" '.value > 0' true
	tell "memory-stall $(resource memory-stall "$NAME" .value) %"
	stop_all
	wait_until 30 rmdir "$MEMORY$NAME" # the last dd ends by itself
	[[ $UNIFIED == "$MEMORY" ]] || rmdir "$UNIFIED$NAME"
	wait_until 30 has_no_resource memory-stall "$NAME"
	stop_daemon
}

@test "stalls turn the level and the admission, once they last, and back" {
	[[ -e $UNIFIED/memory.pressure ]] || skip "no v2 hierarchy with PSI"
	local begin
	make_cgroup "$NAME" 32
	[[ $UNIFIED == "$MEMORY" ]] || mkdir "$UNIFIED$NAME"
	start_daemon 'user = ""' "memory { cgroup = \"$NAME\"
		available { medium = off high = off } oom-kill { high = off }
		stall { medium = \"0.2%\" high = off sustain = \"3s\" dwell = \"1s\" } }" \
		"filesystem \"$SCRATCH\" { free-space { medium = off high = off }
			free-inodes { medium = off high = off } }"
	resource_is memory-stall "$NAME" .level normal
	is_open
	begin=$(now_ms)
	write_in_need
	wait_until 60 resource_is memory-stall "$NAME" .level medium
	[ $(($(now_ms) - begin)) -ge 2900 ]
	tell "memory-stall $(resource memory-stall "$NAME" .value) %, medium after $(($(now_ms) - begin)) ms"
	is_closed
	admits submission accept
	field .reasons | grep -E "memory-stall of $NAME is .* %: medium is entered above 0.2 % for 3 s"
	log_says "^warning: normal -> medium: memory-stall of $NAME is "
	stop_all
	wait_until 60 resource_is memory-stall "$NAME" .level normal
	# The host's own may be above as well, where others compile.
	wait_until 60 is_open
	wait_until 30 rmdir "$MEMORY$NAME"
	[[ $UNIFIED == "$MEMORY" ]] || rmdir "$UNIFIED$NAME"
	stop_daemon
}

@test "a reload takes another cgroup, or none" {
	make_cgroup "$NAME" 64
	make_cgroup "$NAME/a" 32
	watch_cgroup "$NAME"
	available_is 50 64
	sed -i "s|cgroup = \"$NAME\"|cgroup = \"$NAME/a\"|" "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 20 resource_is memory-available "$NAME/a" '.value / 1048576 | . > 20 and . <= 32' true
	has_no_resource memory-available "$NAME"
	sed -i "s|cgroup = \"$NAME/a\"||" "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 20 has_no_resource memory-available "$NAME/a"
	has_resource memory-available host
	stop_daemon
}
