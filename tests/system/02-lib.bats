#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The helpers' own promise: a test that dies half-way leaves nothing behind, and one that
# leaves something fails.
#
# Alone: it looks for whatever is left behind.

load lib

# Run BODY as the test of a suite of its own, below our scratch directory.
inner_test() { # BODY
	mkdir "$SCRATCH/inner"
	cp "$TOP/tests/system/lib.bash" "$SCRATCH/inner"
	printf 'load lib\n@test "inner" {\n%s\n}\n' "$1" >"$SCRATCH/inner/inner.bats"
	run env -i LEAVING=5 PATH=/usr/local/bin:/usr/bin:/bin TMPDIR="$SCRATCH" \
		bats --formatter tap "$SCRATCH/inner/inner.bats"
	echo "$output"
}

dies_with_frozen() { # KIND SIZE-MIB
	need_root
	inner_test "loop_mount $1 $2
		background writer bash -c 'cd \"\$1\" && exec sleep 1000' - \"\$MOUNT\"
		freeze \"\$MOUNT\"
		background stuck touch \"\$MOUNT/file\"
		echo \"mounted \$MOUNT\"
		false"
	[ "$status" -eq 1 ]
	[[ $output == *"not ok 1 inner"*"mounted $SCRATCH"* ]]
	[[ $output != *"left behind"* ]]
	nothing_left "$SCRATCH"
}

@test "a test that dies with a frozen ext4 leaves nothing" {
	dies_with_frozen ext4 16
}

@test "a test that dies with a frozen xfs leaves nothing" {
	dies_with_frozen xfs 64
}

@test "a test that dies with a frozen btrfs leaves nothing" {
	dies_with_frozen btrfs 128
}

@test "a test that leaves a mount in use fails, and the mount goes" {
	need_root
	inner_test 'loop_mount ext4 16
		(cd "$MOUNT" && exec sleep 1000 3>&- >/dev/null 2>&1) &
		echo $! >"$SCRATCH/../../../pid"'
	kill "$(cat "$SCRATCH/pid")"
	[ "$status" -eq 1 ]
	[[ $output == *"left behind by the test:"*"mount $SCRATCH"* ]]
	[ -z "$(mounts_below "$SCRATCH")" ]
}

@test "wait_until waits as long as it says, and fails then" {
	local -i begin took
	begin=$(now_us)
	run wait_until 0.5 false
	took=$((($(now_us) - begin) / 1000))
	[ "$status" -eq 1 ]
	((took >= 500 && took < 20000))
	wait_until 1 true
}
