# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For tests of the gate: a network namespace with a server in it, and clients from all over the
# world. To be loaded after lib and watch.

# shellcheck disable=SC2034
readonly HERE=192.0.2.25 HERE6=2001:db8::25            # the server's addresses
# shellcheck disable=SC2034
readonly STRANGER=198.51.100.7 STRANGER6=2001:db8:5::7 # and clients'
# shellcheck disable=SC2034
readonly OWN=127.0.0.1 OWN6=::1
readonly REFUSAL='421 4.3.2 mx.example Service not available, closing transmission channel'
readonly BANNER='220 the server itself'

# The netns is a mount, which the teardown finds. Whole networks are local in it, so that any
# client's address can be had. Its path is in $NETNS.
make_netns() { # NAME
	need_root
	need_tool ip iproute2
	NETNS=$SCRATCH/$1.net
	touch "$NETNS"
	unshare --net="$NETNS" true || skip "no network namespaces here"
	in_net ip link set lo up
	in_net ip route add local 192.0.2.0/24 dev lo
	in_net ip route add local 198.51.100.0/24 dev lo
	in_net ip -6 route add local 2001:db8::/32 dev lo 2>/dev/null || skip "this kernel has no IPv6"
	# A client may have any of those addresses.
	in_net sysctl -qw net.ipv6.ip_nonlocal_bind=1
}

in_net() { # COMMAND...
	nsenter --net="$NETNS" "$@"
}

# Greets, then echoes; what it hears is in $SCRATCH/server-PORT.out.
serve() { # PORT...
	local port
	for port in "$@"; do
		background "server-$port" nsenter --net="$NETNS" socat -v \
			"TCP6-LISTEN:$port,ipv6only=0,reuseaddr,fork" SYSTEM:"echo $BANNER; cat"
	done
	for port in "$@"; do
		wait_until 10 listens "$port"
	done
}

listens() { # PORT
	in_net ss -Hltn "sport = $1" | grep -q .
}

# The text of a gate block for $NETNS, with OPTIONS.
gate() { # OPTION...
	printf 'gate { netns = "%s" host = "mx.example" %s }\n' "$NETNS" "${*:-ports = {25\}}"
}

# The daemon, with room to spare on $SCRATCH's filesystem, without a ramp unless told.
start_gated() { # CONFIG-TEXT...
	watch_only "$(filesystem "$SCRATCH" 2K 1K)" 'admission { ramp = "0s" }' "$@"
}

# What a client hears.
call() { # FROM TO PORT
	local from=$1 to=$2
	[[ $from == *:* ]] && from=[$from]
	[[ $to == *:* ]] && to=[$to]
	in_net timeout 20 socat -t 10 - "TCP:$to:$3,bind=$from" </dev/null 2>&1 |
		tr -d '\r'
}

is_diverted() { # FROM TO PORT
	[[ $(call "$@") == "$REFUSAL" ]]
}

is_served() { # FROM TO PORT
	[[ $(call "$@" | head -n 1) == "$BANNER" ]]
}

is_refused() { # FROM TO PORT
	[[ $(call "$@") == *'Connection refused'* ]]
}

close_gate() { # [LEVEL]
	cli override "${1:-high}" --for 10min --reason maintenance
}

open_gate() {
	cli override off
}

gate_is() { # STATE
	[[ $(field .gate.state) == "$1" ]]
}

responder_pid() {
	pgrep -P "$DAEMON" -r D,R,S,T -x spoolgate-resp
}

another_responder_than() { # PID
	local pid
	pid=$(responder_pid) && [[ $pid && $pid != "$1" ]]
}
