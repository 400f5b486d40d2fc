/* SPDX-License-Identifier: GPL-2.0-only */
/* Bad configurations, each with exactly what is said of it after the file's name. */
#ifndef TESTS_CONFIG_CASES_H
#define TESTS_CONFIG_CASES_H

#include "common/units.h"

#define TOP_ALLOWED \
	"mode, user, stuck, filesystem, queue, memory, io, classes, admission, gate, state, listen"
#define LIMITS_ALLOWED	   "medium, high, leave-medium, leave-high, sustain, dwell"
#define FILESYSTEM_ALLOWED "mail, free-space, free-inodes, time-to-full, sync-latency, error"
#define NAME_WANTED	   "the name of an option or block (without quotes), or '}'"
#define SPACE_KINDS	   "a share (\"10%\") or a size (\"2G\"), or \"off\""
#define BARE_WANTED	   "letters, digits and any of -_.:% (put everything else in quotes)"

/* One resource block of a filesystem, in line 2. */
#define SPACE(text)  "filesystem '/a' {\nfree-space { " text " } }\n"
#define INODES(text) "filesystem '/a' {\nfree-inodes { " text " } }\n"

static const struct {
	const char *text, *want;
} bad_files[] = {
	/* Unknown names */
	{ "foo = 1", ":1: no such option 'foo'; allowed: " TOP_ALLOWED },
	{ "\n\nmemroy { }", ":3: no such option 'memroy'; allowed: " TOP_ALLOWED },
	{ "queue '/x' { free-space { } }",
	  ":1: no such option 'free-space' in 'queue \"/x\"'; allowed: length" },
	{ "include = 'x'", ":1: no such option 'include'; allowed: " TOP_ALLOWED },
	{ "# one\n# two\nfilesystem \"/x\" {\n  foo { }\n}",
	  ":4: no such option 'foo' in 'filesystem \"/x\"'; allowed: " FILESYSTEM_ALLOWED },
	{ "filesystem '/x' {\n available { } }",
	  ":2: no such option 'available' in 'filesystem \"/x\"'; allowed: " FILESYSTEM_ALLOWED },
	{ SPACE("low = 1G"), ":2: no such option 'low' in 'free-space'; allowed: " LIMITS_ALLOWED },
	{ "memory {\nfree-space { } }",
	  ":2: no such option 'free-space' in 'memory'; allowed: cgroup, available, stall, "
	  "oom-kill" },
	{ "Mode = observe", ":1: no such option 'Mode'; allowed: " TOP_ALLOWED },
	{ "admission { normal { } }",
	  ":1: no such option 'normal' in 'admission'; allowed: medium, high, reply, ramp" },
	{ "admission { medium { strangers = defer } }",
	  ":1: no such option 'strangers' in 'medium'; allowed: inbound, submission, internal" },
	{ "classes { inbound = '10.0.0.0/8' }",
	  ":1: no such option 'inbound' in 'classes'; allowed: internal" },
	{ "state { owner = root }",
	  ":1: no such option 'owner' in 'state'; allowed: address, mode, group, admin" },

	{ "gate { port = 25 }", ":1: no such option 'port' in 'gate'; allowed: ports, "
				"submission-ports, lease, reply, host, netns" },

	/* Gates */
	{ "gate { ports = {0} }", ":1: '0' is no port; allowed: 1 to 65535" },
	{ "gate {\nports = {25,\n65536} }", ":3: '65536' is no port; allowed: 1 to 65535" },
	{ "gate { ports = {-1} }", ":1: '-1' is no port; allowed: 1 to 65535" },
	{ "gate { ports = {smtp} }", ":1: 'smtp' is no port; allowed: 1 to 65535" },
	{ "gate { ports = {000025} }", ":1: '000025' is no port; allowed: 1 to 65535" },
	{ "gate { ports = {25, 25} }", ":1: port 25 is given twice in a gate; allowed: once" },
	{ "gate { ports = {25} submission-ports = {587, 25} }",
	  ":1: port 25 is given twice in a gate; allowed: once" },
	{ "gate { ports = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,\n17} }",
	  ":2: too many ports in a gate; allowed: up to 16" },
	{ "\ngate { ports = {} }", ":2: a gate without ports; allowed: one port at least" },
	{ "gate { lease = 9s }",
	  ":1: '9s' does not fit 'lease'; allowed: a time from \"10s\" to \"5min\", in " TIME_UNITS },
	{ "gate { lease = off }",
	  ":1: 'off' does not fit 'lease'; allowed: a time from \"10s\" to \"5min\", in " TIME_UNITS },
	{ "gate { reply = '452 4.3.1 x' }",
	  ":1: '452 4.3.1 x' is no greeting; allowed: \"421 4.y.z TEXT\" in plain ASCII, up to "
	  "200 bytes" },
	{ "gate { reply = '421 x' }",
	  ":1: '421 x' is no greeting; allowed: \"421 4.y.z TEXT\" in plain ASCII, up to 200 "
	  "bytes" },
	{ "gate { host = 'a b' }",
	  ":1: 'a b' is no host name; allowed: up to 255 letters, digits, dots and hyphens" },
	{ "gate { host = '' }",
	  ":1: '' is no host name; allowed: up to 255 letters, digits, dots and hyphens" },
	{ "gate { netns = mail }", ":1: 'mail' is no network namespace; allowed: its path, as in "
				   "\"/run/netns/mail\"" },
	{ "gate { }\ngate { }",
	  ":2: two gates in one network namespace (first in line 1); allowed: one, with all ports" },
	{ "gate { netns = '/a' }\ngate { netns = '/a' }",
	  ":2: two gates in one network namespace (first in line 1); allowed: one, with all ports" },
	{ "gate { }\ngate { netns='/1' }\ngate { netns='/2' }\ngate { netns='/3' }\n"
	  "gate { netns='/4' }",
	  ":5: too many 'gate' blocks; allowed: 4" },

	/* What libconfuse would let through */
	{ "mode = observe\nmemory {\n  stall { }\n",
	  ":2: block 'memory' is never closed; allowed: '}' before the end of the file" },
	{ "filesystem '/a' {\n free-space { medium = 10%\n # }\n /* } */ }\n",
	  ":1: block 'filesystem' is never closed; allowed: '}' before the end of the file" },
	{ "memory {\n stall {\n", ":2: block 'stall' is never closed; allowed: '}' before the end "
				  "of the file" },
	{ "state { group = '}'",
	  ":1: block 'state' is never closed; allowed: '}' before the end of "
	  "the file" },
	{ "memory { }\n\"memory|stall\" { medium = 1% }",
	  ":2: unexpected 'memory|stall'; allowed: " NAME_WANTED },
	{ "memory|stall { }", ":1: unexpected '|'; allowed: " BARE_WANTED },
	{ "'mode' = observe", ":1: unexpected 'mode'; allowed: " NAME_WANTED },
	{ "mode = en*force", ":1: unexpected '*'; allowed: " BARE_WANTED },
	{ "mode = ${HOME}", ":1: unexpected '$'; allowed: " BARE_WANTED },
	{ "mode = /x", ":1: unexpected '/'; allowed: " BARE_WANTED },
	{ "filesystem /var { }", ":1: unexpected '/'; allowed: " BARE_WANTED },
	{ "mode = observe;", ":1: unexpected ';'; allowed: " BARE_WANTED },
	{ SPACE("medium += 10%"), ":2: unexpected '+'; allowed: " BARE_WANTED },
	{ "mode = observe \x01", ":1: unexpected byte 0x01; allowed: plain text (other bytes in "
				 "quotes or comments)" },
	{ "\xef\xbb\xbfmode = observe",
	  ":1: unexpected byte 0xef; allowed: plain text (other bytes "
	  "in quotes or comments)" },

	/* Strings and comments */
	{ "mode = observe\n/* x\n\n",
	  ":2: comment is never closed; allowed: /* … */ before the end "
	  "of file" },
	{ "/*/", ":1: comment is never closed; allowed: /* … */ before the end of file" },
	{ "user = \"x\nmode = observe\n\"",
	  ":1: string is not closed; allowed: \"…\" or '…' on one line" },
	{ "\nuser = 'x", ":2: string is not closed; allowed: \"…\" or '…' on one line" },
	{ "user = \"x\\\"", ":1: string is not closed; allowed: \"…\" or '…' on one line" },
	{ "user = \"x\\\ny\"",
	  ":1: backslash before something else in a string; allowed: \\\\, \\\" "
	  "and \\'" },
	{ "user = \"\\400\"",
	  ":1: backslash before something else in a string; allowed: \\\\, \\\" "
	  "and \\'" },
	{ "user = '\\n'",
	  ":1: backslash before something else in a string; allowed: \\\\, \\\" and "
	  "\\'" },
	{ "filesystem '/a\tb' { }", ":1: control byte 0x09 in a string; allowed: text" },

	/* Grammar */
	{ "mode", ":1: unexpected end of file; allowed: '=', '{', or a block's title and '{'" },
	{ "mode =\n", ":2: unexpected end of file; allowed: a value, or a list as in "
		      "{ \"10%\", \"2G\" }" },
	{ "mode = = observe", ":1: unexpected '='; allowed: a value, or a list as in "
			      "{ \"10%\", \"2G\" }" },
	{ "mode observe\nuser = x", ":2: unexpected 'user'; allowed: '{'" },
	{ "}\n", ":1: unexpected '}'; allowed: one for each '{'" },
	{ "memory { } }\n", ":1: unexpected '}'; allowed: one for each '{'" },
	{ "{ }", ":1: unexpected '{'; allowed: " NAME_WANTED },
	{ SPACE("medium = {10% 1G}"), ":2: unexpected '1G'; allowed: ',' or '}'" },
	{ SPACE("medium = {,10%}"), ":2: unexpected ','; allowed: a value, or '}'" },
	{ SPACE("medium = {{10%}}"), ":2: unexpected '{'; allowed: a value, or '}'" },
	{ "a { a { a { a { a { a { a { a {\na { } } } } } } } } }",
	  ":2: block within too many others; allowed: 8 deep" },
	{ "mode { }", ":1: missing equal sign after option 'mode'; allowed: NAME = VALUE" },
	{ "memory = 1G", ":1: missing opening brace for section 'memory'; allowed: NAME { … }" },
	{ "memory \"x\" { }",
	  ":1: missing opening brace for section 'memory'; allowed: NAME { … }" },
	{ "filesystem { }",
	  ":1: missing title for section 'filesystem'; allowed: NAME \"TITLE\" { … }" },

	/* Given twice */
	{ "mode = observe\nmode = observe",
	  ":2: 'mode' is given twice (first in line 1); allowed: once in a block" },
	{ SPACE("medium = 10%\nhigh = 1% medium = {20%, 1G}"),
	  ":3: 'medium' is given twice (first in line 2); allowed: once in a block" },
	{ "classes { internal = {}\n internal = {} }",
	  ":2: 'internal' is given twice (first in line 1); allowed: once in a block" },
	{ "memory { }\n\nmemory {\n}\n",
	  ":3: block 'memory' is given twice (first in line 1); allowed: once" },
	{ "filesystem '/a' { free-space { }\nfree-space { } }",
	  ":2: block 'free-space' is given twice (first in line 1); allowed: once" },
	{ "filesystem '/a' { }\nfilesystem '/a' { }",
	  ":2: found duplicate title '/a'; allowed: one block for each" },
	{ "filesystem '/a/' { }\nfilesystem \"/a//\" { }",
	  ":2: filesystem '/a' is given twice (first in line 1); allowed: once" },

	{ "queue '/q' { }\nqueue '/q/' { }",
	  ":2: queue '/q' is given twice (first in line 1); allowed: once" },

	/* Values */
	{ "mode = watch", ":1: unknown mode 'watch'; allowed: enforce, observe" },
	{ "mode = ''", ":1: unknown mode ''; allowed: enforce, observe" },
	{ "mode = {enforce, observe}", ":1: 'mode' is a list of 2; allowed: one value" },
	{ "mode = {}", ":1: 'mode' is a list of 0; allowed: one value" },
	{ "user = 'a b'", ":1: 'a b' is no name for 'user'; allowed: up to 63 letters, digits and "
			  "any of _.- (no - first)" },
	{ "filesystem 'var/spool' { }", ":1: filesystem 'var/spool' is not absolute; allowed: a "
					"path that begins with '/'" },
	{ "filesystem '' { }",
	  ":1: filesystem '' is not absolute; allowed: a path that begins with "
	  "'/'" },
	{ "\nqueue 'deferred' { }",
	  ":2: queue 'deferred' is not absolute; allowed: a path that begins with '/'" },
	{ "queue '/q' { length { high = 10% } }", ":1: '10%' does not fit 'high' of 'length'; "
						  "allowed: a count (\"20000\"), or \"off\"" },
	{ "queue '/1' { }\nqueue '/2' { } queue '/3' { } queue '/4' { }\nqueue '/5' { }\n"
	  "queue '/6' { } queue '/7' { } queue '/8' { }\nqueue '/9' { }",
	  ":5: too many 'queue' blocks; allowed: 8" },
	{ SPACE("medium = 10s"),
	  ":2: '10s' does not fit 'medium' of 'free-space'; allowed: " SPACE_KINDS },
	{ SPACE("medium = {\"10%\",\n\n\"10\"}"),
	  ":4: '10' does not fit 'medium' of 'free-space'; allowed: " SPACE_KINDS },
	{ SPACE("high = 10x"),
	  ":2: '10x' does not fit 'high' of 'free-space'; allowed: " SPACE_KINDS },
	{ SPACE("high = -5%"),
	  ":2: '-5%' does not fit 'high' of 'free-space'; allowed: " SPACE_KINDS },
	{ SPACE("high = {}"), ":2: 'high' has 0 values; allowed: 1 to 4" },
	{ SPACE("high = {1%, 2%, 3%, 4%, 5%}"), ":2: 'high' has 5 values; allowed: 1 to 4" },
	{ SPACE("high = {off, 1G}"),
	  ":2: 'high' has \"off\" beside other values; allowed: \"off\" alone" },
	{ SPACE("medium = 101%"), ":2: '101%' for 'medium' is too large; allowed: up to 100%" },
	{ SPACE("medium = 9000P"), ":2: '9000P' for 'medium' is too large; allowed: up to 2^63 - 1 "
				   "bytes, ns or pieces" },
	{ SPACE("leave-high = off"),
	  ":2: 'off' does not fit 'leave-high' of 'free-space'; allowed: a share (\"10%\") or a "
	  "size (\"2G\")" },
	{ INODES("medium = 10G"), ":2: '10G' does not fit 'medium' of 'free-inodes'; allowed: a "
				  "share (\"10%\") or a count (\"20000\"), or \"off\"" },
	{ INODES("leave-high = 10G"), ":2: '10G' does not fit 'leave-high' of 'free-inodes'; "
				      "allowed: a share (\"10%\") or a count (\"20000\")" },
	{ "memory { stall { high = 5 } }", ":1: '5' does not fit 'high' of 'stall'; allowed: a "
					   "share (\"10%\"), or \"off\"" },
	{ "memory { oom-kill { high = 5% } }", ":1: '5%' does not fit 'high' of 'oom-kill'; "
					       "allowed: a count (\"20000\"), or \"off\"" },
	{ SPACE("dwell = 60"),
	  ":2: '60' does not fit 'dwell'; allowed: a time from \"0s\" to \"1d\", in " TIME_UNITS },
	{ SPACE("sustain = 25h"),
	  ":2: '25h' does not fit 'sustain'; allowed: a time from \"0s\" to \"1d\", in " TIME_UNITS },
	{ SPACE("dwell = {1s, 2s}"), ":2: 'dwell' is a list of 2; allowed: one value" },

	{ "memory { cgroup = 'system.slice' }",
	  ":1: 'system.slice' is no cgroup; allowed: its path, as in "
	  "\"/system.slice/postfix.service\"" },
	{ "memory { cgroup = '' }", ":1: '' is no cgroup; allowed: its path, as in "
				    "\"/system.slice/postfix.service\"" },
	{ "memory { cgroup = '//' }", ":1: '//' is no cgroup; allowed: its path, as in "
				      "\"/system.slice/postfix.service\"" },
	{ "memory { cgroup = '/a/' }", ":1: '/a/' is no cgroup; allowed: its path, as in "
				       "\"/system.slice/postfix.service\"" },
	{ "memory { cgroup = '/a/../b' }", ":1: '/a/../b' is no cgroup; allowed: its path, as in "
					   "\"/system.slice/postfix.service\"" },

	/* Values that contradict each other */
	{ SPACE("medium = 5%\nhigh = 10%"), ":3: 'high' would be entered before 'medium'; allowed: "
					    "'medium' at or above 'high'" },
	{ SPACE("high = 10%\nmedium = 5%"), ":2: 'high' would be entered before 'medium'; allowed: "
					    "'medium' at or above 'high'" },
	{ SPACE("medium = {5%, 1G} high = {6%, 2G}"),
	  ":2: 'high' would be entered before 'medium'; allowed: 'medium' at or above 'high'" },
	{ INODES("\nmedium = 3%"), ":3: 'high' would be entered before 'medium', of which one has "
				   "its default; allowed: 'medium' at or above 'high'" },
	{ "memory { stall {\nhigh = 5% } }",
	  ":2: 'high' would be entered before 'medium', of which one has its default; allowed: "
	  "'medium' at or below 'high'" },
	{ SPACE("medium = 10%\nleave-medium = 9.9%"),
	  ":3: 'leave-medium' is on the wrong side of 'medium'; allowed: at or above it" },
	{ SPACE("high = 1G leave-high = 1023M"),
	  ":2: 'leave-high' is on the wrong side of 'high'; allowed: at or above it" },
	{ "memory { stall { leave-high = 41% } }",
	  ":1: 'leave-high' is on the wrong side of 'high'; allowed: at or below it" },
	{ SPACE("medium = off leave-medium = 1G"),
	  ":2: 'leave-medium' has no use while 'medium' is off; allowed: both or neither" },

	/* Networks */
	{ "classes { internal = '10.0.0.1/8' }",
	  ":1: '10.0.0.1/8' has bits set beyond its prefix; allowed: \"10.0.0.0/8\"" },
	{ "classes { internal = {'::1/128',\n'2001:db8::1/32'} }",
	  ":2: '2001:db8::1/32' has bits set beyond its prefix; allowed: \"2001:db8::/32\"" },
	{ "classes { internal = '10.0.0.0/33' }",
	  ":1: '10.0.0.0/33' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },
	{ "classes { internal = '10.0.0.0/' }",
	  ":1: '10.0.0.0/' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },
	{ "classes { internal = '10.0.0.0/8x' }",
	  ":1: '10.0.0.0/8x' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },
	{ "classes { internal = '127/8' }",
	  ":1: '127/8' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },
	{ "classes { internal = '::/129' }",
	  ":1: '::/129' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },
	{ "classes { internal = localhost }",
	  ":1: 'localhost' is no network; allowed: \"ADDRESS/PREFIX\" as in \"192.0.2.0/24\" and "
	  "\"2001:db8::/32\"" },

	/* Admission */
	{ "admission { medium { inbound = refuse } }",
	  ":1: 'refuse' is no admission; allowed: \"accept\", \"delay SECONDS\" (1 to 300), "
	  "\"defer\"" },
	{ "admission { medium { inbound = 'delay 0' } }",
	  ":1: 'delay 0' is no admission; allowed: \"accept\", \"delay SECONDS\" (1 to 300), "
	  "\"defer\"" },
	{ "admission { medium { inbound = 'delay 301' } }",
	  ":1: 'delay 301' is no admission; allowed: \"accept\", \"delay SECONDS\" (1 to 300), "
	  "\"defer\"" },
	{ "admission { medium { inbound = 'delay 10s' } }",
	  ":1: 'delay 10s' is no admission; allowed: \"accept\", \"delay SECONDS\" (1 to 300), "
	  "\"defer\"" },
	{ "admission { medium { inbound = 'delay ' } }",
	  ":1: 'delay ' is no admission; allowed: \"accept\", \"delay SECONDS\" (1 to 300), "
	  "\"defer\"" },
	{ "admission {\nhigh { inbound = 'delay 10' } }",
	  ":2: 'inbound' is treated better at high than at medium; allowed: the same or worse" },
	{ "admission { ramp = 61min }",
	  ":1: '61min' does not fit 'ramp'; allowed: a time from \"0s\" to \"1h\", in " TIME_UNITS
	  ", or \"off\"" },
	{ "admission {\nramp = 10 }",
	  ":2: '10' does not fit 'ramp'; allowed: a time from \"0s\" to \"1h\", in " TIME_UNITS
	  ", or \"off\"" },
	{ "stuck = 59s",
	  ":1: '59s' does not fit 'stuck'; allowed: a time from \"1min\" to \"30d\", in " TIME_UNITS
	  ", or \"off\"" },
	{ "stuck = never",
	  ":1: 'never' does not fit 'stuck'; allowed: a time from \"1min\" to \"30d\", in " TIME_UNITS
	  ", or \"off\"" },
	{ "stuck = {1h, 2h}", ":1: 'stuck' is a list of 2; allowed: one value" },
	{ "admission { reply = '250 2.0.0 Ok' }",
	  ":1: '250 2.0.0 Ok' is no reply; allowed: \"4xx 4.y.z TEXT\" in plain ASCII, up to 200 "
	  "bytes" },
	{ "admission { reply = '452 Full' }",
	  ":1: '452 Full' is no reply; allowed: \"4xx 4.y.z TEXT\" in plain ASCII, up to 200 bytes" },
	{ "admission { reply = '452 4.3.1 ' }",
	  ":1: '452 4.3.1 ' is no reply; allowed: \"4xx 4.y.z TEXT\" in plain ASCII, up to 200 "
	  "bytes" },
	{ "admission { reply = '452 4.3.1 f\xc3\xbcll' }",
	  ":1: '452 4.3.1 f\xc3\xbcll' is no reply; allowed: \"4xx 4.y.z TEXT\" in plain ASCII, up "
	  "to 200 bytes" },

	/* The state socket */
	{ "state { address = '/run/x' }",
	  ":1: '/run/x' is no address of the state socket; allowed: \"unix:/PATH\", PATH up to 107 "
	  "bytes" },
	{ "state { address = 'unix:run/x' }",
	  ":1: 'unix:run/x' is no address of the state socket; allowed: \"unix:/PATH\", PATH up to "
	  "107 bytes" },
	{ "state { address = 'unix:/run/' }",
	  ":1: 'unix:/run/' is no address of the state socket; allowed: \"unix:/PATH\", PATH up to "
	  "107 bytes" },
	{ "state { address = 'unix:/23456789-123456789-123456789-123456789-123456789-123456789-"
	  "123456789-123456789-123456789-123456789-12345678' }",
	  ":1: 'unix:/23456789-123456789-123456789-123456789-123456789-123456789-123456789-12345' is "
	  "no address of the state socket; allowed: \"unix:/PATH\", PATH up to 107 bytes" },
	{ "state { mode = 0660x }", ":1: '0660x' is no mode; allowed: octal \"0000\" to \"0777\"" },
	{ "state { mode = 0680 }", ":1: '0680' is no mode; allowed: octal \"0000\" to \"0777\"" },
	{ "state { mode = 2660 }", ":1: '2660' is no mode; allowed: octal \"0000\" to \"0777\"" },
	{ "state { group = '-x' }", ":1: '-x' is no name for 'group'; allowed: up to 63 letters, "
				    "digits and any of _.- (no - first)" },
};

#endif
