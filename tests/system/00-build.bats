#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The build, and what can be asked of the programs without starting anything.
#
# Alone: other suites write below build/ meanwhile.

load lib

@test "a second make does nothing" {
	make -C "$TOP" >"$SCRATCH/first"
	touch "$SCRATCH/stamp"
	run make -C "$TOP" --no-print-directory
	[ "$status" -eq 0 ]
	[[ $output == "make: Nothing to be done for 'all'." ]]
	[ -z "$(find "$BUILD" -path "$BUILD/tests" -prune -o -newer "$SCRATCH/stamp" -type f -print)" ]
}

@test "another flag builds everything anew, elsewhere nothing is touched" {
	cp -r "$TOP/Makefile" "$TOP/user" "$TOP/bpf" "$TOP/include" "$SCRATCH"
	make -C "$SCRATCH" build/common.a >"$SCRATCH/first"
	run make -C "$SCRATCH" build/common.a
	[[ $output == *"'build/common.a' is up to date"* ]]
	run make -C "$SCRATCH" build/common.a VERSION=9.9.9
	[[ $output == *"CC      user/common/units.c"* ]]
}

@test "make names every missing package, installs none and fails" {
	run env PKG_CONFIG_LIBDIR=/nonexistent make -C "$TOP" CLANG=no-such-clang
	[ "$status" -ne 0 ]
	[[ ${lines[*]} == *"Missing Debian packages: clang"*"libbpf-dev"*"libconfuse-dev"*"make deps"* ]]
	run make -C "$TOP" BPFTOOL=no-such-bpftool
	[ "$status" -ne 0 ]
	[[ ${lines[*]} == *"Missing Debian packages: bpftool (as root, \"make deps\" installs them)"* ]]
}

@test "make deps asks for nothing when all is there" {
	run make -C "$TOP" --no-print-directory deps
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

# As a stranger would: no configuration, and what it says on the terminal.
@test "make run watches the embedded default, says by which probe, and how to ask it" {
	local how
	[[ $EUID -eq 0 ]] || skip "needs root"
	[[ ! -e /etc/spoolgate/spoolgate.conf ]] || skip "this machine has a configuration"
	make -C "$TOP" --no-print-directory run ARGS="-s $SOCKET" >"$LOG" 2>&1 3>&- &
	DAEMON=$!
	wait_until 60 grep -q '^ask with: ' "$LOG"
	grep -qE "^watching /var/(spool|log)[^ ]*: ." "$LOG"
	grep -qE '^free-space of /var/[^ ]+ is [0-9.]+ .iB: medium is entered below ' "$LOG"
	[[ $(ask ping) == pong ]]
	how=$(sed -n 's/^ask with: //p' "$LOG")
	# shellcheck disable=SC2086
	$how | grep -q '^free-space ' # word for word: it is not in the PATH
	kill "$(pgrep -P "$DAEMON" -x spoolgated)"
	wait_until 20 is_gone "$DAEMON"
	DAEMON=
	[ ! -e "$SOCKET" ]
}

@test "make install puts the programs, the unit and the configuration in their places" {
	make -C "$TOP" install DESTDIR="$SCRATCH/root" PREFIX=/opt/spoolgate
	cd "$SCRATCH/root"
	[ -x opt/spoolgate/sbin/spoolgated ]
	[ -x opt/spoolgate/sbin/spoolgate-responder ]
	[ -x opt/spoolgate/bin/spoolgate ]
	[ -x opt/spoolgate/sbin/spoolgate-milter ]
	[ -x opt/spoolgate/libexec/opensmtpd/filter-spoolgate ]
	grep -q '^ExecStart=/opt/spoolgate/sbin/spoolgate-milter ' opt/spoolgate/lib/systemd/system/spoolgate-milter.service
	grep -q '^ExecStart=/opt/spoolgate/sbin/spoolgated$' opt/spoolgate/lib/systemd/system/spoolgated.service
	grep -q '^u spoolgate ' opt/spoolgate/lib/sysusers.d/spoolgate.conf
	cmp etc/spoolgate/spoolgate.conf "$TOP/share/spoolgate.conf"
}

@test "make install keeps a configuration that is there" {
	mkdir -p "$SCRATCH/root/etc/spoolgate"
	echo mine >"$SCRATCH/root/etc/spoolgate/spoolgate.conf"
	make -C "$TOP" install DESTDIR="$SCRATCH/root"
	[ "$(cat "$SCRATCH/root/etc/spoolgate/spoolgate.conf")" = mine ]
}

@test "-V prints the version" {
	version=$(sed -n 's/^VERSION := //p' "$TOP/Makefile")
	run "$BUILD/spoolgated" -V
	[ "$status" -eq 0 ]
	[ "$output" = "spoolgated $version" ]
	run "$BUILD/spoolgate" -V
	[ "$status" -eq 0 ]
	[ "$output" = "spoolgate $version" ]
}

@test "-n accepts the sample configuration" {
	run "$BUILD/spoolgated" -n -c "$TOP/share/spoolgate.conf"
	[ "$status" -eq 0 ]
}

@test "-n refuses a bad configuration with 78 and FILE:LINE" {
	printf '%s\n' '# a comment' 'mode = "enforce"' 'colour = "blue"' >"$CONFIG"
	run "$BUILD/spoolgated" -n -c "$CONFIG"
	[ "$status" -eq 78 ]
	[[ $output == *"$CONFIG:3: "*colour* ]]
}

@test "-n refuses a configuration that is not there with 78 and its name" {
	run "$BUILD/spoolgated" -n -c "$SCRATCH/nowhere.conf"
	[ "$status" -eq 78 ]
	[[ $output == *"$SCRATCH/nowhere.conf"* ]]
}

@test "the manual's table of kernels is that of the kernels' tests" {
	[ -s "$TOP/man/spoolgated.8" ]
	diff <(sed -n '/^\.TS/,/^\.TE/p' "$TOP/man/spoolgated.8") <("$TOP/tests/kernels/table")
}

# common → watch → policy → publish → daemon; the other programs stand beside them, on common alone,
# and lib, whose licence is another, on nothing but include/.
@test "a room includes only rooms to its left" {
	wrong=$(cd "$TOP/user" && grep -rnE '^#include "[a-z]+/' --include='*.[ch]' . | awk -F'[/":]' '
		BEGIN {
			split("common watch policy publish daemon", order, " ")
			for (i in order) place[order[i]] = i
			split("cli mta lib responder", programs, " ")
			for (i in programs) {
				place[programs[i]] = 9
				alone[programs[i]] = 1
			}
			place["responder"] = 1.5 # the daemon starts it
			place["bpf"] = 1
		}
		{
			match($0, /#include "[a-z]+/)
			target = substr($0, RSTART + 10, RLENGTH - 10)
			if (target != $2 && (place[target] >= place[$2] || ($2 in alone && (target != "common" || $2 == "lib"))))
				print
		}')
	echo "$wrong"
	[ -z "$wrong" ]
}

# Ours, and sections of one page: two of a name, or a page in a section where it is not.
@test "manual pages refer to pages that there are, and describe a thing once" {
	local page name section
	for page in "$TOP"/man/*.[1-8]; do
		[ -z "$(grep -E '^\.(Sh|It Ic [a-z-]+ \{)' "$page" | sort | uniq -d)" ]
		while read -r name section; do
			[[ -e $TOP/man/$name.$section ]] || { echo "${page##*/}: $name($section)"; false; }
		done < <(sed -nE 's/^\.Xr ([a-z-]*spoolgate[a-z.-]*) ([0-9]).*/\1 \2/p' "$page")
	done
}
