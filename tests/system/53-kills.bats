#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# kill -9, over and over, while clients come: never a gate left closed, nothing left behind, no
# client left hanging. And of each process that the daemon has beside it: there is another one, and all
# works again. SPOOLGATE_KILLS is how often.

load lib
load watch
load gate

readonly KILLS=${SPOOLGATE_KILLS:-20} CLIENTS=4
readonly FROZEN_EACH=8 # every eighth daemon dies with a scout that hangs

setup() {
	need_bpf
	make_netns mail
	serve 25
}

# One client after the other until $SCRATCH/stop is there, each of which must come to an end, be it
# by the server's word, the responder's, or a reset. "ended STATUS MS"; timeout's status is 124.
come_and_go() { # NAME
	# shellcheck disable=SC2016
	background "$1" nsenter --net="$NETNS" bash -c '
		until [[ -e $3 ]]; do
			begin=${EPOCHREALTIME/[.,]/}
			timeout 15 socat -t 12 - "TCP:$1:25,bind=$2" </dev/null
			echo "ended $? $(((${EPOCHREALTIME/[.,]/} - begin) / 1000))"
			sleep 0.1
		done' - $HERE $STRANGER "$SCRATCH/stop"
}

# What bpf_held_by says, and what those programs hold.
bpf_of() { # PID
	local held programs
	held=$(bpf_held_by "$1")
	programs=$(sed -n 's/^prog //p' <<<"$held" | jq -s .)
	{
		echo "$held"
		bpftool -j prog list | jq -r --argjson ours "$programs" \
			'.[] | select(.id as $id | $ours | index($id)) | .map_ids[]? | "map \(.)"'
	} | sort -u
}

# All of the daemon's: the responder's environment is empty, so nothing else finds it.
processes_of() { # PID
	ps -eo pid=,ppid= | awk -v daemon="$1" '
		{ parent[$1] = $2 }
		END {
			for (pid in parent)
				for (above = pid; above > 1; above = parent[above])
					if (above == daemon)
						print pid
		}'
}

# As bpf_is_gone, with three calls instead of one for each.
none_left() { # "KIND NUMBER" lines
	local kind
	for kind in link prog map; do
		bpftool -j "$kind" list | jq -r --arg kind "$kind" '.[] | "\($kind) \(.id)"'
	done >"$SCRATCH/there"
	! grep -qxFf "$SCRATCH/there" <<<"$1"
}

all_gone() { # PID...
	local pid
	for pid in "$@"; do
		is_gone "$pid" || return 1
	done
}

hang_scout() {
	freeze "$MOUNT" 60
	wait_until 20 has_hung_thread "$(scout_pid)"
}

release_scout() {
	thaw "$MOUNT"
	end_process "${BACKGROUND[-1]}" >/dev/null || true # it would thaw a later freeze
	unset 'BACKGROUND[-1]'
}

bpf_counts() {
	echo "$(bpftool link list 2>/dev/null | grep -c '^[0-9]') links, $(bpftool prog list | grep -c '^[0-9]') programs, $(bpftool map list | grep -c '^[0-9]') maps"
}

# A daemon with a closed gate, killed. Whatever it had is in $held and $processes.
kill_one() { # FROZEN
	local -i begin
	watch_only "$(filesystem "$MOUNT" 20M 2M)" 'admission { ramp = "0s" }' "$(gate)"
	close_gate
	is_diverted $STRANGER $HERE 25
	if (($1)); then hang_scout; fi
	held=$(bpf_of "$DAEMON")
	processes=$(processes_of "$DAEMON")
	[[ $held == *link* && $held == *prog* && $held == *map* ]]
	[ "$(wc -w <<<"$processes")" -ge 5 ]
	if none_left "$held"; then return 1; fi
	is_diverted $STRANGER6 $HERE6 25
	begin=$(now_ms)
	stop_daemon KILL || true
	is_served $STRANGER $HERE 25
	begin=$(($(now_ms) - begin))
	if ((begin > slowest)); then slowest=$begin; fi
	is_served $STRANGER6 $HERE6 25
	wait_until 10 none_left "$held"
	if (($1)); then release_scout; fi
	# shellcheck disable=SC2086
	wait_until 10 all_gone $processes
}

@test "killed under load, every eighth time with a scout that hangs: the server at once, nothing left, nobody hangs" {
	local -i i frozen slowest=0
	local held processes before
	loop_mount ext4 64
	before=$(bpf_counts)
	for ((i = 0; i < CLIENTS; i++)); do
		come_and_go "client-$i"
	done
	for ((i = 1; i <= KILLS; i++)); do
		frozen=$((i % FROZEN_EACH == 0))
		echo "kill $i of $KILLS, scout hung: $frozen" # shown on failure
		kill_one $frozen
	done
	touch "$SCRATCH/stop"
	wait_until 30 all_gone "${BACKGROUND[@]:1:CLIENTS}"
	cat "$SCRATCH"/client-*.out >"$SCRATCH/clients"
	tell "$KILLS kills, $((KILLS / FROZEN_EACH)) of them with the scout hung; a client was served within $slowest ms of the kill, at the slowest"
	tell "on the host before: $before; after: $(bpf_counts)"
	tell "$(grep -c '^ended' "$SCRATCH/clients") clients meanwhile, $(grep -c '^421' "$SCRATCH/clients") of them diverted, $(grep -c "^$BANNER" "$SCRATCH/clients") served; the longest took $(awk '/^ended/ { print $3 }' "$SCRATCH/clients" | sort -n | tail -n 1) ms"
	[ "$(grep -c '^ended 124' "$SCRATCH/clients")" -eq 0 ]
	grep -q '^421' "$SCRATCH/clients"
	grep -q "^$BANNER" "$SCRATCH/clients"
	[ -z "$(in_net ss -Hltn | grep 192.0.0.8)" ]
}

# What the daemon has beside it, by what ends the names of the processes.
readonly HELPERS=(file sock log scout resp att)

helper() { # NAME: its pid, while it lives
	pgrep -P "$DAEMON" -r D,R,S,T -x "spoolgate-$1"
}

all_are_there() {
	local name
	for name in "${HELPERS[@]}"; do
		[[ $(helper "$name") ]] || return 1
	done
	[[ $(field '[.processes[] | select(.state != "running")] | length') == 0 ]]
}

is_written() { # LEVEL
	[[ $(jq -r .level <"$SOCKET.override") == "$1" ]]
}

asks_policy() {
	[[ $(printf 'request=smtpd_access_policy\n\n' | timeout 5 socat -t 5 - "UNIX-CONNECT:$SCRATCH/policy") == action=* ]]
}

@test "each process beside the daemon, killed or stopped at random: each is there again, and all works" {
	local -i i killed=0 stopped=0 looks
	local name pid
	watch_only "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$(gate)" \
		"listen \"postfix\" { protocol = \"postfix-policy\" address = \"unix:$SCRATCH/policy\" }"
	wait_until 30 all_are_there
	for ((i = 0; i < KILLS; i++)); do
		name=${HELPERS[i % ${#HELPERS[@]}]}
		pid=$(helper "$name") || continue # it is away still
		if ((RANDOM % 2)); then
			kill -KILL "$pid" && killed+=1
		else
			kill -STOP "$pid" && stopped+=1
		fi
		[[ $(ask 'admission submission') == accept ]]
		[[ $(ask "override $(((i % 2)) && echo medium || echo normal) 600 round-$i") == ok ]]
		((i % 5)) || rm -f "$SCRATCH/policy"
		sleep "0.$((RANDOM % 10))"
	done
	tell "$killed killed, $stopped stopped"
	wait_until 60 all_are_there
	looks=$(counter looks)
	[[ $(ask 'override high 600 last') == ok ]]
	wait_until 20 is_written high
	wait_until 20 is_diverted $STRANGER $HERE 25
	[[ $(ask 'override off') == ok ]]
	wait_until 20 is_served $STRANGER $HERE 25
	wait_until 20 eval '[[ ! -s $SOCKET.override ]]'
	wait_until 20 asks_policy
	wait_until 20 counter_passes looks "$looks"
	umount "$NETNS"
	rm "$NETNS"
	make_netns mail
	close_gate
	wait_until 30 is_diverted $STRANGER $HERE 25
	stop_daemon
}
