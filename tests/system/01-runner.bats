#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The test runner itself, on made-up suites: whatever goes wrong with one must be counted.
#
# Alone: it looks for whatever is left behind.

load lib

setup() {
	unset AGAIN LANES SUITE_TIMEOUT # of the run that we are part of
	FAKE=$SCRATCH/fake
	mkdir -p "$FAKE"/tests/{unit,system,fuzz,kernels} "$FAKE/build/tests/unit"
	cp "$TOP/tests/run" "$FAKE/tests"
	cp "$TOP/tests/system/lib.bash" "$FAKE/tests/system"
	cp "$TOP/tests/fuzz/run" "$FAKE/tests/fuzz"
	kernels true
}

kernels() { # SHELL-COMMANDS: what tests/kernels/run does
	printf '#!/bin/bash\n%s\n' "$1" >"$FAKE/tests/kernels/run"
	chmod +x "$FAKE/tests/kernels/run"
}

unit() { # NAME SHELL-COMMANDS
	touch "$FAKE/tests/unit/$1.c"
	printf '#!/bin/bash\n%s\n' "$2" >"$FAKE/build/tests/unit/$1"
	chmod +x "$FAKE/build/tests/unit/$1"
}

# Expect STATUS and the last line. Without our environment: bats' own variables and its PATH
# would confuse the bats that the runner starts.
expect() { # STATUS LAST-LINE
	run env -i LEAVING=5 PATH=/usr/local/bin:/usr/bin:/bin TMPDIR="$SCRATCH" \
		SUITE_TIMEOUT="${SUITE_TIMEOUT:-60}" LANES="${LANES:-3}" AGAIN="${AGAIN:-1}" \
		"$FAKE/tests/run"
	echo "$output"
	[ "$status" -eq "$1" ]
	[ "${lines[-1]}" = "$2" ]
}

@test "good suites are added up" {
	unit a 'echo 1..2; echo ok 1 - x; echo ok 2 - y'
	unit b 'echo 1..1; echo ok 1 - z'
	expect 0 "3 passed, 0 failed, 0 skipped"
}

@test "two groups of cmocka in one program are added up" {
	unit a 'echo 1..2; echo ok 1 - x; echo ok 2 - y; echo "# ok - first"; echo 1..1; echo ok 1 - z'
	expect 0 "3 passed, 0 failed, 0 skipped"
}

@test "a failed test is counted and shown with what it said" {
	unit a 'echo 1..2; echo ok 1 - x; echo not ok 2 - y; echo "# 1 != 2"; exit 1'
	expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"not ok 2 - y"*"# 1 != 2"* ]]
}

@test "a failed test is counted even if the program exits with 0" {
	unit a 'echo 1..2; echo ok 1 - x; echo not ok 2 - y'
	expect 1 "1 passed, 1 failed, 0 skipped"
}

@test "a crash is a failure" {
	unit a 'echo 1..1; echo ok 1 - x; kill -SEGV $$'
	expect 1 "1 passed, 1 failed, 0 skipped"
}

@test "an exit in the middle of the plan is a failure, whatever the status" {
	unit a 'echo 1..3; echo ok 1 - x; exit 0'
	expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"planned 3 tests and ran 1"* ]]
}

@test "a program that says nothing, or is not there, is a failure" {
	unit a 'exit 0'
	touch "$FAKE/tests/unit/unbuilt.c"
	expect 1 "0 passed, 2 failed, 0 skipped"
}

@test "a suite that hangs is ended and is a failure" {
	unit a 'echo 1..1; echo ok 1 - x; sleep 1000'
	SUITE_TIMEOUT=1 expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"took longer than 1 s"* ]]
}

@test "a process left behind is ended and is a failure" {
	unit a 'echo 1..1; echo ok 1 - x; setsid sleep 1000 >/dev/null 2>&1 & echo $! >'"$SCRATCH/pid"
	expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"left behind: process "*"sleep 1000"* ]]
	wait_until 2 is_gone "$(cat "$SCRATCH/pid")"
}

@test "a mount left behind is undone and is a failure" {
	need_root
	unit a 'echo 1..1; mkdir $TMPDIR/m; mount -t tmpfs none $TMPDIR/m; echo ok 1 - x'
	expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"left behind: mount "* ]]
	[ -z "$(mounts_below "$SCRATCH")" ]
}

@test "skipped tests are counted and shown with their reasons" {
	unit a 'echo 1..3; echo ok 1 - x; echo "ok 2 y # skip needs root"; echo "no BPF"; echo "not ok 3 # SKIP z"'
	unit b 'echo "1..0 # SKIP nothing here"'
	expect 0 "1 passed, 0 failed, 3 skipped"
	[[ $output == *"skipped: unit/a: y: needs root"*"skipped: unit/a: z: no BPF"*"skipped: unit/b: nothing here"* ]]
}

@test "where nothing ran, nothing passed" {
	expect 1 "0 passed, 0 failed, 0 skipped"
	unit b 'echo "1..0 # SKIP nothing here"'
	expect 1 "0 passed, 0 failed, 1 skipped"
}

@test "a fuzz target that finds something is a failure, one that was not built is skipped" {
	mkdir -p "$FAKE/build/tests/fuzz"
	touch "$FAKE"/tests/fuzz/{quiet,finds,unbuilt}.c
	printf '#!/bin/sh\necho "$@"\n' >"$FAKE/build/tests/fuzz/quiet"
	printf '#!/bin/sh\necho "heap-buffer-overflow"\nexit 77\n' >"$FAKE/build/tests/fuzz/finds"
	chmod +x "$FAKE"/build/tests/fuzz/*
	expect 1 "1 passed, 1 failed, 1 skipped"
	[[ $output == *"heap-buffer-overflow"* ]]
	[[ $output != *"again: "* ]] # it might not find it
	[[ $output == *"skipped: fuzz/unbuilt: no libFuzzer here"* ]]
}

target() { # NAME: what it covers is main.c's, of which its seeds see the more the more there are
	printf ' * Parses: user/%s.c\n' "$1" >"$FAKE/tests/fuzz/$1.c"
	mkdir -p "$FAKE"/{user,build/tests/fuzz} "$FAKE/tests/fuzz/seeds"
	cat >"$FAKE/user/$1.c" <<-'EOF'
		#include <dirent.h>
		int main(int argc, char **argv)
		{
			DIR *seeds = opendir(argv[argc - 1]);
			int count = 0;
			while (readdir(seeds))
				count++;
			if (count < 4) {
				return 0;
			}
			count--;
			count--;
			count--;
			count--;
			return 0;
		}
	EOF
	(cd "$FAKE" && "${CLANG:-clang}" -fprofile-instr-generate -fcoverage-mapping "user/$1.c" -o "build/tests/fuzz/$1")
}

@test "a parser of which the seeds see too little is a failure, as is one that is not there" {
	need_tool "${CLANG:-clang}" clang
	need_tool llvm-profdata llvm
	target few
	target many
	printf '=== a\none\n\n=== b\n' >"$FAKE/tests/fuzz/seeds/many.txt"
	expect 1 "3 passed, 1 failed, 0 skipped"
	[[ $output == *"few user/few.c "[5-7]?" % (floor 80)"* ]]
	[[ $output == *"many user/many.c "[89]?" % (floor 80)"* ]]
	[ "$(od -An -c "$FAKE/build/tests/fuzzing/many/seeds/a")" = '   o   n   e  \n' ]
	[ ! -s "$FAKE/build/tests/fuzzing/many/seeds/b" ]
	rm "$FAKE/tests/fuzz/few.c"
	echo ' * Parses: user/moved.c' >>"$FAKE/tests/fuzz/many.c"
	expect 1 "2 passed, 1 failed, 0 skipped"
	[[ $output == *"many user/moved.c 0 % (floor 80)"* ]]
}

# Each waits for the other, and for those that run alone there is none.
@test "two suites run side by side, and those that ask for it alone before them" {
	local meet="touch $SCRATCH/met-\$(basename \$0)
		for i in {1..100}; do
			[[ -e $SCRATCH/met-a && -e $SCRATCH/met-b ]] && break
			sleep 0.1
		done
		((i < 100)) && echo '1..1' && echo 'ok 1 - x'"
	unit a "$meet"
	unit b "$meet"
	unit c "[[ ! -e $SCRATCH/met-a && ! -e $SCRATCH/met-b ]] && echo '1..1' && echo 'ok 1 - x'"
	echo '# Alone: a test' >"$FAKE/tests/unit/c.c"
	expect 0 "3 passed, 0 failed, 0 skipped"
}

@test "a run that is ended leaves no suite behind, in no lane" {
	local runner
	unit a "echo \$\$ >$SCRATCH/pid-a; exec sleep 1000"
	unit b "echo \$\$ >$SCRATCH/pid-b; exec sleep 1000"
	TMPDIR=$SCRATCH "$FAKE/tests/run" >"$SCRATCH/out" 2>&1 3>&- &
	runner=$!
	wait_until 20 test -s "$SCRATCH/pid-a" -a -s "$SCRATCH/pid-b"
	kill -TERM "$runner"
	wait_until 30 is_gone "$runner"
	wait_until 5 is_gone "$(cat "$SCRATCH/pid-a")"
	wait_until 5 is_gone "$(cat "$SCRATCH/pid-b")"
}

@test "bats files are suites as well" {
	printf '@test "%s" {\n\t%s\n}\n' good true bad false skips 'skip "not today"' \
		>"$FAKE/tests/system/a.bats"
	expect 1 "1 passed, 1 failed, 1 skipped"
	[[ $output == *"skipped: system/a: skips: not today"* ]]
}

@test "a suite that fails is run once more alone, and both runs are shown" {
	printf '@test "%s" {\n\t%s\n}\n' works "! test -e $SCRATCH/busy" >"$FAKE/tests/system/a.bats"
	printf '@test "%s" {\n\t%s\n}\n' ends "sleep 2; rm -f $SCRATCH/busy" >"$FAKE/tests/system/b.bats"
	touch "$SCRATCH/busy"
	expect 0 "2 passed, 0 failed, 0 skipped"
	[[ $output == *"not ok 1 works"*"system-a.first.tap"*"Once more, alone:"*"system/a "* ]]
	[[ $output == *"again: system/a: failed"* ]]
	touch "$SCRATCH/busy"
	AGAIN=0 expect 1 "1 passed, 1 failed, 0 skipped"
	printf '@test "%s" {\n\t%s\n}\n' fails false >"$FAKE/tests/system/b.bats"
	expect 1 "1 passed, 1 failed, 0 skipped"
}

@test "each kernel of every run is a suite, and no list of them is a failure" {
	kernels '[[ $1 == --list ]] && { echo 5.10; echo newest; exit; }
		echo 1..1; [[ $1 == newest ]] && echo "ok 1 - $1" || echo "not ok 1 - $1"'
	LANES=1 expect 1 "1 passed, 1 failed, 0 skipped"
	[[ $output == *"kernels/5.10 "*"not ok 1 - 5.10"*"kernels/newest "* ]]
	kernels 'exit 1'
	expect 1 "0 passed, 1 failed, 0 skipped"
}
