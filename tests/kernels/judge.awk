# SPDX-License-Identifier: GPL-2.0-only
#
# Compare one kernel's results with what is expected of it, either way. TAP, not numbered: a test
# for each probe, and for each of the other checks, in each mode; what was unexpected follows it.
#
#   awk -F '\t' -v series=6.1 -v modes=root,user -f judge.awk expected.tsv results.tsv

function place(key, part) {
	split(key, part, SUBSEP)
	return part[2] (part[3] == "-" ? "" : " on " part[3])
}

# KEY is probe, action and filesystem. Counts results, and adds to `wrong` what is unexpected.
function compare(mode, key, want, got) {
	want = (key, mode) in expected ? expected[key, mode] : \
		(key, "all") in expected ? expected[key, "all"] : "-"
	got = (key, mode) in outcome ? outcome[key, mode] : "-"
	results += got != "-"
	if (got != want)
		wrong = wrong "# " place(key) ": " (got == "-" ? "no result" : got " " detail[key, mode]) \
			", expected " (want == "-" ? "no result" : want) "\n"
}

FNR == 1 { file++ }

# The line with columns' names.
file == 1 && $1 == "# probe" && $2 == "action" {
	for (i = 5; i <= NF; i++)
		if ($i == series)
			column = i
	if (!column) {
		print "not ok - expected.tsv has no column " series
		exit
	}
}

# A key belongs to its probe's test or, without a probe, to its action's.
function add(key, test) {
	if (key in known)
		return
	known[key] = 1
	if (!(test in keys))
		tests[++count] = test
	keys[test] = keys[test] (keys[test] == "" ? "" : "\n") key
}

file == 1 && !/^#/ && NF {
	places = split($3, filesystem, ",")
	for (i = 1; i <= places; i++) {
		add($1 SUBSEP $2 SUBSEP filesystem[i], $1 == "-" ? $2 : $1)
		expected[$1, $2, filesystem[i], $4] = $column
	}
}

file == 2 && $1 == series {
	add($4 SUBSEP $5 SUBSEP $6, $4 == "-" ? $5 : $4)
	outcome[$4, $5, $6, $3] = $7
	detail[$4, $5, $6, $3] = "(" $8 ($9 == "-" ? "" : ", " $9) ")"
}

END {
	modes_count = split(modes, mode, ",")
	for (m = 1; m <= modes_count && column; m++)
		for (t = 1; t <= count; t++) {
			wrong = ""
			results = 0
			keys_count = split(keys[tests[t]], key, "\n")
			for (k = 1; k <= keys_count; k++)
				compare(mode[m], key[k])
			if (!results && wrong == "")
				continue
			printf "%sok - %s %s: %s\n%s", wrong == "" ? "" : "not ", series, mode[m], \
				tests[t], wrong
		}
}
