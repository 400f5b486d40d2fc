# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Helpers for the tests with real mail servers: to be loaded after ../system/lib. A file starts
# its server once, in setup_file, in namespaces of its own (see `inside`); each test starts
# spoolgated there and fills the server's queue, a small ext4, to the level it wants.

readonly MAILBOX=rcpt@sink.test    # delivered by SMTP to a sink
readonly FILTERED=rcpt@filtered.test # handed to a content filter, which hands it back
readonly REPLY='452 4.3.1 Insufficient system resources'
readonly STRANGERS=192.0.2.1 INTERNAL=127.0.0.1 # where such clients find the server
readonly MIB=1048576

# --- the lab --------------------------------------------------------------------------------

# For setup_file, before start_lab, with the same server: a file's setup calls need_lab, which
# skips with the reason. (What bats makes of a `skip` in setup_file is a failure.)
can_have_lab() { # SERVER[-VARIANT]
	LAB_LACKS=$(
		# shellcheck disable=SC2317
		skip() {
			echo "$*"
			exit
		}
		need_means
		# shellcheck disable=SC2086
		need_packages clients "${1%-*}" ${LAB_ALSO:-}
	)
	export LAB_LACKS
	[[ -z $LAB_LACKS ]]
}

need_lab() {
	[[ -z ${LAB_LACKS:-} ]] || skip "$LAB_LACKS"
}

# For setup_file. The packages of the servers in $LAB_ALSO are there as well. An empty GROUP leaves the state socket to the one it has by default.
start_lab() { # SERVER[-VARIANT] QUEUE-DIRECTORY GROUP [QUEUE-MIB]
	local server=$1 packages name
	packages=("$BUILD/mta/cache/clients")
	for name in ${LAB_ALSO:-} "${server%-*}"; do
		packages+=("$BUILD/mta/cache/$name")
	done
	export LAB_DIRECTORY=$BATS_FILE_TMPDIR LAB_QUEUE=$2 LAB_GROUP=$3 LAB_KEEPER LAB_PID
	chmod go+rx "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	SPOOLGATE_SCRATCH=$LAB_DIRECTORY/ unshare --mount --propagation private --net --uts --ipc --pid \
		--fork --kill-child --mount-proc "$TOP/tests/system/apart" "$LAB_DIRECTORY" \
		"$TOP/tests/mta/inside" "$server" "$LAB_DIRECTORY" "${4:-400}" "${packages[@]}" </dev/null >"$LAB_DIRECTORY/inside.log" 2>&1 3>&- &
	LAB_KEEPER=$!
	wait_until 60 lab_is_ready_or_died
	if [[ ! -e $LAB_DIRECTORY/ready ]]; then
		cat "$LAB_DIRECTORY/inside.log"
		return 1
	fi
	LAB_PID=$(pgrep -P "$LAB_KEEPER")
	wait_until 10 is_chrooted "$LAB_PID"
	start_in_lab smtp-sink smtp-sink -u nobody -d "/var/log/lab/sink/%M." 127.0.0.1:2500 1000
	wait_until 10 listens 127.0.0.1 2500
}

lab_is_ready_or_died() {
	[[ -e $LAB_DIRECTORY/ready ]] || is_gone "$LAB_KEEPER"
}

# Its last step: before that a command would run in the host's files.
is_chrooted() { # PID
	[[ $(readlink "/proc/$1/root") == */lab/root ]]
}

# For teardown_file. The first process of the pid namespace takes all the others along.
end_lab() {
	if [[ ${LAB_KEEPER:-} ]]; then
		kill -KILL "${LAB_PID:-$LAB_KEEPER}" 2>/dev/null
		wait_until 10 is_gone "$LAB_KEEPER"
	fi
}

need_means() {
	local tool
	need_root
	for tool in unshare nsenter ip mkfs.ext4 dpkg-deb tar; do
		need_tool "$tool"
	done
	[[ -e /dev/loop-control ]] || skip "no loop devices here"
	unshare --mount --propagation private --net --uts --ipc --pid --fork true 2>/dev/null ||
		skip "no namespaces here"
	# shellcheck disable=SC2016
	unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs "$1" && mkdir "$1/u" "$1/w" "$1/r" &&
		mount -t overlay overlay -o "lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/r"' - "$BATS_FILE_TMPDIR" \
		2>/dev/null || skip "no overlay over this root filesystem"
}

need_packages() { # NAME...
	local name
	for name; do
		"$TOP/tests/mta/fetch" "$name" >/dev/null 2>"$BATS_FILE_TMPDIR/fetch.log" ||
			skip "$name: $(tail -n 1 "$BATS_FILE_TMPDIR/fetch.log")"
	done
}

lab() { # COMMAND...: in the lab, as root; like any command
	nsenter --target "$LAB_PID" --mount --net --uts --ipc --pid --root --wdns=/ \
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# In the background, until the lab ends or end_in_lab. What it says is in /var/log/lab/NAME.
start_in_lab() { # NAME COMMAND...
	# shellcheck disable=SC2016
	lab sh -c 'name=$1; shift; setsid "$@" </dev/null >>"/var/log/lab/$name" 2>&1 & echo $! >"/run/lab-$name.pid"' \
		- "$@" 3>&-
}

signal_in_lab() { # NAME SIGNAL
	lab sh -c "kill -$2 \$(cat /run/lab-$1.pid)" 2>/dev/null
}

is_over_in_lab() { # NAME
	! signal_in_lab "$1" 0
}

# Its number is forgotten then: it may become another process's.
end_in_lab() { # NAME [SIGNAL]
	signal_in_lab "$1" "${2:-TERM}"
	wait_until 10 is_over_in_lab "$1"
	lab rm -f "/run/lab-$1.pid"
}

listens() { # ADDRESS PORT
	lab bash -c "exec 3<>/dev/tcp/$1/$2"
}

# --- spoolgated -----------------------------------------------------------------------------

# Medium below 260 MiB of the queue's 400, high below 200, unless told otherwise: far from where Postfix refuses mail
# by itself (1.5 times its message_size_limit, 86 MiB).
# $ADMISSION goes into the block of that name.
configure_spoolgate() { # [CONFIGURATION-LINE...]
	lab sh -c 'mkdir -p /etc/spoolgate && cat >/etc/spoolgate/spoolgate.conf' <<-END
		filesystem "$LAB_QUEUE" {
			free-space { medium = "${LAB_MEDIUM:-260M}" high = "${LAB_HIGH:-200M}" dwell = "1s" }
			free-inodes { medium = "off" high = "off" }
			time-to-full { medium = "off" high = "off" }
		}
		memory { available { medium = "off" high = "off" } stall { medium = "off" high = "off" } }
		admission { ramp = "0s" ${ADMISSION:-} }
		$([[ -z $LAB_GROUP ]] || printf 'state { group = "%s" }' "$LAB_GROUP")
		$(printf '%s\n' "$@")
	END
}

start_spoolgate() {
	start_in_lab spoolgated spoolgated
	wait_until 20 spoolgate_answers
}

spoolgate_answers() {
	[[ $(lab spoolgate check internal) == accept ]]
}

stop_spoolgate() { # [SIGNAL]
	end_in_lab spoolgated "${1:-TERM}"
}

# By files in the queue's filesystem, so that it is the disk that closes and opens.
make_level() { # normal|medium|high
	lab rm -f "$LAB_QUEUE/fill"
	case $1 in
	medium) leave_free 230 ;;
	high) leave_free 170 ;;
	esac
	wait_until 20 level_is "$1"
}

leave_free() { # MIB
	local -i free
	free=$(lab stat -f -c '%a * %S' "$LAB_QUEUE")
	lab dd if=/dev/zero of="$LAB_QUEUE/fill" bs=1M count=$((free / MIB - $1)) status=none
}

level_is() { # LEVEL
	[[ $(lab spoolgate status --json | jq -r .level) == "$1" ]]
}

# --- clients --------------------------------------------------------------------------------

# A message with the subject NAME. Its transcript is in $SCRATCH/NAME.
swaks() { # NAME SERVER-ADDRESS [OPTION...]
	local name=$1 address=$2
	shift 2
	lab swaks --server "$address" --helo client.test --from sender@example.test --to "$MAILBOX" \
		--header "Subject: $name" --timeout 30 "$@" >"$SCRATCH/$name" 2>&1
}

# The same with a login, which the server has to have taken.
swaks_as_user() { # NAME [OPTION...]
	local name=$1
	shift
	swaks "$name" "$STRANGERS" --auth PLAIN --auth-user tester --auth-password secret "$@"
}

# A message of BYTES, its size announced, by another client.
send_sized() { # NAME BYTES
	make_message "$1" "$2"
	curl "$1" 25
}

make_message() { # NAME [BYTES]
	# shellcheck disable=SC2016
	lab sh -c '{ printf "Subject: %s\r\n\r\n" "$1"; yes "a line of text" | sed "s/$/\r/"; } |
		head -c "$2" >"/tmp/$1"' - "$1" "${2:-1000}"
}

curl() { # NAME PORT [OPTION...]
	local name=$1 port=$2
	shift 2
	lab curl -sv --max-time 60 --mail-from sender@example.test --mail-rcpt "$MAILBOX" "$@" \
		-T "/tmp/$name" "smtp://$STRANGERS:$port/client.test" >"$SCRATCH/$name" 2>&1
}

# What the server refused and how, out of a transcript: "MAIL: 452 4.3.1 No", or "nothing".
refusal() { # NAME
	tr -d '\r' <"$SCRATCH/$1" | awk '
		$1 == "->" || $1 == "~>" || $1 == ">" { stage = $2 }
		/^<[-~*]* *[45][0-9][0-9] / {
			sub(/^<[-~*]* */, "")
			refused = stage ": " $0
			exit
		}
		END { print refused == "" ? "nothing" : refused }'
}

is_refused() { # NAME REFUSAL
	local seen
	seen=$(refusal "$1")
	[[ $seen == "$2" ]] || {
		printf 'refused was: %s\n  instead of: %s\n' "$seen" "$2"
		cat "$SCRATCH/$1"
		return 1
	}
}

is_accepted() { # NAME
	is_refused "$1" nothing
}

# The sink keeps each message in a file of its own.
is_delivered() { # NAME
	lab grep -rqi "^Subject: $1"$'\r*$' /var/log/lab/sink
}

is_delivered_soon() { # NAME
	wait_until 30 is_delivered "$1"
}

# --- a test's end ---------------------------------------------------------------------------

# For teardown. Logs and transcripts of a failed test are kept under build/mta/failed.
end_test() {
	local kept
	if [[ ${LAB_PID:-} && ! ${BATS_TEST_COMPLETED:-} ]]; then
		kept=$BUILD/mta/failed/$(basename "$BATS_TEST_FILENAME" .bats)-$BATS_TEST_NUMBER
		rm -rf "$kept"
		mkdir -p "$kept"
		cp "$SCRATCH"/* "$kept/" 2>/dev/null
		lab tar -C /var/log/lab -cf - . | tar -C "$kept" -xf -
		echo "(transcripts and logs: $kept)"
		lab tail -n 30 /var/log/lab/spoolgated
	fi
	if [[ ${LAB_PID:-} ]]; then
		signal_in_lab spoolgated CONT
		stop_spoolgate
		lab rm -f "$LAB_QUEUE/fill" /run/filter-stopped
		lab find /var/log/lab/sink -type f -delete
	fi
	tear_down
}
