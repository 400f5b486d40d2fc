#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The ways in which mail cannot be written, each tried with a mail server's queue on a filesystem of
# its own and two daemons: one watches the queue directory, root's as /var/spool/postfix is, the
# other the directory in it that is the mail server's own.
#
#   unwritable.bash DIRECTORY WAY...    some side by side; what came is in DIRECTORY/WAY.result
#                                       (see mailer.awk), or why not in DIRECTORY/WAY.skip
#   unwritable.bash --one DIRECTORY WAY
#   unwritable.bash --list

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/system/lib.bash
. "$here/lib.bash"
# shellcheck source=tests/system/watch.bash
. "$here/watch.bash"
# shellcheck source=tests/system/ways.bash
. "$here/ways.bash"

readonly BESIDE=${BESIDE:-6} # ways side by side: they wait most of the time
readonly BEFORE=2            # seconds in which mail can be written,
readonly HELD=${HELD:-15}    # in which it cannot,
readonly HELD_HUNG=25        # in which it hangs (which takes 10 s to be told from slow),
readonly AFTER=14            # and in which it can again
readonly MAIL=mail OTHER=nobody

# --- one way --------------------------------------------------------------------------------

skip() { # REASON
	echo "$*" >"$room/$way.skip"
	exit 0
}

queue() {
	QUEUE=$MOUNT/spool
	mkdir -p "$QUEUE/incoming"
	chmod 0755 "$QUEUE"
	chmod 0700 "$QUEUE/incoming"
	chown "$MAIL" "$QUEUE/incoming"
}

answers() { # SOCKET
	[[ $(SOCKET=$1 ask ping) == pong ]]
}

# With short times, so that what is closed too long does not hide behind them.
watching() { # NAME PATH
	printf '%s\n' 'user = ""' "$CALM" 'admission { ramp = "0s" }' "filesystem \"$2\" {" \
		'free-space { medium = "3M" high = "2M" dwell = "2s" }' \
		'free-inodes { medium = "3%" high = "1%" dwell = "2s" }' \
		'time-to-full { medium = "off" high = "off" }' \
		'error { high = "2s" leave-high = "2s" }' '}' >"$SCRATCH/$1.conf"
	background "$1" "$BUILD/spoolgated" -c "$SCRATCH/$1.conf" -s "$SCRATCH/$1.sock"
	wait_until 60 answers "$SCRATCH/$1.sock"
}

hold() {
	case $way in
	frozen | hung_disk) sleep "$HELD_HUNG" ;;
	*) sleep "$HELD" ;;
	esac
}

end_way() {
	trap - ERR
	set +e
	[[ -v MAPPED ]] && unmap
	chattr -i "${QUEUE:-/nowhere}/incoming" 2>/dev/null
	if ! tear_down >"$SCRATCH.left" 2>&1; then
		cat "$SCRATCH.left"
		rm -f "$room/$way.result"
	fi
	touch "$room/$way.done"
}

# In a mount namespace of its own: a daemon looks again when something is mounted anywhere, so one
# way's mounts would help another's daemons. And the copies of what others have mounted here meanwhile
# would keep them from unmounting it.
forget_mounts() {
	local mount
	for mount in $(mounts_below /tmp) $(mounts_below "$room"); do
		umount -l "$mount" 2>/dev/null
	done
	return 0
}

try_way() { # WAY
	way=$1
	forget_mounts
	SCRATCH=$room/$way
	LOG=$SCRATCH/log
	mkdir "$SCRATCH"
	trap end_way EXIT
	trap 'exit 1' INT TERM
	set -eE
	trap 'echo "failed: $BASH_COMMAND (${FUNCNAME[*]})"' ERR
	"make_$way"
	queue
	watching queue "$QUEUE"
	watching incoming "$QUEUE/incoming"
	background mailer "$BUILD/tests/system/mailer" "$QUEUE/incoming" "$(id -u "$MAIL")" \
		"$SCRATCH/queue.sock" "$SCRATCH/incoming.sock"
	sleep "$BEFORE"
	"break_$way"
	hold
	"mend_$way"
	sleep "$AFTER"
	sort -n "$SCRATCH/mailer.out" | awk -f "$here/mailer.awk" >"$room/$way.result"
}

# --- all of them ----------------------------------------------------------------------------

# The mail server's user has to come through to the queue.
let_through() { # DIRECTORY
	local directory=$1
	while [[ -O $directory && $directory != / && $directory != /tmp ]]; do
		chmod go+x "$directory"
		directory=${directory%/*}
	done
}

run_ways() { # WAY...
	local way
	for way; do
		while (($(jobs -rp | wc -l) >= BESIDE)); do
			wait -n
		done
		unshare -m --propagation private "$here/apart" "$room" "$here/unwritable.bash" --one "$room" "$way" \
			</dev/null >"$room/$way.out" 2>&1 &
	done
	wait
}

case ${1:-} in
--list)
	printf '%s\n' "${WAYS_ALL[@]}"
	;;
--one)
	room=$2
	try_way "$3"
	;;
*)
	room=$(realpath "${1:?a directory}")
	let_through "$room"
	trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
	trap 'exit 1' INT TERM
	run_ways "${@:2}"
	;;
esac
