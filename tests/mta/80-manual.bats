#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What README, the manual pages and the snippets have somebody type, typed: on a machine with
# all mail servers' programs, from `make install` on. See tests/manual/claims.tsv. The tests go
# on from each other, as the README does.

load ../system/lib
load lab
load ../manual/manual

setup_file() {
	export LAB_ALSO='exim opensmtpd sendmail'
	can_have_lab postfix-manual || return 0
	start_lab postfix-manual /var/spool/postfix ''
	start_in_lab postfix postfix start-fg
	wait_until 20 listens "$STRANGERS" 25
}

teardown_file() {
	end_lab
}

setup() {
	need_lab
}

teardown() {
	[[ ${BATS_TEST_COMPLETED:-} || ! ${LAB_PID:-} ]] || lab tail -n 20 /var/log/lab/spoolgated /var/log/lab/postfix
	tear_down
}

typed() { # TEXT [SED-SCRIPT]
	local text
	text=$(sed -e "${2:-}" <<<"$1")
	timeout 60 nsenter --target "$LAB_PID" --mount --net --uts --ipc --pid --root --wdns=/ \
		env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -ec "$text" </dev/null 3>&-
}

# --- install --------------------------------------------------------------------------------

# `make install` is done from here, into a directory of its own that is then laid over the lab.
install_typed() { # PLACE TEXT
	[[ $2 == 'make install '* ]] || return
	make -C "$TOP" install DESTDIR="$SCRATCH/root" >"$SCRATCH/install.log" || return
	tar -C "$SCRATCH/root" -cf - . | lab tar -C / --keep-directory-symlink --no-same-owner -xf - || return
	typed "${2#*$'\n'}"
}

@test "install: as it says, and then spoolgate answers" {
	each_text install install_typed
	lab id spoolgate-milter | grep -q '(spoolgate)'
	lab ldconfig -p | grep -q 'libspoolgate.so.0 .*/usr/local/lib/'
	[ "$(lab ps -o user= -p "$(lab cat /run/spoolgated.pid)")" = spoolgate ]
	[ "$(lab readlink /etc/systemd/system/multi-user.target.wants/spoolgated.service)" = /usr/local/lib/systemd/system/spoolgated.service ]
	lab systemd-analyze verify /usr/local/lib/systemd/system/spoolgated.service /usr/local/lib/systemd/system/spoolgate-milter.service
	# What the snippet names is where it was put: smtpd ends otherwise.
	lab test -x "$(lab sed -n 's/^filter .* proc-exec "\([^"]*\)".*/\1/p' /usr/local/share/doc/spoolgate/mta/opensmtpd.conf)"
	lab man -w spoolgate.conf >/dev/null 2>&1 || [ -e "$SCRATCH/root/usr/local/share/man/man5/spoolgate.conf.5" ]
}

# Each line of LOG begins with the word that one of the lines shown begins with.
begins_alike() { # TEXT FILE
	local word rest
	while read -r word rest; do
		[[ ! $word || $word == … || $word == '!' ]] || grep -q "^\(error: \|warning: \)\?$word\b" "$2" || {
			echo "nothing begins with $word in:"
			cat "$2"
			return 1
		}
	done <<<"$1"
}

banner_is() { # PLACE TEXT
	lab cat /var/log/lab/spoolgated >"$SCRATCH/log"
	begins_alike "$2" "$SCRATCH/log"
}

@test "the log of a start begins its lines as shown" {
	each_text banner banner_is
}

# --- reload ---------------------------------------------------------------------------------

reads_in_log() {
	lab grep -c 'configuration read again' /var/log/lab/spoolgated
}

reload_typed() { # PLACE TEXT
	local before
	before=$(reads_in_log)
	typed "$2" || return
	wait_until 10 is_read_again "$before" || return
	lab sed -i '1i colour = "blue"' /etc/spoolgate/spoolgate.conf
	lab truncate -s 0 /var/log/lab/spoolgated
	! typed "$2" 2>"$SCRATCH/told" || return
	lab sed -i 1d /etc/spoolgate/spoolgate.conf
	lab cat /var/log/lab/spoolgated >>"$SCRATCH/told"
	grep -q 'spoolgate.conf:1: .*colour' "$SCRATCH/told" || return
	! grep -q 'reload: .*nothing changed' "$SCRATCH/told" # the daemon was not even asked
}

is_read_again() { # BEFORE
	[[ $(reads_in_log) -gt $1 ]]
}

@test "reload: takes a file that is right, and fails with a mistake" {
	each_text reload reload_typed
}

unit_takes() { # PLACE TEXT
	lab mkdir -p /etc/systemd/system/spoolgated.service.d
	printf '[Service]\n%s\n' "$2" | lab tee /etc/systemd/system/spoolgated.service.d/manual.conf >/dev/null
	lab systemd-analyze verify spoolgated.service
}

@test "systemd takes what is said to go into a drop-in" {
	each_text unit unit_takes
	lab rm -r /etc/systemd/system/spoolgated.service.d
}

# --- Postfix --------------------------------------------------------------------------------

# README's are for the server that runs; what others say is tried on a copy.
postfix_typed() { # PLACE TEXT
	case $1,$2 in
	README.md:*,systemctl* | README.md:*,postconf*) typed "$2" ;;
	*,postconf* | *' = '*) postfix_copy_takes "$2" ;;
	*,452*) [[ $(shown_refusal "$2") == "$(shown_refusal "$(refusal asked)")" ]] ;;
	*) return 1 ;;
	esac
}

shown_refusal() { # TEXT
	sed -E 's/^[A-Z]+: //; s/<[^>]*>/<>/' <<<"$1"
}

# Each setting alone; the real postconf has no word against it.
postfix_copy_takes() { # TEXT
	typed "rm -rf /tmp/copy; cp -a /etc/postfix /tmp/copy
		$(sed 's/postconf -/postconf -c \/tmp\/copy -/g; s/^[a-z_]* = .*/postconf -c \/tmp\/copy -e "&"/' <<<"$1")
		postconf -c /tmp/copy -n 2>&1 >/dev/null | tee /dev/stderr | grep -q . && exit 1 || true"
}

@test "Postfix: the new restriction goes before those that were there, which stay" {
	ADMISSION='' configure_spoolgate "$(manual_text README.md 'listen "postfix" *')"
	lab systemctl restart spoolgated
	each_text_of_readme
	[[ $(lab postconf -h smtpd_recipient_restrictions) == '$spoolgate_check permit_mynetworks, reject_unauth_destination,'*blocked* ]]
	[ -z "$(lab postconf -n 2>&1 >/dev/null)" ]
	make_level normal
	swaks normal "$STRANGERS"
	is_accepted normal
	swaks blocked "$STRANGERS" --to blocked@sink.test || true
	[[ $(refusal blocked) == 'RCPT: 554 5.7.1 '* ]]
	make_level medium
	swaks asked "$STRANGERS" || true
	is_refused asked "RCPT: 452 4.3.1 <$MAILBOX>: Recipient address rejected: ${REPLY#452 4.3.1 }"
	each_text postfix postfix_others
	make_level normal
}

each_text_of_readme() {
	each_text postfix postfix_readme
}

postfix_readme() {
	[[ $1,$2 != README.md:*,systemctl* && $1,$2 != README.md:*,postconf* ]] || postfix_typed "$@"
}

postfix_others() {
	[[ $1,$2 == README.md:*,systemctl* || $1,$2 == README.md:*,postconf* ]] || postfix_typed "$@"
}

# --- commands -------------------------------------------------------------------------------

run_typed() { # PLACE TEXT SED-SCRIPT
	typed "$2" "$3"
}

@test "commands run" {
	make_level normal
	each_text run run_typed
}

# mail(1) is not there; what it would be told is.
watch_typed() { # PLACE TEXT
	# shellcheck disable=SC2016
	typed 'printf "#!/bin/sh\nprintf \"%%s/\" \"\$@\" >/tmp/mailed; cat >>/tmp/mailed\n" >/usr/local/bin/mail; chmod 755 /usr/local/bin/mail'
	timeout 3 nsenter --target "$LAB_PID" --mount --net --uts --ipc --pid --root --wdns=/ bash -c "$2" </dev/null 3>&-
	[[ $(lab cat /tmp/mailed) == '-s/spool normal/root/'* ]]
}

@test "watch --exec: mail(1) is called with a subject for whom it says" {
	each_text watch watch_typed
}

# "$ COMMAND" and what it says: its lines word for word, or begun alike.
session_typed() { # PLACE TEXT exactly|
	local line command='' shown=''
	while IFS= read -r line; do
		if [[ $line == '$ '* ]]; then
			session_step "$command" "$shown" "$3" || return
			command=${line#\$ } shown=''
		else
			shown+=$line$'\n'
		fi
	done <<<"$2"
	session_step "$command" "$shown" "$3"
}

session_step() { # COMMAND SHOWN exactly|
	[[ $1 ]] || return 0
	typed "set +e; timeout 2 $1" >"$SCRATCH/said" 2>&1
	if [[ $3 ]]; then
		diff <(printf %s "$2" | grep .) "$SCRATCH/said"
	else
		begins_alike "$(sed 's/^[0-9-]* [0-9:]*  [a-z]* .*//' <<<"$2")" "$SCRATCH/said"
	fi
}

@test "a first conversation is as it is shown, at level medium" {
	make_level medium
	each_text session session_typed
	make_level normal
}

# --- the other servers ----------------------------------------------------------------------

# Until it listens.
milter_typed() { # PLACE TEXT
	local text=${2//\/PATH//run/manual.sock}
	if [[ $text == OPTIONS=* ]]; then
		typed "mkdir -p /etc/default; echo '$text' >/etc/default/spoolgate-milter
			systemctl restart spoolgate-milter; test -S /var/spool/postfix/spoolgate/milter.sock; systemctl stop spoolgate-milter"
	else
		lab rm -f /var/log/lab/milter
		start_in_lab milter bash -c "exec $text"
		wait_until 10 lab grep -q 'listening on' /var/log/lab/milter || return
		end_in_lab milter
	fi
}

@test "the milter starts with the options that are shown" {
	lab systemctl stop spoolgate-milter || true
	each_text milter milter_typed
}

smtpd_typed() { # PLACE TEXT
	local filter='' text
	[[ $2 != 'smtpd -n' ]] || { typed "$2"; return; }
	[[ $2 == 'filter '* ]] || filter='filter "spoolgate" proc-exec "x" group "spoolgate"'
	text=${2//eth0/lo}
	# shellcheck disable=SC2016
	typed 'printf "%s\n" "pki mail.example.org cert \"/etc/ssl/lab.pem\"" "pki mail.example.org key \"/etc/ssl/lab.key\"" \
		"$TEXT" "action a relay" "match from any for any action a" >/tmp/smtpd.conf; chmod 600 /etc/ssl/lab.key; smtpd -n -f /tmp/smtpd.conf' \
		"1i TEXT='$(sed 's/$/\\/' <<<"$filter"$'\n'"$text" | sed '$s/\\$//')'"
}

@test "OpenSMTPD takes those lines" {
	lab sh -c ': >/etc/aliases'
	each_text smtpd smtpd_typed
}

# At medium a stranger hears 452 at MAIL, whose configuration Exim has.
exim_asks() { # EXIM-OPTION...
	# shellcheck disable=SC2016
	printf 'EHLO client.test\r\nMAIL FROM:<a@client.test>\r\nQUIT\r\n' >"$SCRATCH/session"
	lab exim4 "$@" -bh 203.0.113.9 <"$SCRATCH/session" >"$SCRATCH/exim" 2>"$SCRATCH/exim.err"
	grep -q "^$REPLY" "$SCRATCH/exim" || {
		cat "$SCRATCH/exim" "$SCRATCH/exim.err"
		return 1
	}
}

debian_exim() { # true|false: split
	lab sed -i "s/^dc_use_split_config=.*/dc_use_split_config='$1'/" /etc/exim4/update-exim4.conf.conf
	lab update-exim4.conf
	lab exim4 -bV | grep -q '^Configuration file is /var/lib/exim4/config.autogenerated'
	exim_asks
}

@test "Exim: Debian's configuration, split and in one file, and one of one's own" {
	local file=/usr/local/share/doc/spoolgate/mta/exim.conf macro include set require internal
	macro=$(manual_text share/mta/exim.conf 'MAIN_ACL_CHECK_MAIL*')
	include=$(manual_text share/mta/exim.conf '.include *')
	set=$(manual_text share/mta/exim.conf 'acl_smtp_mail = *')
	require=$(manual_text share/mta/exim.conf 'require *')
	internal=$(manual_text share/mta/exim.conf 'SPOOLGATE_INTERNAL = *')
	configure_spoolgate "$(manual_text share/mta/exim.conf 'state *')"
	lab systemctl restart spoolgated
	make_level medium

	lab cp "$file" /etc/exim4/conf.d/acl/10_spoolgate
	lab sh -c "echo '$macro' >/etc/exim4/conf.d/main/000_spoolgate"
	debian_exim true
	# The first step for others would break it.
	lab sh -c "echo '$set' >>/etc/exim4/conf.d/main/000_spoolgate"
	! lab sh -c 'update-exim4.conf && exim4 -bV' >"$SCRATCH/twice" 2>&1
	grep -q 'acl_smtp_mail' "$SCRATCH/twice" || { cat "$SCRATCH/twice"; false; }
	lab rm -r /etc/exim4/conf.d/acl/10_spoolgate /etc/exim4/conf.d/main/000_spoolgate

	lab cp "$file" "${include#.include }"
	lab sh -c "printf '%s\n' '$macro' '$internal' >/etc/exim4/exim4.conf.localmacros"
	lab sed -i "/^begin acl/a $include" /etc/exim4/exim4.conf.template
	debian_exim false

	printf '%s\n' "$internal" "$set" 'begin acl' "$include" | lab tee /etc/exim4/own.conf >/dev/null
	exim_asks -C /etc/exim4/own.conf
	printf '%s\n' 'acl_smtp_mail = own' 'begin acl' "$include" 'own:' "  $require" '  accept' | lab tee /etc/exim4/own.conf >/dev/null
	exim_asks -C /etc/exim4/own.conf
	make_level normal
}
