# SPDX-License-Identifier: GPL-2.0-only
#
# See the script "table".

function join(list, more) {
	return list (list == "" ? "" : ", ") more
}

function has(list, word) {
	return index(", " list ",", ", " word ",")
}

# "all", "6.1 on", "5.10, 6.12 to 6.18"
function range(from, to) {
	if (to == columns && from < to)
		return from == 1 ? "all" : heading[from] " on"
	return heading[from] (to > from ? " to " heading[to] : "")
}

function kernels_of(probe, filesystem, c, from, text) {
	for (c = 1; c <= columns + 1; c++) {
		if (c <= columns && has(heard[probe, c], filesystem)) {
			from = from ? from : c
		} else if (from) {
			text = join(text, range(from, c - 1))
			from = 0
		}
	}
	return text (probe in root_only ? " (root)" : "")
}

# A line for each set of kernels, with the filesystems that share it.
function print_rows(probe, place, places, i, n, kernels, order, of) {
	places = split(heard_on[probe], place, ", ")
	for (i = 1; i <= places; i++) {
		kernels = kernels_of(probe, place[i])
		if (!(kernels in of))
			order[++n] = kernels
		of[kernels] = of[kernels] (of[kernels] == "" ? "" : " ") \
			(place[i] == "-" ? "the host" : place[i])
	}
	for (i = 1; i <= n; i++)
		print (i == 1 ? probe : "") "\t" of[order[i]] "\t" order[i]
}

function note(probe, action, place, mode, c, outcome) {
	if (!(probe in heard_on)) {
		heard_on[probe] = ""
		probes[++count] = probe
	}
	if (action == "attach" && mode == "user" && outcome == "refused" && attached[probe, c])
		root_only[probe] = 1
	if (mode != "all")
		return
	if (action == "attach")
		attached[probe, c] = outcome == "attached"
	if (outcome != "fires")
		return
	if (!has(heard[probe, c], place))
		heard[probe, c] = join(heard[probe, c], place)
	if (!has(heard_on[probe], place))
		heard_on[probe] = join(heard_on[probe], place)
}

$1 == "# newest" { newest = $2 }

# The line with the columns' names.
$1 == "# probe" && $2 == "action" {
	columns = NF - 4
	for (c = 1; c <= columns; c++)
		heading[c] = $(c + 4) == "newest" ? newest : $(c + 4)
}

!/^#/ && NF && $1 != "-" {
	places = split($3, place, ",")
	for (i = 1; i <= places; i++)
		for (c = 1; c <= columns; c++)
			note($1, $2, place[i], $4, c, $(c + 4))
}

END {
	print ".TS\ntab(\t);\nlb1 lb1 lb\nl1 l1 l.\nprobe\theard on\tkernels"
	for (p = 1; p <= count; p++)
		print_rows(probes[p])
	print ".TE"
}
