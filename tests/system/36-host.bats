#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# io-stall, and who writes.
#
# Alone: what happens on the host is its subject.

load lib
load watch

teardown() {
	tear_down
}

@test "work that stands still for I/O shows as io-stall, and can be judged" {
	need_root
	[[ -r /proc/pressure/io ]] || skip "this kernel has no PSI"
	grep -q full /proc/pressure/io || skip "PSI tells nothing here"
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" off off)" \
		'io { stall { medium = "0.01%" sustain = "0s" dwell = "1s" } }'
	has_resource io-stall host
	# Synchronous writes of single pages, one after the other: mostly waiting.
	background writes bash -c 'while dd if=/dev/zero of="$0/file" bs=4k count=200 \
		oflag=direct,sync conv=notrunc 2>/dev/null; do :; done' "$MOUNT"
	wait_until 40 level_is medium
	field '.reasons[0]' | grep -F 'io-stall of host'
}

@test "who fills a filesystem is told by command, with a rate" {
	need_bpf
	loop_mount ext4 300
	watch_only "$(filesystem "$MOUNT" 60M 10M)"
	[[ $(field '.writers | length') == 0 ]]
	cp /bin/dd "$SCRATCH/spammer"
	"$SCRATCH/spammer" if=/dev/zero of="$MOUNT/a" bs=1M count=150 2>/dev/null
	dd if=/dev/zero of="$MOUNT/b" bs=1M count=10 2>/dev/null
	field .writers
	[[ $(field '.writers[0].comm') == spammer ]]
	[[ $(field '.writers[0].object') == "$MOUNT" ]]
	[[ $(field '.writers[0].cgroup') == /* ]]
	# 150 MiB within the last ten seconds: 15 MiB/s, sampled.
	[[ $(field '.writers[0].bytes_per_s > 10 * 1048576 and .writers[0].bytes_per_s < 18 * 1048576') == true ]]
	"$SCRATCH/spammer" if=/dev/zero of="$MOUNT/c" bs=1M count=60 2>/dev/null
	wait_until 30 is_closed
	field '.reasons[0]' | grep -F 'most is written by spammer'
	grep -F 'most is written by spammer' "$LOG"
	# Nothing for ten seconds and more: nobody.
	wait_until 25 eval '[[ $(field ".writers | length") == 0 ]]'
}
