# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For tests that run the daemon on filesystems and memory: short configurations, and what the
# status says of one resource. To be loaded after lib.

# What a host that also compiles does to its memory is no part of most tests.
readonly CALM='memory { available { medium = "off" high = "off" } stall { medium = "off" high = "off" } }'
readonly DEFER='defer 452 4.3.1 Insufficient system resources'
readonly PROBE='tp_btf/writeback_dirty_'
readonly MIB=1048576

# --- configuration --------------------------------------------------------------------------

# The text of a block in which free-space alone is judged.
filesystem() { # PATH MEDIUM HIGH [DWELL]
	printf 'filesystem "%s" { free-space { medium = "%s" high = "%s" dwell = "%s" }' \
		"$1" "$2" "$3" "${4:-2s}"
	printf ' free-inodes { medium = "off" high = "off" }'
	printf ' time-to-full { medium = "off" high = "off" } }\n'
}

# The daemon, staying root, on these blocks. The next safety look is 5 s away when it returns.
watch_only() { # CONFIG-TEXT...
	start_daemon 'user = ""' "$CALM" "$@"
}

# Write the configuration anew and have it read; returns when it is in force (or refused).
reload() { # CONFIG-TEXT...
	local before
	before=$(reloads_logged)
	printf '%s\n' 'user = ""' "$CALM" "$@" >"$CONFIG"
	kill -HUP "$DAEMON"
	wait_until 30 log_has_more "$before"
}

reloads_logged() {
	grep -cE 'configuration read again|nothing changed' "$LOG" || true
}

log_has_more() { # RELOADS-BEFORE
	(($(reloads_logged) > $1))
}

# --- what the daemon says -------------------------------------------------------------------

admits() { # CLASS ANSWER
	[[ $(ask "admission $1") == "$2" ]]
}

# Of all commands here the ones for wait_until.
is_open() {
	admits inbound accept
}

is_closed() {
	admits inbound "$DEFER"
}

level_is() { # LEVEL
	[[ $(field .level) == "$1" ]]
}

# Sooner than the next safety look (5 s) would find it, and no tighter: hosts that test are busy.
promptly() { # COMMAND...
	wait_until 4 "$@"
}

# A member of one resource; empty where there is no such resource.
resource() { # NAME OBJECT JQ-EXPRESSION
	ask status | jq -r --arg name "$1" --arg object "$2" \
		".resources[] | select(.name == \$name and .object == \$object) | $3"
}

resource_is() { # NAME OBJECT JQ-EXPRESSION VALUE
	[[ $(resource "$1" "$2" "$3") == "$4" ]]
}

has_resource() { # NAME OBJECT
	[[ $(resource "$1" "$2" .name) == "$1" ]]
}

has_no_resource() { # NAME OBJECT
	! has_resource "$@"
}

is_probed() { # PATH
	[[ $(resource free-space "$1" .backend) == "$PROBE"* ]]
}

is_polled() { # PATH
	[[ $(resource free-space "$1" .backend) == poll ]]
}

counter() { # NAME
	field ".counters.$1"
}

counter_passes() { # NAME NUMBER
	(($(counter "$1") > $2))
}

# A process of its own writes the log to a file: a moment later.
log_says() { # PATTERN
	wait_until 20 grep -qE -- "$1" "$LOG"
}

last_line_is() { # FILE PATTERN
	tail -n 1 "$1" | grep -q -- "$2"
}

has_lines() { # FILE COUNT
	(($(wc -l <"$1") >= $2))
}

log_counts() { # PATTERN
	grep -cE -- "$1" "$LOG" || true
}

# All the time, asked over and over.
stays() { # MILLISECONDS COMMAND...
	local -i end=$(($(now_ms) + $1))
	shift
	while (($(now_ms) < end)); do
		"$@" || return
		sleep 0.05
	done
}

now_ms() {
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# A measurement, shown in the log of a passing test too.
tell() { # TEXT
	echo "# $*" >&3
}

# --- processes ------------------------------------------------------------------------------

keeper_pid() {
	pgrep -P "$DAEMON" -x spoolgate-keep
}

scout_pid() {
	pgrep -P "$DAEMON" -x spoolgate-scout
}

another_scout_than() { # PID
	local pid
	pid=$(scout_pid) && [[ $pid && $pid != "$1" ]]
}

has_hung_thread() { # PID
	grep -qs '^State:.D' /proc/"$1"/task/*/status
}

# The kernel's numbers of what a process holds of BPF: "link 12", "prog 30", "map 7".
bpf_held_by() { # PID
	grep -shE '^(link|prog|map)_id:' /proc/"$1"/fdinfo/* | sed 's/_id:[[:space:]]*/ /' | sort -u
}

# A link holds its program, a program its maps: they go one after the other, a moment later.
bpf_is_gone() { # "KIND NUMBER" lines
	local kind number
	while read -r kind number; do
		bpftool "$kind" show id "$number" && return 1
	done <<<"$1"
	return 0
}

# --- filling --------------------------------------------------------------------------------

available_mib() { # MOUNT
	echo $(($(stat -f -c '%a * %S' "$1") / MIB))
}

# Written until about so much is left. To be called on a filesystem without dirty data.
fill_to() { # MOUNT MIB FILE
	local -i count=$(($(available_mib "$1") - $2))
	dd if=/dev/zero of="$3" bs=1M count="$count" status=none
}

# And given back at once: btrfs and XFS would take their time.
remove() { # FILE
	rm "$1"
	sync -f "${1%/*}"
}
