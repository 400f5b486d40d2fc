# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What README, the manual pages and the snippets have somebody type: extract.awk finds it, claims.tsv
# says who runs it. For system/60-manual and mta/80-manual.

manual_texts() { # a line PLACE<TAB>TEXT each, TEXT with \n and \\
	(cd "$TOP" && awk -f tests/manual/extract.awk README.md man/*.[1-8] share/mta/* share/systemd/* share/spoolgate.conf)
}

# HOW and MORE of who claims it; fails if nobody does.
claim_of() { # PLACE TEXT
	local file text how more
	while IFS=$'\t' read -r file text how more; do
		[[ $file == '#'* ]] && continue
		# shellcheck disable=SC2053
		if [[ ${1%:*} == $file && $2 == $text ]]; then
			printf '%s\t%s\n' "$how" "$more"
			return
		fi
	done <"$TOP/tests/manual/claims.tsv"
	return 1
}

# COMMAND PLACE TEXT MORE for each text that HOW claims. Fails, at its end, with the places at which
# COMMAND did, and if there was none.
each_text() { # HOW COMMAND
	local place text claim how more failed=() count=0
	while IFS=$'\t' read -r -u 9 place text; do
		printf -v text %b "$text"
		claim=$(claim_of "$place" "$text") || continue
		IFS=$'\t' read -r how more <<<"$claim"
		[[ $how == "$1" ]] || continue
		count+=1
		"$2" "$place" "$text" "$more" || failed+=("$place: $text")
	done 9< <(manual_texts)
	[[ $count != 0 ]] || failed=("$1: no text")
	((${#failed[@]} == 0)) || {
		printf 'failed: %s\n' "${failed[@]}"
		return 1
	}
}

# The text of FILE that PATTERN fits.
manual_text() { # FILE PATTERN
	local place text
	while IFS=$'\t' read -r place text; do
		printf -v text %b "$text"
		# shellcheck disable=SC2053
		if [[ ${place%:*} == "$1" && $text == $2 ]]; then
			printf '%s\n' "$text"
			return
		fi
	done < <(manual_texts)
	echo "$1 has no $2"
	return 1
}
