#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Without BPF, and with filesystems that are full, read-only, unknown to the probe or not there.

load lib
load watch

setup() {
	need_root
}

@test "with BPF refused all works by polling, which one warning says" {
	need_tool capsh
	loop_mount ext4 64
	# shellcheck disable=SC2016,SC2034,SC2054
	DAEMON_UNDER=(capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c 'exec "$@"' sh)
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	log_says "^watching $MOUNT: poll"
	log_says '^warning: BPF cannot be had \(.+\): .*polled.*CAP_BPF'
	[ "$(log_counts '^warning')" -eq 1 ]
	[ -z "$(bpf_held_by "$DAEMON")" ]
	[ "$(field '.backend | [.writes, .["direct-writes"], .fallocate, .reclaim, .["oom-kills"]] | unique | join(" ")')" = poll ]
	is_polled "$MOUNT"
	run cli status
	[[ $output == *"writes"*" poll"* ]]

	is_open
	fill_to "$MOUNT" 10 "$MOUNT/file"
	wait_until 20 is_closed
	remove "$MOUNT/file"
	wait_until 30 is_open
	[ "$(log_counts '^warning: BPF')" -eq 1 ]
	stop_daemon
}

# Without anything that calls for haste; a safety look comes every 5 s.
@test "with BPF refused memory is polled every second, as the warning says" {
	need_tool capsh
	need_tool strace
	# shellcheck disable=SC2016,SC2034,SC2054
	DAEMON_UNDER=(capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c 'exec "$@"' sh)
	watch_only "$(filesystem "$SCRATCH" 2K 1K)"
	is_open
	timeout -s INT 10 strace -qq -P /proc/meminfo -o "$SCRATCH/reads" -p "$DAEMON" || true
	tell "$(wc -l <"$SCRATCH/reads") samples of memory in 10 s"
	[ "$(grep -c 'read' "$SCRATCH/reads")" -ge 6 ]
	stop_daemon
}

@test "a filesystem that the probe does not see is polled, beside one that it sees" {
	need_bpf
	loop_mount ext4 64
	mkdir "$SCRATCH/tmpfs"
	mount -t tmpfs -o size=64M none "$SCRATCH/tmpfs"
	watch_only "$(filesystem "$MOUNT" 20M 2M 200ms)" "$(filesystem "$SCRATCH/tmpfs" 20M 2M 200ms)"
	is_probed "$MOUNT"
	is_polled "$SCRATCH/tmpfs"
	dd if=/dev/zero of="$SCRATCH/tmpfs/file" bs=1M count=50 status=none
	wait_until 20 resource_is free-space "$SCRATCH/tmpfs" .level medium
	resource_is free-space "$MOUNT" .level normal
	is_closed
	rm "$SCRATCH/tmpfs/file"
	wait_until 20 is_open
	fill_to "$MOUNT" 10 "$MOUNT/file"
	promptly resource_is free-space "$MOUNT" .level medium
}

@test "a read-only filesystem does not fail the start; it takes no mail, and its free space is told" {
	loop_mount ext4 64
	mount -o remount,ro "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	counter_passes looks 0
	resource_is free-space "$MOUNT" ".value > $((40 * MIB))" true
	resource_is free-space "$MOUNT" .level normal
	is_polled "$MOUNT"
	level_is high
	[[ $(field '.reasons[0]') == "filesystem-error of $MOUNT "* ]]
}

@test "a full filesystem does not fail the start, is high from the first answer, and reopens" {
	need_bpf
	loop_mount ext4 64 -m 0
	dd if=/dev/zero of="$MOUNT/file" bs=64K status=none 2>/dev/null || true
	dd if=/dev/zero of="$MOUNT/last" bs=4K status=none 2>/dev/null || true
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	level_is high
	[ "$(ask 'admission submission')" = "$DEFER" ]
	log_says "$MOUNT: no trial write is possible"
	log_says "^watching $MOUNT: poll.* beside $PROBE.*not proven"
	is_polled "$MOUNT"
	remove "$MOUNT/file"
	stays 800 is_closed
	wait_until 30 is_open
}

@test "a filesystem in which its owner may not write is polled beside the probe, which one line says" {
	need_bpf
	loop_mount xfs 320
	chown nobody "$MOUNT"
	chmod 0500 "$MOUNT"
	watch_only "$(filesystem "$MOUNT" 20M 2M)"
	log_says "$MOUNT: whoever owns it cannot write in it \\(Permission denied\\)"
	log_says "$MOUNT: no trial write is possible \\(Permission denied\\): polling beside the probe"
	log_says "^watching $MOUNT: poll.* beside $PROBE.*not proven"
	is_polled "$MOUNT"
	is_open
	[ "$(log_counts 'no trial write')" -eq 1 ]
}

@test "a path that is not there is warned of once, and watched when it appears" {
	need_bpf
	local path=$SCRATCH/later
	watch_only "$(filesystem "$path" 20M 2M)" "$(filesystem "$SCRATCH" 1K 1K)"
	log_says "^warning: $path: No such file or directory; not watched until it is there"
	log_says "^watching $path: not there"
	is_open
	has_no_resource free-space "$path"
	sleep 6 # past a safety look
	log_says "^watching $path"
	[ "$(log_counts "^warning: $path")" -eq 1 ]

	# A mount is told by the kernel, so nobody has to wait for the next look.
	loop_mount ext4 64
	mkdir "$path"
	mount --bind "$MOUNT" "$path"
	wait_until 20 has_resource free-space "$path"
	wait_until 20 is_probed "$path"
	log_says "^$path: is there now, watched"
	fill_to "$path" 10 "$path/file"
	promptly is_closed
}

@test "a directory that appears without a mount is watched from the next safety look on" {
	local path=$SCRATCH/later
	watch_only "$(filesystem "$path" 1K 1K)"
	has_no_resource free-space "$path"
	mkdir "$path"
	wait_until 30 has_resource free-space "$path"
}

@test "another filesystem mounted over a watched directory is learned at once, and unlearned" {
	need_bpf
	local path=$SCRATCH/spool
	loop_mount ext4 64
	mkdir "$path"
	watch_only "$(filesystem "$path" 20M 2M 200ms)"
	is_open
	resource_is free-space "$path" ".value > $((60 * MIB))" true
	mount --bind "$MOUNT" "$path"
	wait_until 20 resource_is free-space "$path" ".value < $((60 * MIB))" true
	wait_until 20 is_probed "$path"
	rings=$(counter rings)
	fill_to "$path" 10 "$path/file"
	promptly is_closed
	counter_passes rings "$rings"
	umount "$path"
	wait_until 20 is_open
}

@test "a watched path that is removed leaves the judgement, and comes back" {
	local path=$SCRATCH/spool
	mkdir "$path"
	mount -t tmpfs -o size=16M none "$path"
	mkdir "$path/queue"
	watch_only "$(filesystem "$path/queue" 20M 2M 200ms)"
	is_closed
	rmdir "$path/queue"
	wait_until 30 is_open
	has_no_resource free-space "$path/queue"
	log_says "^warning: $path/queue: No such file or directory"
	mkdir "$path/queue"
	wait_until 30 is_closed
}

@test "16 filesystems are watched, each by itself" {
	need_bpf
	local blocks=() mounts=()
	for _ in {1..16}; do
		loop_mount ext4 16
		mounts+=("$MOUNT")
		blocks+=("$(filesystem "$MOUNT" 6M 1M 200ms)")
	done
	watch_only "${blocks[@]}"
	[ "$(field '[.resources[] | select(.name == "free-space")] | length')" -eq 16 ]
	[ "$(field "[.resources[] | select(.name == \"free-space\" and (.backend | startswith(\"$PROBE\")))] | length")" -eq 16 ]
	fill_to "${mounts[15]}" 4 "${mounts[15]}/file"
	promptly is_closed
	[ "$(field '[.resources[] | select(.level == "medium")] | map(.object) | join(" ")')" = "${mounts[15]}" ]
}
