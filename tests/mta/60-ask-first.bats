#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# share/mta/ask-first: any program that takes mail, behind the question. Needs no mail server.

load ../system/lib
load ../system/watch

setup() {
	need_root
	loop_mount ext4 100
	watch_only "$(filesystem "$MOUNT" 40M 10M 1s)"
	printf '#!/bin/sh\nexec "%s/spoolgate" -s "%s" "$@"\n' "$BUILD" "$SOCKET" >"$SCRATCH/spoolgate"
	chmod 0755 "$SCRATCH/spoolgate"
	export SPOOLGATE=$SCRATCH/spoolgate
}

ask_first() {
	sh "$TOP/share/mta/ask-first" "$@"
}

@test "ask-first: open, the command is run, with its input and its exit code" {
	run ask_first sh -c 'cat; echo "$0 $1"; exit 7' a 'b c' <<<'a message'
	[[ $status == 7 && $output == $'a message\na b c' ]]
}

@test "ask-first: closed, the command is not run, and the code asks for another try" {
	fallocate -l 60M "$MOUNT/fill"
	wait_until 10 is_closed
	run ask_first touch "$SCRATCH/ran"
	[[ $status == 75 && $output == "$DEFER" && ! -e $SCRATCH/ran ]]
	run ask_first -t 71 -c '' -a 192.0.2.1 touch "$SCRATCH/ran"
	[[ $status == 71 && ! -e $SCRATCH/ran ]]
	run ask_first -c submission -a 192.0.2.1 echo ran
	[[ $status == 0 && $output == ran ]]
}

@test "ask-first: spoolgated is gone, the command is run" {
	fallocate -l 60M "$MOUNT/fill"
	wait_until 10 is_closed
	stop_daemon KILL || true
	run --separate-stderr ask_first echo ran
	[[ $status == 0 && $output == ran ]]
}

@test "ask-first: a wrong call is told so" {
	run ask_first
	[[ $status == 64 && $output == Usage:* ]]
	run ask_first -x echo ran
	[[ $status == 64 ]]
}
