# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where this machine gets its packages from: no archive is named in the tree.

# The first address in the machine's own sources that serves SUITE's archive: the security
# archive is one of its own.
archive_of() { # SUITE
	local kind=archive
	[[ $1 == *-security ]] && kind=security
	awk -v kind="$kind" '
		function judge(address, suites) {
			if (address != "" && !found && (suites ~ /-security/) == (kind == "security")) {
				print address
				found = 1
			}
		}
		NF == 0 || $1 == "Types:" { judge(address, named); address = named = "" }
		$1 == "URIs:" { address = $2 }
		$1 == "Suites:" { named = $0 }
		$1 == "deb" { sub(/\[[^]]*\] */, ""); judge($2, $3) }
		END { judge(address, named) }
	' <(cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null)
}
