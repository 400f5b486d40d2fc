# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the tests of what the manual says, system/60-manual and mta/80-manual: see `claimed`.

# COMMAND PLACE TEXT MORE for each text of which claims.tsv says HOW. Fails, at its end, with the
# places at which COMMAND did, and if there was no such text.
each_text() { # HOW COMMAND
	local how place more text failed=() count=0
	while IFS=$'\t' read -r -u 9 how place _ more text; do
		[[ $how == "$1" ]] || continue
		count+=1
		printf -v text %b "$text"
		"$2" "$place" "$text" "${more#-}" || failed+=("$place: $text")
	done 9< <("$TOP/tests/manual/claimed" | grep "^$1"$'\t')
	[[ $count != 0 ]] || failed=("$1: no text")
	((${#failed[@]} == 0)) || {
		printf 'failed: %s\n' "${failed[@]}"
		return 1
	}
}

# The text of FILE that PATTERN fits.
manual_text() { # FILE PATTERN
	local place text
	while IFS=$'\t' read -r _ place _ _ text; do
		printf -v text %b "$text"
		# shellcheck disable=SC2053
		if [[ $text == $2 ]]; then
			printf '%s\n' "$text"
			return
		fi
	done < <("$TOP/tests/manual/claimed" | grep $'\t'"$1:")
	echo "$1 has no $2"
	return 1
}
