#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# share/mta/haraka.js, called as Haraka does, without Haraka.

load lib
load watch

setup() {
	need_tool node nodejs
	mkdir -p "$SCRATCH/node_modules/haraka-dsn"
	echo 'exports.create = (...parts) => parts.join("/");' >"$SCRATCH/node_modules/haraka-dsn/index.js"
	sed "s|/run/spoolgate/state.sock|$SOCKET|" "$TOP/share/mta/haraka.js" >"$SCRATCH/spoolgate.js"
	cat >"$SCRATCH/mail.js" <<-'END'
		const plugin = require('./spoolgate.js');
		const connection = {
		  notes: {},
		  remote: { ip: '192.0.2.1', is_local: false },
		  logwarn: (_, text) => console.log(text),
		};
		global.DENYSOFT = 'denysoft';
		plugin.hook_mail((...answer) => console.log(answer.join(' ')), connection, [null, JSON.parse(process.argv[2])]);
	END
}

# What the plugin says to parameters of MAIL.
mail() { # JSON
	timeout 20 node "$SCRATCH/mail.js" "$1"
}

# What it asks, with nobody there who answers; the file has one question after the other.
asks() { # QUESTION JSON
	rm -f "$SCRATCH/asked"
	background listener socat -u "UNIX-LISTEN:$SOCKET,unlink-early" "CREATE:$SCRATCH/asked"
	wait_until 20 test -S "$SOCKET"
	mail "$2"
	wait_until 20 is_gone $!
	[[ $(cat "$SCRATCH/asked") == "$1" ]]
}

@test "Haraka: the size is the client's if it is a number, and nothing else of it is asked" {
	asks 'admission inbound 20000 192.0.2.1' '{"SIZE":"20000"}'
	asks 'admission inbound 0 192.0.2.1' '{"SIZE":"0"}'
	asks 'admission inbound 999999999999999999 192.0.2.1' '{"SIZE":"999999999999999999"}'
	asks 'admission inbound -1 192.0.2.1' '{}'
	asks 'admission inbound -1 192.0.2.1' 'null'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":"1000000000000000000"}'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":"1 127.0.0.1\nadmission internal"}'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":"5\n"}'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":"1k"}'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":""}'
	asks 'admission inbound -1 192.0.2.1' '{"SIZE":true}'
}

@test "Haraka: open it accepts, closed it has our reply, without a daemon it accepts and says so" {
	watch_only "$(filesystem "$SCRATCH" off off)"
	[ "$(mail '{"SIZE":"1000"}')" = '' ]
	cli override high
	[ "$(mail '{"SIZE":"1000"}')" = 'denysoft 452/Insufficient system resources/3/1' ]
	stop_daemon
	[[ $(mail '{}') == 'spoolgate: '*': accepting'* ]]
}
