# SPDX-License-Identifier: GPL-2.0-only
#
# All that README, a manual page or a snippet's comments have somebody type, copy or read as what a
# program says: a line `PLACE<TAB>TEXT` for each, in which a line end of TEXT is \n and a backslash
# \\. PLACE is FILE:LINE. These are, in
#
#   *.md      blocks that are indented by four or fenced; in the text, `…` that is a command or a
#             setting, over line ends
#   man       .Bd -literal, .Dl (lines that follow each other are one), .Ql with such a text
#   others    lines of a comment whose text begins with a tab or three blanks: a block; `…` as above
#             (in spoolgate.conf five blanks: the rest is settings, read by unit/test_config_sample)
#
# awk -f extract.awk FILE...

BEGIN {
	commands = "^(spoolgate|spoolgated|spoolgate-milter|filter-spoolgate|make|systemctl|systemd-" \
		"|postconf|postfix|postmulti|exim4?|smtpd|adduser|groupadd|getent|apt|ldconfig|ip|btrfs|bats|echo|ls) "
}

FNR == 1 {
	finish()
	kind = FILENAME ~ /\.md$/ ? "md" : FILENAME ~ /\.[1-9]$/ ? "man" : "comment"
	mark = FILENAME ~ /\.mc$/ ? "dnl" : FILENAME ~ /\.js$/ ? "//" : FILENAME ~ /\.lua$/ ? "--" : FILENAME ~ /spoolgate\.conf$/ ? "#  " : "#"
	fenced = literal = 0
	text = paragraph = ""
}

kind == "md" { markdown() }
kind == "man" { mdoc() }
kind == "comment" { comment() }

END { finish() }

function emit(line, what) {
	sub(/\n+$/, "", what)
	gsub(/\\/, "&&", what)
	gsub(/\n/, "\\n", what)
	if (what != "")
		print file ":" line "\t" what
}

function add(line) {
	if (text == "") {
		begun = FNR
		file = FILENAME
	}
	text = text line "\n"
}

function finish() {
	if (text != "")
		emit(begun, text)
	text = ""
	spans(paragraph)
	paragraph = ""
}

# Is it to be typed, and not just a name?
function is_typed(span) {
	return span ~ commands || span ~ /[a-z-]+ *[={] / || span ~ /^OPTIONS=/
}

function spans(what,    part, n, i) {
	file = paragraph_file
	n = split(what, part, "`")
	for (i = 2; i <= n; i += 2)
		if (is_typed(part[i]))
			emit(paragraph_begun, part[i])
}

function join(line) {
	if (paragraph == "") {
		paragraph_begun = FNR
		paragraph_file = FILENAME
	}
	sub(/^ +/, "", line)
	paragraph = paragraph (paragraph == "" ? "" : " ") line
}

# What is no block: a paragraph ends with an empty line, and a block may have one within.
function flow(line) {
	if (line ~ /^ ?$/) {
		if (paragraph != "")
			finish()
		else if (text != "")
			text = text "\n"
	} else {
		if (text != "")
			finish()
		join(line)
	}
}

function markdown() {
	if (/^```/) {
		finish()
		fenced = !fenced
	} else if (fenced)
		add($0)
	else if (/^    / && paragraph == "")
		add(substr($0, 5))
	else
		flow($0)
}

function plain(line) {
	gsub(/\\\(dq/, "\"", line)
	gsub(/\\\(bu/, "*", line)
	gsub(/\\[&c]/, "", line)
	gsub(/\\-/, "-", line)
	gsub(/\\ /, " ", line)
	gsub(/\\e/, "\\", line)
	return line
}

function mdoc() {
	if (/^\.Bd -literal/) {
		finish()
		literal = 1
	} else if (/^\.Ed/) {
		finish()
		literal = 0
	} else if (literal)
		add(plain($0))
	else if (/^\.Dl /)
		add(plain(substr($0, 5)))
	else {
		finish()
		quoted = substr($0, 5)
		sub(/ [.,;:]$/, "", quoted)
		if (/^\.Ql / && is_typed(plain(quoted))) {
			add(plain(quoted))
			finish()
		}
	}
}

# The text of a comment begins after one blank; deeper is a block.
function comment(    line) {
	line = $0
	if (substr(line, 1, length(mark)) != mark) {
		finish()
		return
	}
	line = substr(line, length(mark) + 1)
	if (line ~ /^(\t|   )/) {
		if (paragraph != "")
			finish()
		sub(/^(\t|   )/, "", line)
		add(line)
	} else
		flow(line)
}
