#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# fsync times: told by the kernel on ext4; on XFS and btrfs where trampolines load, which
# hardened kernels refuse (the kernel matrix has those that do not).

load lib
load watch

setup() {
	UNIFIED=$(findmnt -nt cgroup2 -o TARGET | tail -n 1)
	MEMORY=$(findmnt -nt cgroup -O memory -o TARGET | tail -n 1)
	NAME=/spoolgate-sync-$BASHPID
}

teardown() {
	local directory
	for directory in {"$UNIFIED","$MEMORY"}"$NAME"{/below,}; do
		[[ ! -d $directory ]] || wait_until 3 rmdir "$directory"
	done
	tear_down
}

latency() {
	field ".resources[] | select(.name == \"sync-latency\" and .object == \"$MOUNT\") | .value"
}

is_above() { # SECONDS
	[[ $(jq -n "$(latency) > $1") == true ]]
}

sync_times() { # COUNT
	local i
	for i in $(seq "$1"); do
		dd if=/dev/zero of="$MOUNT/file" bs=4k count=1 conv=fsync,notrunc 2>/dev/null
	done
}

@test "the p95 of fsyncs on ext4 is told, of twenty or more" {
	need_bpf
	loop_mount ext4 64
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }"
	[[ $(field '.backend["sync-ext4"]') == tp_btf/ext4_sync_file ]]
	wait_until 20 eval '[[ $(latency) == 0 ]]'
	sync_times 5
	sleep 6
	# A write probe's own may be under way when it is looked at.
	wait_until 20 eval '[[ $(latency) == 0 ]]'
	sync_times 40
	wait_until 30 is_above 0.00001
	! is_above 5
	# Ten seconds without any, and it is over.
	sleep 11
	wait_until 30 eval '[[ $(latency) == 0 ]]'
}

@test "an fsync that hangs shows before it ends, and can be judged" {
	need_bpf
	loop_below_hangs
	wait_until 30 is_above 2
	wait_until 30 eval '[[ $(field .level) == medium ]]'
	thaw "$BELOW"
	wait_until 20 eval '[[ $(field .level) == normal ]]'
}

# A reload that hands out slots anew loses the ends of those that are under way.
@test "no fsync is under way for ever after reloads under load" {
	local -i round
	need_bpf
	loop_mount ext4 64
	watch_only "filesystem \"$MOUNT\" { }"
	mkdir "$SCRATCH/other"
	# shellcheck disable=SC2016
	for round in 1 2 3 4; do
		background "syncs-$round" bash -c 'while :; do
			dd if=/dev/zero of="$0" bs=4k count=1 conv=fsync,notrunc status=none
		done' "$MOUNT/file-$round"
	done
	for round in 1 2 3 4 5 6; do
		reload "filesystem \"$SCRATCH/other\" { }" "filesystem \"$MOUNT\" { }"
		sleep 0.2
		reload "filesystem \"$MOUNT\" { }"
		sleep 0.2
	done
	wait_until 20 is_above 0.00001
	for round in 1 2 3 4; do end_process "${BACKGROUND[-$round]}" KILL >/dev/null 2>&1 || true; done
	sleep 17
	tell "$(latency) s"
	[[ $(latency) == 0 ]]
	stop_daemon
}

# Another filesystem whose device is a file on a frozen one; an fsync in it is under way.
loop_below_hangs() {
	loop_mount ext4 300
	BELOW=$MOUNT
	MOUNT=$SCRATCH/above
	mkdir "$MOUNT"
	truncate -s 64M "$BELOW/image"
	mkfs.ext4 -q "$BELOW/image"
	mount -o loop "$BELOW/image" "$MOUNT"
	start_daemon 'user = ""' "filesystem \"$MOUNT\" {" \
		'free-space { medium = "off" high = "off" }' \
		'sync-latency { medium = "2s" dwell = "1s" }' '}'
	freeze "$BELOW" 30
	background sync bash -c 'exec dd if=/dev/zero of="$0/file" bs=64k count=64 conv=fsync' "$MOUNT"
}

@test "where trampolines are refused, XFS shows no sync-latency and says so" {
	need_bpf
	loop_mount xfs 320
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }"
	if [[ $(field '.backend["sync-xfs"]') == none ]]; then
		[[ -z $(latency) ]]
	else
		sync_times 40
		wait_until 30 is_above 0.00001
	fi
}

sync_times_in_cgroup() { # COUNT
	(echo "$BASHPID" >"$UNIFIED$NAME/below/cgroup.procs" && sync_times "$1")
}

are_told() {
	sync_times_in_cgroup 20
	is_above 0.00001
}

# The daemon meets a cgroup, and then another one under the same path.
@test "where a cgroup is named its fsyncs are told, and no others" {
	need_bpf
	[[ $UNIFIED ]] || skip "no hierarchy of cgroup v2"
	loop_mount ext4 64
	mkdir -p "$UNIFIED$NAME"
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }" "memory { cgroup = \"$NAME\" }"
	rmdir "$UNIFIED$NAME"
	mkdir -p "$UNIFIED$NAME/below"
	if [[ $(field '.backend["sync-ext4"]') == *"all cgroups"* ]]; then
		log_says "$NAME: sync-latency is of all processes: this kernel cannot tell them apart"
		skip "this kernel cannot tell fsyncs by cgroup"
	fi
	resource_is sync-latency "$MOUNT" .backend 'tp_btf/ext4_sync_file (cgroup)'
	sync_times 40
	sleep 6
	[[ $(latency) == 0 ]]
	wait_until 30 are_told
	sed -i /cgroup/d "$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 5 resource_is sync-latency "$MOUNT" .backend tp_btf/ext4_sync_file
	[[ $(log_counts 'sync-latency is of all processes') == 0 ]]
}

@test "of a cgroup that v2 does not have all fsyncs are told, and that is said" {
	need_bpf
	[[ $MEMORY ]] || skip "no hierarchy of cgroup v1 that accounts memory"
	loop_mount ext4 64
	mkdir "$MEMORY$NAME"
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }" "memory { cgroup = \"$NAME\" }"
	log_says "$NAME: sync-latency is of all processes: it is not in the hierarchy of cgroup v2"
	resource_is sync-latency "$MOUNT" .backend tp_btf/ext4_sync_file
	sync_times 40
	wait_until 15 is_above 0.00001
	[[ $(log_counts 'sync-latency is of all processes') == 1 ]]
}
