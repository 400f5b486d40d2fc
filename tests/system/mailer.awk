# SPDX-License-Identifier: GPL-2.0-only
#
# Judge what the helper `mailer` wrote, sorted by time (sort -n): how long it was said to take mail
# while none could be written, and to refuse it when it could.
#
# A stretch is mails that failed one after the other, from the first's begin to the last's end. Who
# gets no answer takes mail, so `none` counts as accept. What the host stood still is taken off.
#
#   mails BEFORE FAILING AFTER WHAT   mails that came before the longest stretch, the seconds it
#                                     took, mails that came after the last one; what went wrong
#   socket NUMBER ACCEPTED DEFERRED   the longest accept in a stretch and what came after the last
#                                     stretch until the last defer, both in seconds

$2 == "mail" {
	if ($4 == "ok") {
		if (failing && !mended[stretches])
			mended[stretches] = $3
		failing = 0
		came++
	} else {
		if (!failing++) {
			begin[++stretches] = $1
			came_before[stretches] = came + 0
		}
		end[stretches] = $3
		if (!what[stretches, $4 $6]++)
			words[stretches] = words[stretches] (words[stretches] ? ", " : "") $4 " " $5 " " $6
	}
}

$2 == "late" {
	lates++
	late_at[lates] = $1
	late[lates] = $3
	late_of[lates] = $4
}

$2 == "answer" {
	socket = $4
	n = ++answers[socket]
	asked[socket, n] = $1
	answered[socket, n] = $3
	accepts[socket, n] = $5 == "accept" || $5 == "none"
	if (socket >= sockets)
		sockets = socket + 1
}

function stood_still(socket, from, to,   i, sum) {
	for (i = 1; i <= lates; i++)
		if (late_of[i] == socket && late_at[i] >= from && late_at[i] <= to)
			sum += late[i]
	return sum + 0
}

function longest_accept(socket, stretch,   i, from, to, took, most) {
	from = -1
	for (i = 1; i <= answers[socket]; i++) {
		if (asked[socket, i] < begin[stretch] || asked[socket, i] > end[stretch])
			continue
		if (from < 0 && accepts[socket, i])
			from = asked[socket, i]
		if (from < 0)
			continue
		to = answered[socket, i]
		took = to - from - stood_still(socket, from, to)
		if (took > most)
			most = took
		if (!accepts[socket, i])
			from = -1
	}
	return most + 0
}

function last_defer(socket, after,   i, last) {
	for (i = 1; i <= answers[socket]; i++)
		if (!accepts[socket, i] && asked[socket, i] > after)
			last = asked[socket, i]
	return last ? last - after : 0
}

END {
	for (s = 1; s <= stretches; s++)
		if (!longest || end[s] - begin[s] > end[longest] - begin[longest])
			longest = s
	last = mended[stretches]
	printf "mails %d %.1f %d %s\n", longest ? came_before[longest] : came, end[longest] - begin[longest],
		last ? came - came_before[stretches] : 0, longest ? words[longest] : "none failed"
	for (socket = 0; socket < sockets; socket++) {
		accepted = 0
		for (s = 1; s <= stretches; s++) {
			took = longest_accept(socket, s)
			if (took > accepted)
				accepted = took
		}
		printf "socket %d %.1f %.1f\n", socket, accepted, last ? last_defer(socket, last) : 0
	}
}
