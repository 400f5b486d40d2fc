#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever makes mail unwritable: nobody is told "accept" for longer than until the next safety look
# while no mail can be written, and nobody is told "defer" for longer than a dwell once it can.
#
# All ways are tried side by side, by unwritable.bash; each test waits for one of them and shows what
# was measured. With WAYS, a list of ways, only those: WAYS=frozen bats -f frozen 17-unwritable.bats

load lib
load watch

# Tenths of a second. A safety look comes every 5 s; what hangs counts after 10 s, and is stalled
# after one. Dwell and the time for which an error counts are 2 s there.
readonly SILENCE=60 SILENCE_HUNG=170
readonly CLOSED=80
readonly SOCKETS=(queue incoming)

setup_file() {
	local program=$BATS_TEST_DIRNAME/unwritable.bash
	[[ $EUID -eq 0 ]] || return 0
	# shellcheck disable=SC2046,SC2086
	SPOOLGATE_SCRATCH=$BATS_FILE_TMPDIR/ "$program" "$BATS_FILE_TMPDIR" \
		${WAYS:-$("$program" --list)} </dev/null >"$BATS_FILE_TMPDIR/all.out" 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/pid"
}

teardown_file() {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null
	wait_until 120 is_gone "$pid"
}

setup() {
	need_bpf
}

is_through() { # WAY
	[[ -e $BATS_FILE_TMPDIR/$1.done ]] || is_gone "$(cat "$BATS_FILE_TMPDIR/pid")"
}

tenths() { # SECONDS, with one decimal
	echo $((10#${1/./}))
}

# What was done was what is meant: there was mail before, then none for as long as was wanted (a
# host that stands still may have made less of it), and then there was again.
came_and_went() { # WORD BEFORE SECONDS AFTER WHAT...
	tell "$way: no mail for $3 s: ${*:5}"
	(($2 >= 1 && $(tenths "$3") >= 100 && $4 >= 5)) || {
		echo "that was no trial: $2 mails before, $4 after"
		return 1
	}
}

judge() { # SOCKET ACCEPTED DEFERRED
	tell "$way, $1 watched: accept-while-unwritable $2 s, defer-after $3 s"
	(($(tenths "$2") <= silence)) || late+=("$1: told to take mail for $2 s while none could be written")
	(($(tenths "$3") <= CLOSED)) || late+=("$1: told to defer for $3 s when mail could be written")
}

keeps_up() { # WAY
	local way=$1 silence=$SILENCE late=()
	local -a fields
	[[ -z ${WAYS:-} || " $WAYS " == *" $way "* ]] || skip "not one of WAYS"
	wait_until 230 is_through "$way"
	[[ ! -e $BATS_FILE_TMPDIR/$way.skip ]] || skip "$(cat "$BATS_FILE_TMPDIR/$way.skip")"
	cat "$BATS_FILE_TMPDIR/all.out" "$BATS_FILE_TMPDIR/$way.out"
	[[ $way != frozen && $way != hung_disk ]] || silence=$SILENCE_HUNG
	while read -ra fields; do
		case ${fields[0]} in
		mails) came_and_went "${fields[@]}" ;;
		socket) judge "${SOCKETS[fields[1]]}" "${fields[@]:2}" ;;
		esac
	done <"$BATS_FILE_TMPDIR/$way.result"
	printf '%s\n' "${late[@]}"
	((${#late[@]} == 0))
}

@test "frozen: it hangs" {
	keeps_up frozen
}

@test "the disk below hangs, the filesystem answers" {
	keeps_up hung_disk
}

@test "btrfs with room for data and none for metadata" {
	keeps_up btrfs_metadata
}

@test "XFS with room, but nowhere enough in one piece for new inodes" {
	keeps_up xfs_no_chunk
}

@test "filled by others: ext4" {
	keeps_up full_ext4
}

@test "filled by others: XFS" {
	keeps_up full_xfs
}

@test "filled by others: btrfs" {
	keeps_up full_btrfs
}

@test "out of inodes: ext4" {
	keeps_up inodes_ext4
}

@test "the mail server's user is over quota" {
	keeps_up quota_user
}

@test "the queue's project is over quota" {
	keeps_up quota_project
}

@test "the queue's btrfs subvolume is over quota" {
	keeps_up quota_btrfs
}

@test "mounted read-only" {
	keeps_up remount_ro
}

@test "the queue mounted over itself, read-only" {
	keeps_up bind_ro
}

@test "ext4 has met an error, and writes nothing more" {
	keeps_up emergency_ro
}

@test "shut down: ext4" {
	keeps_up shutdown_ext4
}

@test "shut down: XFS" {
	keeps_up shutdown_xfs
}

@test "an overlay whose upper filesystem is read-only" {
	keeps_up overlay_ro
}

@test "a thin device whose pool is full" {
	keeps_up thin_full
}

@test "only a sync can tell that nothing is written" {
	keeps_up sync_eio
}

@test "a disk that fails" {
	keeps_up dead_disk
}

@test "a mapped device that fails" {
	keeps_up dm_error
}

@test "a mapped device that can be read and not written" {
	keeps_up dm_flakey
}

@test "the queue's mode does not let its owner write" {
	keeps_up mode_0500
}

@test "the queue was given to another" {
	keeps_up chowned
}

@test "the queue was removed, and made anew by another" {
	keeps_up recreated
}

@test "the queue is immutable" {
	keeps_up immutable
}

@test "tmpfs: full" {
	keeps_up tmpfs_full
}

@test "tmpfs: out of inodes" {
	keeps_up tmpfs_inodes
}

@test "each way has a test" {
	local way
	for way in $("$BATS_TEST_DIRNAME/unwritable.bash" --list); do
		grep -q "keeps_up $way\$" "$BATS_TEST_FILENAME"
	done
}

# Half a second between the questions, so that it can be read. The host stands still from 7 to 9.
@test "the judge: what is accepted while mail fails, what is deferred after, less what the host stood still" {
	local told='
1.0 mail 1.1 ok
2.0 mail 2.1 ok
3.0 mail 3.1 EIO at sync
3.2 answer 3.3 0 accept
4.0 mail 6.0 hang at create
6.5 answer 6.6 0 accept
7.0 late 2.0 0
9.0 mail 9.1 EIO at sync
9.2 answer 9.3 0 defer
9.5 answer 9.6 0 accept
10.0 mail 10.4 EIO at sync
10.1 answer 10.2 0 none
11.0 mail 11.5 ok
12.0 mail 12.1 ok
14.5 answer 14.6 0 defer
15.0 answer 15.1 0 accept'
	run awk -f "$BATS_TEST_DIRNAME/mailer.awk" <<<"${told:1}"
	[ "${lines[0]}" = 'mails 2 7.4 2 EIO at sync, hang at create' ]
	# From 3.2 to 9.3, less 2.0; and from 11.5 to 14.5.
	[ "${lines[1]}" = 'socket 0 4.1 3.0' ]
}
