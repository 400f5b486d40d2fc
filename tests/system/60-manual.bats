#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# README, manual pages and snippets say what is there, all of it, and nothing else. What wants a mail
# server is tried by mta/80-manual; tests/manual/claims.tsv says what is tried how.

load lib
load ../manual/manual

teardown() {
	tear_down
}

@test "all that there is to type or to read is claimed by somebody" {
	"$TOP/tests/manual/claimed" >"$SCRATCH/claimed"
	[ "$(wc -l <"$SCRATCH/claimed")" -gt 90 ]
	if grep '^-' "$SCRATCH/claimed"; then
		echo "nobody tries those: see tests/manual/claims.tsv"
		false
	fi
}

@test "each claim is one of something, and says why nobody tries it, or somebody does" {
	"$TOP/tests/manual/claimed" | cut -f 3 | sort -u >"$SCRATCH/used"
	awk -F '\t' -v used="$SCRATCH/used" '
		BEGIN { while ((getline line <used) > 0) is_used[line] = 1 }
		/^#/ { next }
		!(NR in is_used) { print "claims.tsv:" NR ": there is no such text: " $0; wrong = 1 }
		$3 == "none" && $4 == "" { print "claims.tsv:" NR ": why? " $0; wrong = 1 }
		END { exit wrong }' "$TOP/tests/manual/claims.tsv"
	grep -v '^#' "$TOP/tests/manual/claims.tsv" | cut -f 3 | sort -u | while read -r how; do
		[[ $how == none ]] || grep -qE "each_text $how |manual_text share/mta/$how.conf" "$TOP"/tests/*/*-manual.bats || {
			echo "no test does $how"
			false
		}
	done
}

# Of `make TARGET ARGUMENTS    # words`; and of a block of them.
make_knows() { # PLACE TEXT
	local line
	while read -r line; do
		line=${line%%#*}
		# shellcheck disable=SC2086
		make -C "$TOP" -n ${line#make} >/dev/null || return
	done <<<"$2"
}

@test "make has those targets" {
	each_text make make_knows
}

# "…" is something; in what MORE says, in place of its %.
config_is_taken() { # PLACE TEXT MORE
	local text=${2//…\"/x\"}
	text=${text//…/\"192.0.2.1\"}
	printf '%s\n' "${3:+${3%%\%*}}$text${3:+${3#*%}}" >"$CONFIG"
	"$BUILD/spoolgated" -n -c "$CONFIG"
}

@test "spoolgated takes those configurations" {
	each_text conf config_is_taken
}

mistake_is_told() { # PLACE TEXT
	local told
	printf 'mode = "enforce"\ncolour = "blue"\n' >"$CONFIG"
	told=$("$BUILD/spoolgated" -n -c "$CONFIG" 2>&1) && return 1
	# FILE:LINE: what; allowed: what
	[[ $2 == 'FILE:LINE: '*'; allowed: '* && $told == *"$CONFIG:2: "*'; allowed: '* ]]
}

@test "mistakes are told as it says" {
	each_text wrong mistake_is_told
}

compiles() { # PLACE TEXT DECLARATIONS
	printf '%s\n' '#include <spoolgate.h>' '#include <stddef.h>' 'void reply(const char *text);' \
		'int ask(void); int ask(void) {' "$3" "$2" 'return 0; }' >"$SCRATCH/text.c"
	gcc -Wall -Wno-unused -Werror -I"$TOP/include" -fsyntax-only "$SCRATCH/text.c"
}

is_in_header() { # PLACE TEXT
	local header
	# Without comments and blanks.
	header=$(sed 's|/\*[^*]*\*/||g' "$TOP/include/spoolgate.h" | sed 's/SPOOLGATE_REPLY_[A-Z]*/256/' | tr -d '[:space:]')
	[[ $header == *"$(tr -d '[:space:]' <<<"$2")"* ]]
}

@test "what is shown of the library compiles, and is what the header says" {
	need_tool gcc
	each_text c compiles
	each_text header is_in_header
}

@test "each function of the library has a page, and its prototype there, and the other way round" {
	diff <(grep -oE '^[^/*]*\bspoolgate_[a-z_]+\(' "$TOP/include/spoolgate.h" | grep -oE 'spoolgate_[a-z_]+' | sort -u) \
		<(sed -nE '/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.F[no] (spoolgate_[a-z_]+).*/\1/p' "$TOP/man/libspoolgate.3" | sort -u)
	diff <(sed -nE '/^\.Sh SYNOPSIS/,/^\.Sh DESC/s/^\.F[no] (spoolgate_[a-z_]+).*/\1.3/p' "$TOP/man/libspoolgate.3" | sort -u) \
		<(cd "$TOP/man" && ls spoolgate_*.3)
}

is_said() { # PLACE TEXT
	[[ $(cli check) == "defer $2" ]]
}

@test "the reply is the one that is shown" {
	start_daemon
	cli override high
	each_text reply is_said
}

shell_reads() { # PLACE TEXT
	sh -n <<<"$2"
}

@test "scripts are such to the shell" {
	each_text shell shell_reads
}

# --- options ------------------------------------------------------------------------------------

# All of a page's -x and --long, where they are described or in its synopsis.
options_of_page() { # FILE
	sed -nE '/^\.(It|Op|Nm)? ?.*Fl /p' "$1" | grep -oE 'Fl -?[A-Za-z][A-Za-z-]*' | sed -E 's/^Fl //' | sort -u |
		while read -r option; do
			case $option in
			-* | ?) printf '%s\n' "-$option" ;;
			*) sed 's/./-&\n/g' <<<"$option" ;; # -nVh
			esac
		done | grep . | sort -u
}

options_of_help() { # HELP-TEXT
	grep -oE '(^|[ [|,])--?[A-Za-z][A-Za-z-]*' <<<"$1" | sed -E 's/^[^-]*//' | while read -r option; do
		case $option in
		--* | -?) printf '%s\n' "$option" ;;
		*) sed 's/^-//; s/./-&\n/g' <<<"$option" ;;
		esac
	done | grep . | sort -u
}

same_options() { # PAGE HELP-TEXT
	diff <(options_of_page "$TOP/man/$1") <(options_of_help "$2") || {
		echo "(<: $1 alone has it, >: --help alone)"
		return 1
	}
}

@test "each option of --help is in the manual page, and the other way round" {
	local command help
	same_options spoolgated.8 "$("$BUILD/spoolgated" -h)"
	same_options spoolgate-milter.8 "$("$BUILD/spoolgate-milter" -h)"
	same_options filter-spoolgate.8 "$("$BUILD/filter-spoolgate" -h)"
	help=$("$BUILD/spoolgate" --help)
	for command in $(commands_of_help); do
		help+=$'\n'$("$BUILD/spoolgate" "$command" --help)
	done
	same_options spoolgate.8 "$help"
}

commands_of_help() {
	"$BUILD/spoolgate" --help | sed -n '/^Commands:/,/^`/s/^  \([a-z]*\) .*/\1/p'
}

@test "each command of spoolgate has its part of the manual page, and the other way round" {
	diff <(commands_of_help | sort) <(sed -n 's/^\.Ss //p' "$TOP/man/spoolgate.8" | sort)
}

# --- the configuration's words ------------------------------------------------------------------

# What the parser says is allowed where there is an unknown word. OPENED is `NAME {` …, CLOSED as many }.
allowed_in() { # OPENED CLOSED
	printf '%s\nno-such-word = "x"\n%s\n' "$1" "$2" >"$CONFIG"
	"$BUILD/spoolgated" -n -c "$CONFIG" 2>&1 | sed -n 's/.*no-such-word.*; allowed: //p' | tr -d ' ' | tr , '\n'
}

# All words of a block and those of the blocks in it, which are the ones that take a brace.
words_in() { # OPENED CLOSED
	local word title inner
	allowed_in "$1" "$2" | while read -r word; do
		echo "$word"
		for title in '' '"/x"'; do
			inner="$1 $word $title {"
			[[ -z $(allowed_in "$inner" "} $2") ]] || words_in "$inner" "} $2"
		done
	done
}

@test "each word of the configuration is in its manual page and in the sample, and the other way round" {
	words_in '' '' | sort -u >"$SCRATCH/known"
	grep -qx free-space "$SCRATCH/known"
	grep -qx leave-high "$SCRATCH/known"
	grep -qx netns "$SCRATCH/known"
	diff "$SCRATCH/known" <(words_of_sample) || {
		echo "(<: known to spoolgated, >: in share/spoolgate.conf)"
		false
	}
	diff "$SCRATCH/known" <(words_of_page) || {
		echo "(<: known to spoolgated, >: in spoolgate.conf(5))"
		false
	}
}

words_of_sample() {
	grep -E '^[[:space:]]*#*[[:space:]]*#?[a-z-]+ (".*" )?[={]' "$TOP/share/spoolgate.conf" | sed -E 's/^[[:space:]#]*//; s/ .*//' | sort -u
}

# `.It Ic mode = …`, `.It Ic owner = …, Ic group = …`, `.It Ic free-space`, and the classes of `admission`.
words_of_page() {
	{
		sed -n '/^\.Sh GLOBAL/,/^\.Sh FILES$/s/^\.It Ic //p' "$TOP/man/spoolgate.conf.5" |
			sed -E 's/ , Ic /\n/g; s/ (medium|high|reply|ramp|internal) [={]/\n\1 /g' | sed -E 's/^([a-z-]+).*/\1/'
		sed -n 's/^\.It Cm \(inbound\|submission\|internal\)$/\1/p' "$TOP/man/spoolgate.conf.5"
	} | sort -u
}
